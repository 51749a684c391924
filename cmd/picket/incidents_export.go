package main

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"

	"github.com/spf13/cobra"

	"picket/outputs/store"
	"picket/outputs/web"
)

func evidenceCommand() *cobra.Command {
	var file string
	cmd := question("evidence N NUMBER", "write one piece of evidence to standard output or a file", cobra.ExactArgs(2),
		func(cmd *cobra.Command, c *web.Client, args []string) error {
			id, err := incidentNumber(args[0])
			if err != nil {
				return err
			}
			number, err := strconv.ParseInt(args[1], 10, 64)
			if err != nil {
				return fmt.Errorf("%q is not the number of a piece of evidence (picket incidents show %d lists them)", args[1], id)
			}
			return written(file, cmd.OutOrStdout(), func(w io.Writer) error {
				err := c.Evidence(cmd.Context(), id, number, w)
				return orArchive(cmd, err, func(s *store.Store) error {
					e, err := s.Evidence(cmd.Context(), id, number)
					if err == nil {
						_, err = w.Write(e.Data)
					}
					return err
				})
			})
		})
	cmd.Flags().StringVarP(&file, "output", "o", "-", "`FILE` to write")
	return cmd
}

func exportIncidentCommand() *cobra.Command {
	var file string
	cmd := question("export N", "write an incident with timeline, evidence and packets into a zip archive", cobra.ExactArgs(1),
		func(cmd *cobra.Command, c *web.Client, args []string) error {
			id, err := incidentNumber(args[0])
			if err != nil {
				return err
			}
			if yes, _ := cmd.Flags().GetBool("json"); yes {
				f, err := wholeIncident(cmd, c, id)
				if err == nil {
					printed(cmd, f)
				}
				return err
			}
			name := file
			if name == "" {
				name = fmt.Sprintf("incident-%d.zip", id)
			}
			err = written(name, cmd.OutOrStdout(), func(w io.Writer) error {
				err := c.ExportIncident(cmd.Context(), id, w)
				return orArchive(cmd, err, func(s *store.Store) error { return s.Export(cmd.Context(), id, w) })
			})
			if err == nil && name != "-" {
				fmt.Fprintln(cmd.OutOrStdout(), name)
			}
			return err
		})
	cmd.Flags().StringVarP(&file, "output", "o", "", "`FILE` to write, - for standard output (default incident-N.zip)")
	return cmd
}

// written writes a file whole or not at all; "-" is standard output. Evidence is for nobody else's eyes.
func written(name string, stdout io.Writer, write func(io.Writer) error) error {
	if name == "-" {
		return write(stdout)
	}
	f, err := os.CreateTemp(filepath.Dir(name), ".picket-*") // mode 0600
	if err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	defer os.Remove(f.Name())
	err = write(f)
	if e := f.Close(); err == nil {
		err = e
	}
	if err != nil {
		return err
	}
	return os.Rename(f.Name(), name)
}
