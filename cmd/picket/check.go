package main

import (
	"fmt"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"picket/sensor"
)

func checkCommand() *cobra.Command {
	f := &readFlags{}
	var show bool
	cmd := &cobra.Command{
		Use:   "check",
		Short: "check configuration and rules; touch nothing",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			opts, err := f.finish(cmd)
			if err != nil {
				return err
			}
			if show {
				fmt.Fprint(cmd.OutOrStdout(), opts.Config.Text())
			}
			report, err := sensor.Check(opts)
			if report == nil {
				return err
			}
			if !printed(cmd, report) {
				report.Print(cmd.OutOrStdout())
			}
			return report.Err()
		},
	}
	f.registerReading(cmd) // without a meaning here, so that a command line of picket read can be checked as it stands
	cmd.Flags().VisitAll(func(flag *pflag.Flag) { flag.Hidden = true })
	f.registerRules(cmd)
	cmd.Flags().Bool("json", false, "print JSON")
	cmd.Flags().BoolVar(&show, "show", false, "print the whole configuration that is in force")
	return cmd
}
