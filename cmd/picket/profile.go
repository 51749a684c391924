package main

import (
	"fmt"
	"os"
	"runtime/pprof"

	"github.com/spf13/cobra"
)

// profiled adds --cpu-profile and --memory-profile to a verb, for those who want to know where time and memory go.
func profiled(cmd *cobra.Command) *cobra.Command {
	cpu := cmd.Flags().String("cpu-profile", "", "write a CPU profile (go tool pprof) to `FILE`")
	mem := cmd.Flags().String("memory-profile", "", "write a heap profile to `FILE` at the end")
	run := cmd.RunE
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if *cpu != "" {
			f, err := os.Create(*cpu)
			if err != nil {
				return fmt.Errorf("write CPU profile: %w", err)
			}
			defer f.Close()
			if err := pprof.StartCPUProfile(f); err != nil {
				return fmt.Errorf("write CPU profile: %w", err)
			}
			defer pprof.StopCPUProfile()
		}
		err := run(cmd, args)
		if *mem != "" {
			if e := writeHeap(*mem); e != nil {
				return e
			}
		}
		return err
	}
	return cmd
}

func writeHeap(name string) error {
	f, err := os.Create(name)
	if err != nil {
		return fmt.Errorf("write heap profile: %w", err)
	}
	defer f.Close()
	return pprof.WriteHeapProfile(f)
}
