package main

import (
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"picket/actions/policy"
	"picket/signatures/language"
)

// usageTemplate is how a verb is used: cobra's own in picket's words.
const usageTemplate = `Usage:{{if and .Runnable (not .Annotations.holds)}}
  {{.UseLine}}{{end}}{{if .HasAvailableSubCommands}}
  {{.CommandPath}} VERB{{end}}{{if .HasExample}}

Examples:
{{.Example}}{{end}}{{if .HasAvailableSubCommands}}{{$verbs := .Commands}}{{if not .Groups}}

Verbs:{{end}}{{range $group := .Groups}}

{{.Title}}{{range $verbs}}{{if eq .GroupID $group.ID}}
  {{rpad .Name .NamePadding}} {{.Short}}{{end}}{{end}}{{end}}{{if .Groups}}

Other:{{end}}{{range $verbs}}{{if and (eq .GroupID "") (or .IsAvailableCommand (eq .Name "help"))}}
  {{rpad .Name .NamePadding}} {{.Short}}{{end}}{{end}}{{end}}{{if .HasAvailableLocalFlags}}

Flags:
{{.LocalFlags.FlagUsages | trimTrailingWhitespaces}}{{end}}{{if .HasAvailableInheritedFlags}}

Flags of every verb:
{{.InheritedFlags.FlagUsages | trimTrailingWhitespaces}}{{end}}{{if .HasAvailableSubCommands}}

{{.CommandPath}} VERB --help tells more of each.{{end}}
`

// tellMisuse makes cmd and every verb below it answer wrong usage in one line: what is wrong, and how it is used.
// args are the words of the command line.
func tellMisuse(cmd *cobra.Command, args []string) {
	if cmd.DisableFlagParsing {
		return // a program of fail2ban, with its own words
	}
	for _, sub := range cmd.Commands() {
		tellMisuse(sub, args)
	}
	if !cmd.Runnable() { // it only holds verbs
		cmd.Args, cmd.Annotations = cobra.NoArgs, map[string]string{"holds": "verbs"}
		cmd.RunE = func(cmd *cobra.Command, _ []string) error { return cmd.Help() }
	}
	if fits := cmd.Args; fits != nil {
		cmd.Args = func(cmd *cobra.Command, args []string) error {
			if fits(cmd, args) == nil {
				return nil
			}
			return misused(cmd, args)
		}
	}
	cmd.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error { return wrongFlag(cmd, err, args) })
}

// misused says which word is missing, too much, or no verb.
func misused(cmd *cobra.Command, args []string) error {
	wanted := required(cmd.Use)
	switch {
	case len(args) > 0 && cmd.HasSubCommands():
		return fmt.Errorf("%sunknown verb %q (%s)", about(cmd), args[0], meant(cmd, args[0]))
	case len(args) < len(wanted):
		return fmt.Errorf("%s%s is missing (usage: %s)", about(cmd), strings.Join(wanted[len(args):], " and "), cmd.UseLine())
	}
	return fmt.Errorf("%s%q is too much (usage: %s)", about(cmd), args[len(args)-1], cmd.UseLine())
}

// about begins a message about a verb: "incidents note: ".
func about(cmd *cobra.Command) string {
	_, verbs, below := strings.Cut(cmd.CommandPath(), " ")
	if !below {
		return ""
	}
	return verbs + ": "
}

// required are the words that must stand behind a verb: those in capitals, without brackets.
func required(use string) (words []string) {
	for _, word := range strings.Fields(use)[1:] {
		if word[0] >= 'A' && word[0] <= 'Z' {
			words = append(words, strings.TrimSuffix(word, "..."))
		}
	}
	return words
}

// meant names the verbs that a word may have meant.
func meant(cmd *cobra.Command, word string) string {
	cmd.SuggestionsMinimumDistance = 2
	if near := cmd.SuggestionsFor(word); len(near) > 0 {
		return "did you mean " + strings.Join(near, " or ") + "?"
	}
	return cmd.CommandPath() + " --help lists them"
}

// wrongFlag adds to a flag's fault what may have been meant.
func wrongFlag(cmd *cobra.Command, err error, args []string) error {
	if errors.Is(err, pflag.ErrHelp) {
		return err
	}
	var known []string
	cmd.Flags().VisitAll(func(f *pflag.Flag) { known = append(known, f.Name) })
	for _, arg := range args {
		name, long := strings.CutPrefix(arg, "--")
		name, _, _ = strings.Cut(name, "=")
		if !long || name == "" || cmd.Flags().Lookup(name) != nil {
			continue
		}
		if near := language.Nearest(name, known); near != "" {
			return fmt.Errorf("%s%w (did you mean --%s?)", about(cmd), err, near)
		}
	}
	return fmt.Errorf("%s%w (%s --help lists the flags)", about(cmd), err, cmd.CommandPath())
}

// helpCommand is picket help, in the place of cobra's.
func helpCommand() *cobra.Command {
	return &cobra.Command{Use: "help [VERB]...", Short: "tell how a verb is used", Args: cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			verb, rest, err := cmd.Root().Find(args)
			switch {
			case err != nil:
				return err
			case len(rest) > 0:
				return misused(verb, rest)
			}
			verb.InitDefaultHelpFlag()
			return verb.Help()
		}}
}

// span is a flag's value: a time span as the configuration writes it, 90s, 1h30m, 7d or 2w.
func span(cmd *cobra.Command, to *policy.Span, name, usage string) {
	cmd.Flags().Var((*spanValue)(to), name, usage)
}

type spanValue policy.Span

func (s *spanValue) String() string {
	if *s == 0 {
		return ""
	}
	return policy.Span(*s).String()
}

func (s *spanValue) Set(text string) error { return (*policy.Span)(s).UnmarshalText([]byte(text)) }

func (s *spanValue) Type() string { return "SPAN" }

// counted is a number with its word: 1 ban, 2 bans.
func counted[N int | uint64 | int64](n N, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprint(n, " ", many)
}
