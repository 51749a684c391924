package main

import (
	"errors"
	"fmt"
	"os/user"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"picket/actions/notify"
)

// notifyCommand is the verb for those who are told; without a word behind it, it lists them.
func notifyCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "notify", Short: "list who is told of incidents, and test whether messages reach them", Args: cobra.NoArgs, RunE: listReceivers}
	cmd.AddCommand(&cobra.Command{
		Use: "test [RECEIVER...]", Short: "send a message that says it is a test, to all receivers of the configuration or to some", RunE: testReceivers,
	})
	return cmd
}

func listReceivers(cmd *cobra.Command, _ []string) error {
	c, err := loadConfig(cmd)
	if err != nil {
		return err
	}
	w := tabwriter.NewWriter(cmd.OutOrStdout(), 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "RECEIVER\tWHERE\tFROM SEVERITY")
	for _, name := range c.Notifications.Names() {
		r := c.Notifications.Receivers[name]
		fmt.Fprintf(w, "%s\t%s\t%s\n", name, r.Kind(), r.MinSeverity)
	}
	return w.Flush()
}

// testReceivers sends from this process, with the configuration as it stands in the file: a running picket is not asked.
func testReceivers(cmd *cobra.Command, names []string) error {
	c, err := loadConfig(cmd)
	if err != nil {
		return err
	}
	if len(c.Notifications.Receivers) == 0 {
		return errors.New("no receiver is configured (notifications.receivers in picket's configuration)")
	}
	by := "somebody"
	if u, err := user.Current(); err == nil {
		by = u.Username
	}
	list, err := notify.Try(cmd.Context(), &c.Notifications, by, names...)
	if err != nil {
		return err
	}
	failed := 0
	for _, t := range list {
		if t.Err != nil {
			failed++
			fmt.Fprintf(cmd.OutOrStdout(), "%s: not delivered: %v\n", t.Receiver, t.Err)
			continue
		}
		fmt.Fprintf(cmd.OutOrStdout(), "%s: delivered in %s\n", t.Receiver, t.Took.Round(time.Millisecond))
	}
	if failed > 0 {
		return quiet{fmt.Errorf("%s not reached", counted(failed, "receiver was", "receivers were"))}
	}
	return nil
}
