package shape

import (
	"context"
	"errors"
	"fmt"
	"net/netip"

	"picket/actions"
	"picket/actions/firewall"
	"picket/actions/measure"
)

// cut ends a party's connections: conntrack entries and this host's own sockets. It keeps nobody from coming back.
type cut struct {
	gate  Gate
	close func(netip.Prefix) (closed int, err error)
}

var _ measure.Doer = (*cut)(nil)

// Able implements measure.Doer.
func (c *cut) Able() error { return able() }

// Plan implements measure.Doer.
func (c *cut) Plan(_ context.Context, o *measure.Order) (measure.Plan, error) {
	p, err := attacker(o)
	return measure.Plan{
		Target: actions.Text(p), Args: pinned(o, p), Peers: []netip.Prefix{p},
		Steps: []string{"close the connections of " + actions.Text(p)},
	}, err
}

// Do implements measure.Doer.
func (c *cut) Do(_ context.Context, o *measure.Order) (measure.Result, error) {
	p, err := attacker(o)
	if err != nil {
		return measure.Result{}, err
	}
	if err := admit(c.gate, o, p); err != nil {
		return measure.Result{}, err
	}
	closed, err := c.close(p)
	return measure.Result{Output: measure.Output{Type: "text/plain", Text: fmt.Sprintf("%d connections of %s were closed\n", closed, actions.Text(p))}}, err
}

// Prove implements measure.Doer. Who comes back at once is told, and no failure of the measure.
func (c *cut) Prove(_ context.Context, o *measure.Order) (string, error) {
	p, err := attacker(o)
	if err != nil {
		return "", err
	}
	live, _, err := firewall.Live(p)
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("%d connections of %s are there now", live, actions.Text(p)), nil
}

// Undo implements measure.Doer.
func (c *cut) Undo(context.Context, *measure.Order) error {
	return errors.New("closed connections cannot be opened again")
}
