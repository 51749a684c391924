package main

import (
	"context"
	"fmt"
	"net/netip"
	"strings"

	"github.com/spf13/cobra"

	"picket/incidents"
	"picket/outputs/web"
)

func actCommand(use, short string, kind incidents.ActKind) *cobra.Command {
	var reason string
	cmd := question(use, short, cobra.MinimumNArgs(1), func(cmd *cobra.Command, c *web.Client, args []string) error {
		return eachIncident(cmd, args, func(ctx context.Context, id incidents.ID) (incidents.Incident, error) {
			return c.Act(ctx, incidents.Act{ID: id, Kind: kind, Text: reason})
		})
	})
	cmd.Flags().StringVar(&reason, "reason", "", "why, for those who read the timeline")
	return cmd
}

// eachIncident does the same to several incidents and prints what they are then.
func eachIncident(cmd *cobra.Command, args []string, do func(context.Context, incidents.ID) (incidents.Incident, error)) error {
	ids := make([]incidents.ID, len(args))
	for i, a := range args {
		var err error
		if ids[i], err = incidentNumber(a); err != nil {
			return err
		}
	}
	for _, id := range ids {
		c, err := do(cmd.Context(), id)
		if err != nil {
			return err
		}
		if !printed(cmd, c) {
			fmt.Fprintf(cmd.OutOrStdout(), "incident %d is %s: %s\n", c.ID, c.State, incidents.Printable(c.Title))
		}
	}
	return nil
}

func noteCommand() *cobra.Command {
	return question("note N TEXT...", "write a line into an incident's timeline", cobra.MinimumNArgs(2),
		func(cmd *cobra.Command, c *web.Client, args []string) error {
			text := strings.Join(args[1:], " ")
			return eachIncident(cmd, args[:1], func(ctx context.Context, id incidents.ID) (incidents.Incident, error) {
				return c.Act(ctx, incidents.Act{ID: id, Kind: incidents.Note, Text: text})
			})
		})
}

func openIncidentCommand() *cobra.Command {
	var attacker, victim, severity string
	f := incidents.Finding{Rule: incidents.Rule{ID: "manual"}, Confidence: 99}
	cmd := question("open TITLE...", "open an incident by hand", cobra.MinimumNArgs(1),
		func(cmd *cobra.Command, c *web.Client, args []string) error {
			if err := f.Severity.UnmarshalText([]byte(severity)); err != nil {
				return err
			}
			f.Rule.Name = strings.Join(args, " ")
			for _, p := range []struct {
				text string
				to   *incidents.Endpoint
			}{{attacker, &f.Attacker}, {victim, &f.Victim}} {
				var err error
				if *p.to, err = parseEndpoint(p.text); err != nil {
					return err
				}
			}
			i, err := c.OpenIncident(cmd.Context(), f)
			if err != nil || printed(cmd, i) {
				return err
			}
			fmt.Fprintf(cmd.OutOrStdout(), "incident %d is %s: %s\n", i.ID, i.State, incidents.Printable(i.Title))
			return nil
		})
	cmd.Flags().StringVar(&attacker, "attacker", "", "`ADDR` or ADDR:PORT")
	cmd.Flags().StringVar(&victim, "victim", "", "`ADDR` or ADDR:PORT")
	cmd.Flags().StringVar(&f.Host, "host", "", "name of the host that it is about")
	cmd.Flags().StringVar(&severity, "severity", "medium", "info, low, medium, high or critical")
	return cmd
}

func parseEndpoint(text string) (e incidents.Endpoint, err error) {
	if text == "" {
		return e, nil
	}
	if p, err := netip.ParseAddrPort(text); err == nil {
		return incidents.Endpoint{Addr: p.Addr().Unmap(), Port: p.Port()}, nil
	}
	if e.Addr, err = netip.ParseAddr(text); err != nil {
		return e, fmt.Errorf("%q is no address (write 192.0.2.1 or 192.0.2.1:22)", text)
	}
	return e, nil
}
