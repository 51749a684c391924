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
	if err := command(os.Args[1:]).Execute(); err != nil {
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

// command is picket's command line, args.
func command(args []string) *cobra.Command {
	root := &cobra.Command{
		Use:   "picket",
		Short: "watches a network and its hosts, recognises attacks and stops them",
		Long: `picket watches a network and its hosts, recognises attacks and stops them.

Without any configuration "picket run" listens on the interfaces that hold a default route, judges with its own
rules, touches nothing, and prints a line for each alert. Its exit code is 0 when all went well, else 1, with the
reason on standard error.`,
		Version:       version(),
		SilenceUsage:  true,
		SilenceErrors: true,
	}
	root.PersistentFlags().StringP("config", "c", "", "configuration `FILE` (default "+defaultConfig+" when it is there)")
	for _, group := range verbs() {
		root.AddGroup(&cobra.Group{ID: group.title, Title: group.title + ":"})
		for _, verb := range group.list {
			verb.GroupID = group.title
			root.AddCommand(verb)
		}
	}
	root.AddCommand(versionCommand(), keywordsCommand())
	root.SetHelpCommand(helpCommand())
	root.SetUsageTemplate(usageTemplate)
	root.SetVersionTemplate("{{.Version}}\n")
	root.InitDefaultCompletionCmd(args...)
	if completion, _, err := root.Find([]string{"completion"}); err == nil {
		completion.Short = "write a script that completes verbs and flags in a shell"
	}
	tellMisuse(root, args)
	root.SetArgs(args)
	return root
}

// group is a part of picket's verbs, as its help lists them.
type group struct {
	title string
	list  []*cobra.Command
}

func verbs() []group {
	return []group{
		{"Watch", []*cobra.Command{
			profiled(runCommand()), profiled(readCommand()), profiled(checkCommand()), statusCommand(), metricsCommand(), reloadCommand(),
		}},
		{"Ask and act", []*cobra.Command{
			whyCommand(), incidentsCommand(), measuresCommand(), approveCommand(), denyCommand(), liftCommand(),
			banCommand(), unbanCommand(), bansCommand(), policyCommand(), pluginsCommand(), notifyCommand(),
		}},
		{"Logs, in fail2ban's place", []*cobra.Command{
			logsCommand(), jailsCommand(), jailCommand(), migrateCommand(),
			personalityCommand("fail2ban-client", "fail2ban-client: its options, output and exit codes (also as a symlink)"),
			personalityCommand("fail2ban-regex", "fail2ban-regex: its options, output and exit codes (also as a symlink)"),
		}},
	}
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
