package main

import (
	"context"
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"picket/actions/plugin"
	"picket/actions/procfs"
	"picket/incidents"
)

func pluginsCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "plugins", Short: "measures that others have written: list, validate, run, install, sudo-check", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return listPlugins(cmd) }}
	cmd.PersistentFlags().String("dir", "", "folder of the plugins (default: that of the configuration)")
	cmd.PersistentFlags().Bool("json", false, "print JSON")
	cmd.AddCommand(
		&cobra.Command{Use: "list", Short: "list the installed plugins and their faults", Args: cobra.NoArgs,
			RunE: func(cmd *cobra.Command, _ []string) error { return listPlugins(cmd) }},
		&cobra.Command{Use: "validate [FILE|TEXTKEY]...", Short: "check plugins; those that speak JSON are asked, too",
			RunE: func(cmd *cobra.Command, args []string) error { return validatePlugins(cmd, args) }},
		&cobra.Command{Use: "sudo-check", Short: "tell which of the commands that plugins need are missing from sudoers", Args: cobra.NoArgs,
			RunE: func(cmd *cobra.Command, _ []string) error { return checkSudo(cmd) }},
		runMeasureCommand(), installCommand(),
	)
	return cmd
}

// pluginsHere are the installed plugins, what runs them, and what is wrong with others.
func pluginsHere(cmd *cobra.Command) (*plugin.Runner, string, []*plugin.Manifest, []error, error) {
	c, err := loadConfig(cmd)
	if err != nil {
		return nil, "", nil, nil, err
	}
	dir, _ := cmd.Flags().GetString("dir")
	if dir == "" {
		dir = c.Plugins.Dir
	}
	list, faults := plugin.Load(dir)
	return c.Runner(), dir, list, faults, nil
}

func listPlugins(cmd *cobra.Command) error {
	r, dir, list, faults, err := pluginsHere(cmd)
	if err != nil || printed(cmd, list) {
		return err
	}
	out := tabwriter.NewWriter(cmd.OutOrStdout(), 0, 8, 2, ' ', 0)
	fmt.Fprintln(out, "TEXTKEY\tNAME\tAUTHOR\tRUNTIME\tFREQUENCY\tREADY\tDESCRIPTION")
	doers := r.Doers(list)
	for _, m := range list {
		ready := "yes"
		if err := doers[m.Textkey].Able(); err != nil {
			ready = "no: " + err.Error()
		}
		between := "any time"
		if m.MaxFrequency > 0 {
			between = "every " + time.Duration(m.MaxFrequency).String()
		}
		fmt.Fprintf(out, "%s\t%s\t%s\t%s\t%s\t%s\t%s\n", m.Textkey, incidents.Printable(m.Name), incidents.Printable(m.Author), m.Runtime(), between,
			ready, incidents.Printable(m.Description))
	}
	if err := out.Flush(); err != nil {
		return err
	}
	if len(list) == 0 && len(faults) == 0 {
		fmt.Fprintf(cmd.OutOrStdout(), "no plugin in %s (picket plugins install URL)\n", dir)
	}
	return errors.Join(faults...)
}

// validatePlugins checks the named plugins, all without a name.
func validatePlugins(cmd *cobra.Command, args []string) error {
	r, _, list, faults, err := pluginsHere(cmd)
	if err != nil {
		return err
	}
	if len(args) > 0 {
		if list, faults = named(list, args); len(list) == 0 && len(faults) == 0 {
			return errors.New("validate: no such plugin")
		}
	}
	for _, m := range list {
		text, err := r.Verb(cmd.Context(), m, "validate", nil)
		if err != nil {
			faults = append(faults, err)
			continue
		}
		fmt.Fprintf(cmd.OutOrStdout(), "%s is valid\n", m.Textkey)
		if text != "" {
			fmt.Fprintln(cmd.OutOrStdout(), printableLines(text))
		}
	}
	return errors.Join(faults...)
}

// named picks plugins by textkey, or reads them from a file.
func named(list []*plugin.Manifest, args []string) (picked []*plugin.Manifest, faults []error) {
	for _, arg := range args {
		if strings.HasSuffix(arg, ".json") {
			m, err := plugin.Read(arg)
			if err != nil {
				faults = append(faults, err)
			} else {
				picked = append(picked, m)
			}
			continue
		}
		found := false
		for _, m := range list {
			if m.Textkey == arg {
				picked, found = append(picked, m), true
			}
		}
		if !found {
			faults = append(faults, fmt.Errorf("plugin %s is not installed", arg))
		}
	}
	return picked, faults
}

func checkSudo(cmd *cobra.Command) error {
	r, _, list, faults, err := pluginsHere(cmd)
	if err != nil {
		return err
	}
	missing := 0
	for _, m := range list {
		lacks, err := r.SudoMissing(cmd.Context(), m)
		if err != nil {
			faults = append(faults, fmt.Errorf("%s: %w", m.Textkey, err))
		}
		for _, lack := range lacks {
			missing++
			fmt.Fprintf(cmd.OutOrStdout(), "%s: %s: %s; add to sudoers (visudo):\n  %s\n", m.Textkey, lack.Command, procfs.Printable(lack.Why), lack.Line)
		}
	}
	if missing > 0 {
		faults = append(faults, fmt.Errorf("%s missing from sudoers", counted(missing, "command is", "commands are")))
	}
	if len(faults) == 0 {
		fmt.Fprintln(cmd.OutOrStdout(), "sudoers has all that the plugins need")
	}
	return errors.Join(faults...)
}

func installCommand() *cobra.Command {
	var src plugin.Source
	var name string
	cmd := &cobra.Command{Use: "install URL", Short: "fetch a plugin (zip, tar or JSON), check it, and install it", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			src.URL = args[0]
			return installPlugin(cmd, name, src)
		}}
	cmd.Flags().StringVar(&src.SHA256, "sha256", "", "checksum of the file, in hex")
	cmd.Flags().StringVar(&src.Key, "key", "", "Ed25519 public key in base64; the signature is fetched from URL.sig")
	cmd.Flags().StringVar(&name, "name", "", "name of its folder (default: the file's name)")
	return cmd
}

func installPlugin(cmd *cobra.Command, name string, src plugin.Source) error {
	r, dir, before, _, err := pluginsHere(cmd)
	if err != nil {
		return err
	}
	if name == "" {
		name, _, _ = strings.Cut(strings.ToLower(path.Base(src.URL)), ".")
	}
	list, err := plugin.Install(cmd.Context(), dir, name, src)
	if err != nil {
		return err
	}
	for _, m := range list {
		if err := prepared(cmd.Context(), r, m); err != nil {
			return fmt.Errorf("%s is installed, but it could not be prepared: %w", m.Textkey, err)
		}
		then := "a running picket knows it after a restart"
		if slices.ContainsFunc(before, func(old *plugin.Manifest) bool { return old.Textkey == m.Textkey }) {
			then = "picket reload puts it in force in a running picket"
		}
		fmt.Fprintf(cmd.OutOrStdout(), "%s is installed in %s; %s\n", m.Textkey, path.Join(dir, name), then)
	}
	return nil
}

// prepared lets a plugin that speaks JSON do its set-up.
func prepared(ctx context.Context, r *plugin.Runner, m *plugin.Manifest) error {
	_, err := r.Verb(ctx, m, "prepare", nil)
	return err
}
