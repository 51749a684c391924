package main

import (
	"fmt"
	"io"
	"net/netip"
	"os"
	"reflect"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"picket/actions"
	"picket/actions/policy"
	"picket/incidents"
	"picket/outputs/metrics"
	"picket/outputs/web"
)

// asker finds the running picket: --socket, or the socket of the configuration.
func asker(cmd *cobra.Command) (*web.Client, error) {
	socket, _ := cmd.Flags().GetString("socket")
	if socket == "" {
		c, err := loadConfig(cmd)
		if err != nil {
			return nil, err
		}
		socket = c.Socket
	}
	return web.NewClient(socket), nil
}

// question is a verb that asks the running picket.
func question(use, short string, args cobra.PositionalArgs, ask func(cmd *cobra.Command, c *web.Client, args []string) error) *cobra.Command {
	cmd := &cobra.Command{Use: use, Short: short, Args: args,
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := asker(cmd)
			if err != nil {
				return err
			}
			return ask(cmd, c, args)
		}}
	cmd.Flags().String("socket", "", "control `SOCKET` of the running picket")
	cmd.Flags().Bool("json", false, "print JSON")
	return cmd
}

// printed writes v as JSON when --json was given.
func printed(cmd *cobra.Command, v any) bool {
	if yes, _ := cmd.Flags().GetBool("json"); !yes {
		return false
	}
	if list := reflect.ValueOf(v); list.Kind() == reflect.Slice && list.Len() == 0 {
		v = []any{} // an empty list, not null
	}
	_ = writeJSON(cmd.OutOrStdout(), v)
	return true
}

func statusCommand() *cobra.Command {
	return question("status", "show what the running picket does", cobra.NoArgs,
		func(cmd *cobra.Command, c *web.Client, _ []string) error {
			s, err := c.Status(cmd.Context())
			if err != nil || printed(cmd, s) {
				return err
			}
			printStatus(cmd.OutOrStdout(), s)
			return nil
		})
}

func printStatus(w io.Writer, s web.Status) {
	fmt.Fprintf(w, "%s, pid %d, mode %s, since %s\n", s.Version, s.PID, s.Mode, stamp(s.Since))
	fmt.Fprintf(w, "rules    %d loaded, %s, since %s\n", s.Rules.Loaded, counted(s.Rules.Faults, "fault", "faults"), stamp(s.Rules.Since))
	for _, src := range s.Sources {
		fmt.Fprintf(w, "source   %s: %d packets, %d bytes, %d dropped by the kernel", src.Name, src.Packets, src.Bytes, src.Dropped)
		if src.Refused+src.Restarted > 0 {
			fmt.Fprintf(w, ", %d verdicts refused, %d restarts", src.Refused, src.Restarted)
		}
		fmt.Fprintln(w)
	}
	fmt.Fprintf(w, "traffic  %d flows, %d alerts, %d drops", s.Flows, s.Alerts, s.Drops)
	if s.Unseen > 0 {
		fmt.Fprintf(w, ", %d packets passed uninspected", s.Unseen)
	}
	fmt.Fprintln(w)
	if s.EVE != nil {
		fmt.Fprintf(w, "eve      %s: %d records, %d dropped\n", s.EVE.File, s.EVE.Written, s.EVE.Dropped)
	}
	if n := s.Syslog; n != nil {
		fmt.Fprintf(w, "syslog   %d messages, %d cut, %d dropped by the kernel; refused: %s, %s, %s\n", n["messages"], n["messages-cut"], n["messages-dropped"],
			counted(n["peers-refused"], "sender", "senders"), counted(n["connections-over-limit"], "connection", "connections"), counted(n["framing-errors"], "broken frame", "broken frames"))
	}
	for _, j := range s.Jails {
		fmt.Fprintf(w, "jail     %s: %s in all, %s failing now, %s asked for\n", j.Name, counted(j.Failures, "failure", "failures"),
			counted(j.Failing, "party", "parties"), counted(j.Breaches, "ban", "bans"))
	}
	if s.Incidents != nil {
		printIncidentStatus(w, s.Incidents)
		printMeasureStatus(w, &s.Measures)
	}
	if n := &s.Messages; n.Queued > 0 || n.Waiting > 0 {
		fmt.Fprintf(w, "told     %d delivered, %d waiting, %s, %d given up\n", n.Delivered, n.Waiting, counted(n.Failed, "failed try", "failed tries"), n.GivenUp)
	}
	b := s.Bans
	fmt.Fprintf(w, "bans     %d standing; %d made, %d renewed, %d lifted, %d expired, %d refused, %d failed, %d repairs\n",
		b.Standing, b.Banned, b.Renewed, b.Lifted, b.Expired, b.Refused, b.Failed, b.Repaired)
}

func metricsCommand() *cobra.Command {
	return question("metrics", "print the counters of the running picket as Prometheus reads them", cobra.NoArgs,
		func(cmd *cobra.Command, c *web.Client, _ []string) error {
			s, err := c.Status(cmd.Context())
			if err != nil || printed(cmd, s) {
				return err
			}
			return metrics.Write(cmd.OutOrStdout(), &s)
		})
}

func reloadCommand() *cobra.Command {
	return question("reload", "load rules and configuration anew, without losing a packet", cobra.NoArgs,
		func(cmd *cobra.Command, c *web.Client, _ []string) error {
			r, err := c.Reload(cmd.Context())
			if err != nil || printed(cmd, r) {
				return err
			}
			for _, f := range r.Faults {
				fmt.Fprintln(cmd.ErrOrStderr(), f)
			}
			fmt.Fprintf(cmd.OutOrStdout(), "%d rules in force after %s\n", r.Loaded, r.Took.Duration().Round(time.Millisecond))
			return nil
		})
}

func banCommand() *cobra.Command {
	var length policy.Span
	var reason string
	cmd := question("ban ADDR|PREFIX", "ban an address or a prefix", cobra.ExactArgs(1),
		func(cmd *cobra.Command, c *web.Client, args []string) error {
			p, err := actions.ParsePrefix(args[0])
			if err != nil {
				return fmt.Errorf("ban: %w", err)
			}
			if err := notMyself(p, os.Getenv("SSH_CONNECTION")); err != nil {
				return err
			}
			b, err := c.Ban(cmd.Context(), web.BanRequest{Prefix: args[0], For: incidents.Seconds(length), Reason: reason})
			if err != nil || printed(cmd, b) {
				return err
			}
			what := "is banned, the kernel holds it"
			if b.Observed {
				what = "would be banned; observe mode keeps it from the kernel"
			}
			fmt.Fprintf(cmd.OutOrStdout(), "%s %s %s\n", actions.Text(b.Prefix), what, until(b))
			return nil
		})
	span(cmd, &length, "for", "how long: 90s, 1h30m, 7d; without it until picket unban")
	cmd.Flags().StringVar(&reason, "reason", "by hand", "why, for those who ask later")
	return cmd
}

// notMyself refuses what would cut off the operator at the keyboard, whatever the gate thinks of the session.
func notMyself(p netip.Prefix, session string) error {
	peer, _, _ := strings.Cut(session, " ")
	if me, err := netip.ParseAddr(peer); err == nil && p.Contains(me.Unmap().WithZone("")) {
		return fmt.Errorf("ban %s: refused: you are logged in from %s", actions.Text(p), me)
	}
	return nil
}

func until(b actions.Ban) string {
	if b.Until.IsZero() {
		return "until it is lifted"
	}
	return "until " + stamp(b.Until)
}

// stamp is a time for people, where they are.
func stamp(t time.Time) string { return t.Local().Format(time.DateTime) }

func unbanCommand() *cobra.Command {
	return question("unban ADDR|PREFIX", "lift a ban", cobra.ExactArgs(1),
		func(cmd *cobra.Command, c *web.Client, args []string) error {
			p, err := actions.ParsePrefix(args[0])
			if err != nil {
				return fmt.Errorf("unban: %w", err)
			}
			err = c.Unban(cmd.Context(), p)
			if err != nil || printed(cmd, struct {
				Lifted netip.Prefix `json:"lifted"`
			}{p}) {
				return err
			}
			fmt.Fprintf(cmd.OutOrStdout(), "%s is banned no more\n", actions.Text(p))
			return nil
		})
}

func bansCommand() *cobra.Command {
	return question("bans", "list the bans that stand", cobra.NoArgs,
		func(cmd *cobra.Command, c *web.Client, _ []string) error {
			l, err := c.Bans(cmd.Context())
			if err != nil || printed(cmd, l) {
				return err
			}
			w := tabwriter.NewWriter(cmd.OutOrStdout(), 0, 8, 2, ' ', 0)
			fmt.Fprintln(w, "BANNED\tWITHIN\tSINCE\tUNTIL\tBY\tREASON")
			for _, b := range l {
				if b.Observed {
					b.Reason += " (observed only)"
				}
				fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\n", actions.Text(b.Prefix), b.Scope, stamp(b.Since), strings.TrimPrefix(until(b), "until "), b.By, b.Reason)
			}
			return w.Flush()
		})
}
