package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"picket/incidents"
	"picket/outputs/store"
	"picket/outputs/web"
)

// incidentsCommand is the verb for everything about incidents; without a word behind it, it lists.
func incidentsCommand() *cobra.Command {
	cmd := listIncidentsCommand()
	cmd.Use, cmd.Args = "incidents", cobra.NoArgs
	cmd.Short = "list incidents, look into them, and say what becomes of them"
	list := listIncidentsCommand()
	list.Use = "list"
	cmd.AddCommand(
		list, showIncidentCommand(), evidenceCommand(), exportIncidentCommand(), openIncidentCommand(),
		actCommand("ack N...", "say that you look after incidents: they are not resolved soon by themselves", incidents.Acknowledge),
		actCommand("resolve N...", "end incidents; measures that still wait for them are skipped", incidents.Resolve),
		actCommand("reopen N...", "take incidents up again", incidents.Reopen),
		noteCommand(),
	)
	return cmd
}

// orArchive answers from the database on disk when no picket is running; err is what asking the running one has brought.
func orArchive(cmd *cobra.Command, err error, read func(s *store.Store) error) error {
	absent := errors.Is(err, os.ErrNotExist) || errors.Is(err, syscall.ECONNREFUSED)
	if !absent || cmd.Flags().Changed("socket") {
		return err
	}
	c, e := loadConfig(cmd)
	if e != nil {
		return err
	}
	s, e := store.OpenReadOnly(c.StateDir)
	if e != nil {
		return err
	}
	defer s.Close()
	fmt.Fprintf(cmd.ErrOrStderr(), "picket is not running; from %s, as it was left\n", s.Path())
	return read(s)
}

// incidentNumber reads the number of an incident.
func incidentNumber(text string) (incidents.ID, error) {
	id, err := strconv.ParseInt(strings.TrimPrefix(text, "#"), 10, 64)
	if err != nil || id < 1 {
		return 0, fmt.Errorf("%q is not the number of an incident (picket incidents lists them)", text)
	}
	return incidents.ID(id), nil
}

// printIncidentStatus is the status's lines about incidents; what should not happen is told only when it has.
func printIncidentStatus(w io.Writer, s *web.Incidents) {
	fmt.Fprintf(w, "cases    %d open, %d acknowledged; %d opened, %d reopened, %d resolved; %s, %d of our own doing",
		s.Open, s.Acknowledged, s.Opened, s.Reopened, s.Resolved, counted(s.Findings, "finding", "findings"), s.Own)
	for _, n := range []struct {
		count uint64
		what  string
	}{
		{s.Crowded, "sharing an incident for want of room"}, {s.Dropped, "lost: too many at once"}, {s.Stripped, "pieces of evidence lost"},
		{s.Through, "signs of a ban without effect"}, {s.Unkept, "changes not in the journal"}, {s.Store.Retries, "commits tried again"},
		{s.Store.Lost, "lines or pieces of evidence lost"}, {s.Store.Moved, "damaged databases moved aside"},
	} {
		if n.count > 0 {
			fmt.Fprintf(w, ", %d %s", n.count, n.what)
		}
	}
	fmt.Fprintf(w, "\nstore    %d KiB, %s waiting\n", s.Store.Bytes>>10, counted(s.Store.Waiting, "record", "records"))
}
