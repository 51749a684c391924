package main

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"

	"github.com/spf13/cobra"

	"picket/actions/policy"
	"picket/incidents"
	"picket/outputs/web"
	"picket/sensor"
)

// policyCommand is the verb for policies.
func policyCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "policy", Short: "check policies, and ask what they would do"}
	cmd.AddCommand(checkPolicyCommand(), testPolicyCommand())
	return cmd
}

func checkPolicyCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "check [FILE]",
		Short: "check the policies of the configuration, and a file of more; touch nothing",
		Args:  cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := loadConfig(cmd)
			if err != nil {
				return err
			}
			file := ""
			if len(args) > 0 {
				file = args[0]
			}
			check, err := sensor.CheckPolicies(c, file)
			if err != nil || printed(cmd, check) {
				return err
			}
			printPolicyCheck(cmd.OutOrStdout(), &check)
			return nil
		},
	}
	cmd.Flags().Bool("json", false, "print JSON")
	return cmd
}

func printPolicyCheck(w io.Writer, c *sensor.PolicyCheck) {
	fmt.Fprintf(w, "%s, no fault\n", counted(c.Policies, "policy", "policies"))
	for _, name := range slices.Sorted(maps.Keys(c.Unable)) {
		fmt.Fprintf(w, "this host cannot do %s: %s\n", name, c.Unable[name])
	}
}

func testPolicyCommand() *cobra.Command {
	var all bool
	cmd := question("test INCIDENT", "what the policies in force would do about an incident now, and why", cobra.ExactArgs(1),
		func(cmd *cobra.Command, c *web.Client, args []string) error {
			id, err := incidentNumber(args[0])
			if err != nil {
				return err
			}
			list, err := c.TestPolicies(cmd.Context(), id)
			if err != nil || printed(cmd, list) {
				return err
			}
			if len(list) == 0 {
				fmt.Fprintf(cmd.OutOrStdout(), "incident %d has no findings to hold policies against\n", id)
			}
			for i := range list {
				printPolicyTest(cmd.OutOrStdout(), &list[i], all)
			}
			return nil
		})
	cmd.Flags().BoolVarP(&all, "all", "a", false, "show the selectors of policies that agree, too")
	return cmd
}

func printPolicyTest(w io.Writer, t *web.PolicyTest, all bool) {
	fmt.Fprintf(w, "%s %s\n", t.Finding.Kind, incidents.Printable(t.Finding.Line()))
	if len(t.Reports) == 0 {
		fmt.Fprintln(w, "  there are no policies (docs/policies.md)")
	}
	for i := range t.Reports {
		r := &t.Reports[i]
		verb := "does not match"
		if r.Matches {
			verb = "matches"
		}
		if r.Observe {
			verb += " (it observes only)"
		}
		fmt.Fprintf(w, "  policy %s %s\n", r.Policy, verb)
		printChecks(w, "    ", r.Checks, all || !r.Matches)
		if r.Matches {
			printWould(w, r, all)
		}
	}
}

// printWould tells what becomes of each measure of a policy that matches.
func printWould(w io.Writer, r *policy.Report, all bool) {
	if r.Threshold != "" {
		fmt.Fprintf(w, "    threshold: %s\n", r.Threshold)
	}
	for i := range r.Measures {
		m := &r.Measures[i]
		text := "    not " + m.Spec.Name
		if m.Taken {
			text = "    " + m.Spec.Name
		}
		if args := argsText(m.Spec.Args); args != "" {
			text += " " + args
		}
		if m.Spec.For > 0 {
			text += " for " + policy.Span(m.Spec.For).String()
		}
		if m.Spec.Delay > 0 {
			text += " after " + policy.Span(m.Spec.Delay).String()
		}
		if m.Spec.Approval {
			text += ", with approval"
		}
		if m.Why != "" {
			text += ": " + m.Why
		}
		fmt.Fprintln(w, incidents.Printable(text))
		printChecks(w, "      ", m.Checks, all || !m.Taken)
	}
}

func printChecks(w io.Writer, indent string, checks []policy.Check, all bool) {
	for _, c := range checks {
		mark := "no "
		if c.OK {
			mark = "yes"
		}
		if all || !c.OK {
			have, _ := json.Marshal(c.Have)
			fmt.Fprintf(w, "%s%s  %s: wants %s, has %s\n", indent, mark, c.Selector, incidents.Printable(c.Want), have)
		}
	}
}
