// Command picket is the whole program: one binary, a few verbs, one file a verb.
package main

import (
	"errors"
	"fmt"
	"os"
	"runtime/debug"

	"github.com/spf13/cobra"
)

func main() {
	debug.SetGCPercent(200)
	if exit, ok := become(os.Args); ok {
		os.Exit(exit)
	}
	if err := command().Execute(); err != nil {
		var code exitCode
		if errors.As(err, &code) {
			os.Exit(int(code))
		}
		var said quiet
		if !errors.As(err, &said) {
			fmt.Fprintln(os.Stderr, "picket:", err)
		}
		os.Exit(1)
	}
}

// quiet wraps an error that has been printed already.
type quiet struct{ error }

func command() *cobra.Command {
	root := &cobra.Command{
		Use:   "picket",
		Short: "watches a network and its hosts, recognises attacks and stops them",
		Long: `picket watches a network and its hosts, recognises attacks and stops them.

Without any configuration "picket run" listens on the interfaces that hold a default route, judges with its own
rules, touches nothing, and prints a line for each alert.`,
		SilenceUsage:  true,
		SilenceErrors: true,
	}
	root.PersistentFlags().StringP("config", "c", "", "configuration file (default "+defaultConfig+" when it is there)")
	root.AddCommand(
		profiled(runCommand()), profiled(readCommand()), profiled(checkCommand()),
		statusCommand(), reloadCommand(),
		banCommand(), unbanCommand(), bansCommand(), incidentsCommand(), whyCommand(),
		measuresCommand(), approveCommand(), denyCommand(), liftCommand(), policyCommand(),
		pluginsCommand(),
		logsCommand(), jailsCommand(), jailCommand(),
		migrateCommand(),
		personalityCommand("fail2ban-client", "fail2ban-client: its options, output and exit codes (also as a symlink)"),
		personalityCommand("fail2ban-regex", "fail2ban-regex: its options, output and exit codes (also as a symlink)"),
		versionCommand(), keywordsCommand(),
	)
	return root
}

func versionCommand() *cobra.Command {
	return &cobra.Command{Use: "version", Short: "print the version", Args: cobra.NoArgs,
		Run: func(cmd *cobra.Command, _ []string) { fmt.Fprintln(cmd.OutOrStdout(), version()) }}
}

// version comes from the build: the module's tag, or the commit.
func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "picket (built without version)"
	}
	text := "picket " + info.Main.Version
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" {
			text += " " + s.Value[:min(12, len(s.Value))]
		}
	}
	return text
}
