package main

import (
	"errors"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"picket/sensor"
)

// readFlags are the arguments of read and check; most are spelled as Suricata spells them.
type readFlags struct {
	sensor.ReadOptions
	checksums  string
	filterFile string
	verbose    int
	ignored    struct { // Suricata's, without a meaning here
		runmode, strictKeywords  string
		test, noRandom, analysis bool
	}
}

// registerRules adds what says which rules there are, and how they judge.
func (f *readFlags) registerRules(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringArrayVarP(&f.Rules, "rules", "S", nil, "rules `FILE`, only these; may be given again")
	flags.StringArrayVar(&f.Set, "set", nil, "a setting of suricata.yaml: `KEY=VALUE`; may be given again")
	flags.StringVar(&f.SuricataYAML, "suricata-yaml", "", "take detection settings from this suricata.yaml `FILE`")
	flags.BoolVar(&f.SimulateIPS, "simulate-ips", false, "judge as if inline: drop and reject take effect")
	flags.BoolVar(&f.InitErrorsFatal, "init-errors-fatal", false, "a rule that cannot be loaded ends the program")
	flags.StringVar(&f.DataDir, "data-dir", "", "`DIR` of state files of rules (datasets)")
	flags.CountVarP(&f.verbose, "verbose", "v", "tell more")
}

// registerReading adds what says how a capture is read.
func (f *readFlags) registerReading(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringVarP(&f.File, "read", "r", "", "capture `FILE` (pcap, pcapng, gzip, zstd; - is standard input) or a folder of them")
	flags.StringVarP(&f.OutDir, "log-dir", "l", ".", "`DIR` for eve.json; it is made when there is none")
	flags.StringVarP(&f.checksums, "checksums", "k", "", "checksum validation: `all` or none")
	flags.StringVarP(&f.filterFile, "filter-file", "F", "", "`FILE` with a filter expression, as tcpdump has them")
	flags.BoolVar(&f.NoRules, "disable-detection", false, "no rules; only records of traffic")
	flags.IntVar(&f.Workers, "workers", 0, "`N` packet workers; 0: one (results in the order of the file)")
	// Suricata's, without a meaning here, so that its command lines work as they stand.
	flags.StringVar(&f.ignored.runmode, "runmode", "", "accepted, without effect")
	flags.StringVar(&f.ignored.strictKeywords, "strict-rule-keywords", "", "accepted: rules are always read strictly")
	flags.BoolVarP(&f.ignored.test, "test", "T", false, "accepted, without effect")
	flags.BoolVar(&f.ignored.noRandom, "no-random", false, "accepted: picket uses no random chunk sizes")
	flags.BoolVar(&f.ignored.analysis, "engine-analysis", false, "accepted: faults of rules are always told")
	for _, name := range []string{"runmode", "strict-rule-keywords", "test", "no-random", "engine-analysis"} {
		_ = flags.MarkHidden(name)
	}
}

func (f *readFlags) finish(cmd *cobra.Command) (*sensor.ReadOptions, error) {
	switch f.checksums {
	case "", "all":
	case "none":
		f.NoChecksums = true
	default:
		return nil, fmt.Errorf("-k %s: all or none is wanted", f.checksums)
	}
	config, err := loadConfig(cmd)
	if err != nil {
		return nil, err
	}
	f.Config = config
	f.Progress = os.Stderr
	f.Verbose = f.verbose > 0
	return &f.ReadOptions, nil
}

// filter joins the words of a filter expression, or reads it from its file.
func (f *readFlags) filter(args []string) (string, error) {
	if f.filterFile == "" {
		return strings.Join(args, " "), nil
	}
	if len(args) > 0 {
		return "", fmt.Errorf("read: a filter is given twice: in %s and as %q (leave one out)", f.filterFile, strings.Join(args, " "))
	}
	text, err := os.ReadFile(f.filterFile)
	if err != nil {
		return "", fmt.Errorf("read filter: %w", err)
	}
	return string(text), nil
}

func readCommand() *cobra.Command {
	f := &readFlags{}
	cmd := &cobra.Command{
		Use:   "read -r FILE [-S RULES]… [FILTER]",
		Short: "judge a saved capture and write eve.json; FILTER chooses frames: tcp port 80 and not net 10",
		RunE: func(cmd *cobra.Command, args []string) error {
			opts, err := f.finish(cmd)
			if err != nil {
				return err
			}
			if opts.Filter, err = f.filter(args); err != nil {
				return err
			}
			if opts.File == "" {
				return errors.New("read: the capture is missing (usage: picket read -r FILE [-S RULES]… [FILTER])")
			}
			ctx, stop := signal.NotifyContext(cmd.Context(), os.Interrupt, syscall.SIGTERM)
			defer stop()
			summary, err := sensor.Read(ctx, opts)
			if summary != nil {
				summary.Print(cmd.OutOrStdout())
			}
			return err
		},
	}
	f.registerRules(cmd)
	f.registerReading(cmd)
	return cmd
}
