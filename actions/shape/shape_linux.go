package shape

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"sync"
	"time"

	"github.com/google/nftables"

	"picket/actions"
	"picket/actions/measure"
	"picket/incidents"
)

// Gate is what this package needs of the gate.
type Gate interface {
	Check(p netip.Prefix, now time.Time) *actions.Refusal
	Observing() bool
}

// admit is the last word before the kernel. The desk has asked the gate as well, but time has passed since.
func admit(g Gate, o *measure.Order, p netip.Prefix) error {
	if refusal := g.Check(p, time.Now()); refusal != nil {
		return fmt.Errorf("%s %s: refused: %s", o.Measure.Name, actions.Text(p), refusal.Why)
	}
	if g.Observing() {
		return measure.ErrObserved
	}
	return nil
}

// lasting is a measure that stands as tables of its own.
type lasting struct {
	gate Gate
	who  func(*measure.Order) (netip.Prefix, error)
	// layout works the tables out, and says what they do.
	layout func(o *measure.Order, p netip.Prefix) (chains []chain, step string, err error)
	// usual is how long it stands when nobody has said so; 0: until it is lifted.
	usual incidents.Seconds
	// close ends what the party has open, once the tables stand; nil: nothing is ended. The text says what was done.
	close  func(netip.Prefix) (text string, err error)
	kernel kernel
}

// kernel is what a measure does to this host's nftables.
type kernel struct {
	install func(measure.ID, []chain) error
	// bridges tells why rules of family bridge can't be had here, or nil.
	bridges func() error
}

var _ measure.Doer = (*lasting)(nil)

// Doers are the measures of this package by name.
//
//	ratelimit   address, rate ("20/second", "100kbytes/second"), burst: what the party sends over the rate is dropped
//	tarpit      address: its TCP connections are told a window of nothing, and hang
//	quarantine  host, peers: the host reaches the listed peers only
//	cut         address: its connections end; new ones may come
func Doers(g Gate) measure.Doers { return doers(g, kernel{install, sync.OnceValue(bridges)}, closeNow) }

func doers(g Gate, k kernel, closing func(netip.Prefix) (string, error)) measure.Doers {
	return measure.Doers{
		"ratelimit":  &lasting{gate: g, who: attacker, layout: rateLimit, kernel: k},
		"tarpit":     &lasting{gate: g, who: attacker, layout: tarpit, kernel: k},
		"quarantine": &lasting{gate: g, who: victim, layout: quarantine, kernel: k},
		"cut":        &lasting{gate: g, who: attacker, layout: strangers, usual: incidents.Seconds(time.Hour), close: closing, kernel: k},
	}
}

// Able implements measure.Doer.
func (l *lasting) Able() error { return able() }

func able() error {
	conn, err := nftables.New()
	if err == nil {
		_, err = conn.ListTablesOfFamily(nftables.TableFamilyINet)
	}
	if err != nil {
		return fmt.Errorf("nftables: %w (picket needs CAP_NET_ADMIN)", err)
	}
	return nil
}

// Plan implements measure.Doer.
func (l *lasting) Plan(_ context.Context, o *measure.Order) (measure.Plan, error) {
	p, err := l.who(o)
	if err != nil {
		return measure.Plan{}, err
	}
	_, step, err := l.layout(o, p)
	steps := []string{step}
	if unreached := l.unreached(); unreached != "" {
		steps = append(steps, "not: "+unreached)
	}
	return measure.Plan{
		Target: actions.Text(p), Args: pinned(o, p), Steps: steps, Peers: []netip.Prefix{p}, Lasting: true, For: cmp.Or(o.Measure.For, l.usual),
	}, err
}

// unreached tells what the measure can't act upon on this host, or "".
func (l *lasting) unreached() string {
	if err := l.kernel.bridges(); err != nil {
		return fmt.Sprintf("frames that only pass a bridge of this host (%v)", err)
	}
	return ""
}

// pinned keeps who was found: after a delay the incident may have other attackers.
func pinned(o *measure.Order, p netip.Prefix) map[string]string {
	args := map[string]string{}
	for k, v := range o.Measure.Args {
		args[k] = v
	}
	args["address"] = actions.Text(p)
	return args
}

// wanted is what the measure's tables must hold.
func (l *lasting) wanted(o *measure.Order) ([]chain, netip.Prefix, error) {
	p, err := l.who(o)
	if err != nil {
		return nil, p, err
	}
	chains, _, err := l.layout(o, p)
	if l.unreached() != "" {
		chains = slices.DeleteFunc(chains, func(c chain) bool { return c.family == nftables.TableFamilyBridge })
	}
	return chains, p, err
}

// Do implements measure.Doer. Making the tables again changes nothing but their counters.
func (l *lasting) Do(_ context.Context, o *measure.Order) (measure.Result, error) {
	chains, p, err := l.wanted(o)
	if err != nil {
		return measure.Result{}, err
	}
	if err := admit(l.gate, o, p); err != nil {
		return measure.Result{}, err
	}
	if err := l.kernel.install(o.Measure.ID, chains); err != nil {
		return measure.Result{}, err
	}
	text := "in force: " + names(o.Measure.ID, chains) + "\n"
	if what := l.unreached(); what != "" {
		text += "not reached: " + what + "\n"
	}
	if l.close != nil {
		var closed string
		closed, err = l.close(p)
		text += closed
	}
	r := measure.Result{Output: measure.Output{Type: "text/plain", Text: text}}
	if d := cmp.Or(o.Measure.For, l.usual); d > 0 {
		r.Until = time.Now().Add(d.Duration()).UTC()
	}
	return r, err
}

// Prove implements measure.Doer.
func (l *lasting) Prove(_ context.Context, o *measure.Order) (string, error) {
	chains, _, err := l.wanted(o)
	if err != nil {
		return "", err
	}
	return verify(o.Measure.ID, chains)
}

// Undo implements measure.Doer.
func (l *lasting) Undo(_ context.Context, o *measure.Order) error { return remove(o.Measure.ID) }

// attacker is the argument address, or who attacked.
func attacker(o *measure.Order) (netip.Prefix, error) {
	if text := o.Measure.Args["address"]; text != "" {
		return actions.ParsePrefix(text)
	}
	if o.Finding != nil && o.Finding.Attacker.Addr.IsValid() {
		return single(o.Finding.Attacker.Addr), nil
	}
	if o.Incident != nil && len(o.Incident.Attackers) > 0 {
		return single(o.Incident.Attackers[0]), nil
	}
	return netip.Prefix{}, errors.New("no address is known: the incident has no attacker (give address)")
}

// victim is the argument host, or who was attacked.
func victim(o *measure.Order) (netip.Prefix, error) {
	for _, key := range []string{"address", "host"} {
		if text := o.Measure.Args[key]; text != "" {
			return actions.ParsePrefix(text)
		}
	}
	if o.Finding != nil && o.Finding.Victim.Addr.IsValid() {
		return single(o.Finding.Victim.Addr), nil
	}
	if o.Incident != nil && len(o.Incident.Victims) > 0 && o.Incident.Victims[0].Addr.IsValid() {
		return single(o.Incident.Victims[0].Addr), nil
	}
	return netip.Prefix{}, errors.New("no host is known: the incident has no victim (give host)")
}

func single(a netip.Addr) netip.Prefix { return netip.PrefixFrom(a.Unmap(), a.Unmap().BitLen()) }
