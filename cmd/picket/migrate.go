package main

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"sort"
	"strings"

	"github.com/spf13/cobra"

	"picket/rules"
	"picket/rules/migration"
	"picket/sensor"
)

func migrateCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "migrate", Short: "take another program's place"}
	cmd.AddCommand(migrateFail2banCommand())
	return cmd
}

func migrateFail2banCommand() *cobra.Command {
	var dir, out, state string
	var dry, asJSON bool
	cmd := &cobra.Command{
		Use:   "fail2ban",
		Short: "show what picket does with fail2ban's configuration, and write its jails as rules of picket's",
		Long: `migrate fail2ban shows, jail by jail, what picket does in fail2ban's place: the bans that become its own and on which
ports, the actions that run as fail2ban runs them, what is refused and why, and who is banned now.

Nothing on this host is changed. With --out DIR the jails are written as rules (DIR/rules/*.yaml), beside the part of
picket.yaml that uses them. Without it, logs: {fail2ban: /etc/fail2ban, take-over: yes} in picket.yaml is enough.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			p, err := migration.Read(dir, state)
			if err != nil {
				return err
			}
			if err := showPlan(cmd.OutOrStdout(), p, asJSON); err != nil || dry || out == "" {
				return err
			}
			files, err := p.Write(out)
			for _, f := range files {
				fmt.Fprintln(cmd.ErrOrStderr(), "written:", f)
			}
			return err
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&dir, "config", "/etc/fail2ban", "fail2ban's configuration directory")
	flags.StringVar(&out, "out", "", "write rules and a part of picket.yaml into this directory")
	flags.StringVar(&state, "state-dir", sensor.Default().StateDir, "picket's state-dir, where the take-over is remembered")
	flags.BoolVar(&dry, "dry-run", false, "write nothing")
	flags.BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

func showPlan(w io.Writer, p *migration.Plan, asJSON bool) error {
	if asJSON {
		enc := json.NewEncoder(w)
		enc.SetIndent("", "  ")
		enc.SetEscapeHTML(false)
		return enc.Encode(p)
	}
	fmt.Fprintf(w, "%s: %s enabled\n", p.Dir, counted(len(p.Jails), "jail", "jails"))
	for i := range p.Jails {
		showJailPlan(w, &p.Jails[i])
	}
	for _, f := range p.Faults {
		fmt.Fprintf(w, "\nfault    %s", f)
	}
	if len(p.Faults) > 0 {
		fmt.Fprintln(w)
	}
	showDatabase(w, p.Database)
	return nil
}

func showJailPlan(w io.Writer, j *migration.Jail) {
	fmt.Fprintf(w, "\njail %s\n", j.Name)
	if j.Skipped != "" {
		fmt.Fprintf(w, "  skipped  %s\n", j.Skipped)
		return
	}
	reads := j.Logs
	if len(j.Logs) == 0 && len(j.Journal) > 0 {
		reads = []string{"journal " + strings.Join(j.Journal, " + ")}
	}
	for _, program := range j.Syslog {
		reads = append(slices.Clip(reads), rules.SyslogPrefix+program)
	}
	fmt.Fprintf(w, "  reads    %s, with filter %s\n  bans     %s\n", strings.Join(reads, ", "), j.Filter, j.Limits)
	for _, log := range j.Absent {
		fmt.Fprintf(w, "  absent   %s: picket waits for it\n", log)
	}
	for i := range j.Fates {
		showFate(w, &j.Fates[i])
	}
	for _, r := range j.Refused {
		fmt.Fprintf(w, "  refused  %s\n", r)
	}
	if len(j.Foreign) > 0 {
		fmt.Fprintf(w, "  rule     no, it stays in fail2ban's configuration: %s\n", strings.Join(j.Foreign, "; "))
	}
}

func showFate(w io.Writer, f *migration.Fate) {
	switch f.Kind {
	case migration.Native:
		fmt.Fprintf(w, "  native   %s: picket bans by itself, %s\n", f.Action, closes(f))
	case migration.Command:
		fmt.Fprintf(w, "  command  %s: its commands run as in fail2ban\n", f.Action)
	default:
		fmt.Fprintf(w, "  refused  action %s: %s\n", f.Action, f.Why)
		return
	}
	if f.Why != "" {
		fmt.Fprintf(w, "  changed  %s: %s\n", f.Action, f.Why)
	}
}

// closes says which ports a native ban closes.
func closes(f *migration.Fate) string {
	if f.Ports == "all" {
		return "on all ports"
	}
	return "on " + f.Protocol + " " + f.Ports
}

func showDatabase(w io.Writer, d *migration.DatabaseReport) {
	if d == nil {
		fmt.Fprintln(w, "\ndatabase none: fail2ban keeps no bans over a restart")
		return
	}
	fmt.Fprintf(w, "\ndatabase %s\n", d.File)
	if d.TakenOn != nil {
		fmt.Fprintf(w, "  taken    over on %s: it is not read again\n", stamp(*d.TakenOn))
	}
	if d.Absent {
		fmt.Fprintln(w, "  none     it is not there, so there are no bans to take over (dbfile in fail2ban.conf says where it is)")
		return
	}
	if d.Error != "" {
		fmt.Fprintf(w, "  refused  %s\n", d.Error)
		return
	}
	for _, jail := range jailsOf(d) {
		fmt.Fprintf(w, "  %-8s %s in force, %s banned before\n", jail, counted(d.Bans[jail], "ban", "bans"), counted(d.Known[jail], "party", "parties"))
	}
	if d.Orphans > 0 {
		fmt.Fprintf(w, "  left     %s of jails that are not enabled\n", counted(d.Orphans, "ban", "bans"))
	}
	fmt.Fprintf(w, "  logs     %d go on where fail2ban was, %d were rotated since\n", d.Logs, d.Moved)
}

func jailsOf(d *migration.DatabaseReport) (names []string) {
	for n := range d.Bans {
		names = append(names, n)
	}
	for n := range d.Known {
		if d.Bans[n] == 0 {
			names = append(names, n)
		}
	}
	sort.Strings(names)
	return names
}
