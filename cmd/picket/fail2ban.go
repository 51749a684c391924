package main

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"
)

// A personality is a program of fail2ban that picket answers for: called by that name (a symlink to picket), or as
// picket NAME. It has that program's options, output and exit codes.
type personality func(p *program) (exit int)

// program is one call of a personality.
type program struct {
	name     string // as called
	args     []string
	config   string // picket's configuration
	in       io.Reader
	out, err io.Writer
}

// personalities are those programs.
var personalities = map[string]personality{
	"fail2ban-client": runFail2banClient,
	"fail2ban-server": runFail2banClient,
	"fail2ban-regex":  runFail2banRegex,
}

// become runs the program that picket was called as, if that is not picket.
func become(args []string) (exit int, ok bool) {
	run, ok := personalities[filepath.Base(args[0])]
	if !ok {
		return 0, false
	}
	return run(&program{name: filepath.Base(args[0]), args: args[1:], config: defaultConfig, in: os.Stdin, out: os.Stdout, err: os.Stderr}), true
}

// exitCode is the exit code of a personality that ran as a verb of picket. It was told already.
type exitCode int

func (e exitCode) Error() string { return fmt.Sprintf("exit code %d", int(e)) }

// personalityCommand is picket fail2ban-client … and picket fail2ban-regex ….
func personalityCommand(name, short string) *cobra.Command {
	return &cobra.Command{
		Use: name + " …", Short: short, DisableFlagParsing: true,
		RunE: func(cmd *cobra.Command, args []string) error {
			p := &program{name: name, args: args, config: defaultConfig, in: cmd.InOrStdin(), out: cmd.OutOrStdout(), err: cmd.ErrOrStderr()}
			if exit := personalities[name](p); exit != 0 {
				return exitCode(exit)
			}
			return nil
		},
	}
}

// setting is an option on a command line with its value, "" for one that takes none.
type setting struct{ name, value string }

// getopt reads options as Python's getopt does: short ones may be joined, long ones abbreviated; the first word that is
// none ends them. A name with a colon (short) or an equals sign (long) behind it takes a value.
func getopt(args []string, short string, long []string) (found []setting, rest []string, err error) {
	for len(args) > 0 {
		word := args[0]
		switch {
		case word == "--":
			return found, args[1:], nil
		case word == "-" || !strings.HasPrefix(word, "-"):
			return found, args, nil
		}
		args = args[1:]
		if name, isLong := strings.CutPrefix(word, "--"); isLong {
			found, args, err = longOption(found, name, args, long)
		} else {
			found, args, err = shortOptions(found, word[1:], args, short)
		}
		if err != nil {
			return nil, nil, err
		}
	}
	return found, nil, nil
}

func longOption(found []setting, word string, args []string, long []string) ([]setting, []string, error) {
	name, value, has := strings.Cut(word, "=")
	full, err := completed(name, long)
	if err != nil {
		return nil, nil, err
	}
	bare, takes := strings.CutSuffix(full, "=")
	switch {
	case takes && !has && len(args) == 0:
		return nil, nil, fmt.Errorf("option --%s requires argument", bare)
	case takes && !has:
		value, args = args[0], args[1:]
	case !takes && has:
		return nil, nil, fmt.Errorf("option --%s must not have an argument", bare)
	}
	return append(found, setting{"--" + bare, value}), args, nil
}

// completed finds the one long option that begins so.
func completed(name string, long []string) (string, error) {
	var hits []string
	for _, l := range long {
		if bare := strings.TrimSuffix(l, "="); bare == name {
			return l, nil
		} else if strings.HasPrefix(bare, name) {
			hits = append(hits, l)
		}
	}
	switch len(hits) {
	case 0:
		return "", fmt.Errorf("option --%s not recognized", name)
	case 1:
		return hits[0], nil
	}
	return "", fmt.Errorf("option --%s not a unique prefix", name)
}

func shortOptions(found []setting, letters string, args []string, short string) ([]setting, []string, error) {
	for len(letters) > 0 {
		letter := letters[:1]
		letters = letters[1:]
		i := strings.Index(short, letter)
		if i < 0 || letter == ":" {
			return nil, nil, fmt.Errorf("option -%s not recognized", letter)
		}
		if i+1 >= len(short) || short[i+1] != ':' {
			found = append(found, setting{"-" + letter, ""})
			continue
		}
		if letters == "" {
			if len(args) == 0 {
				return nil, nil, fmt.Errorf("option -%s requires argument", letter)
			}
			letters, args = args[0], args[1:]
		}
		return append(found, setting{"-" + letter, letters}), args, nil
	}
	return found, args, nil
}
