package shape

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"github.com/google/nftables"
	"github.com/google/nftables/expr"
	"golang.org/x/sys/unix"

	"picket/actions"
	"picket/actions/firewall"
	"picket/actions/measure"
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

// lasting is a measure that stands as a table of its own.
type lasting struct {
	gate Gate
	who  func(*measure.Order) (netip.Prefix, error)
	// layout works the table out, and says what it does.
	layout func(o *measure.Order, p netip.Prefix) (chains []chain, steps []string, err error)
	// install brings the table into the kernel.
	install func(id measure.ID, chains []chain) error
}

var _ measure.Doer = (*lasting)(nil)

// Doers are the measures of this package by name.
//
//	ratelimit   address, rate ("20/second"), burst: packets of the party over the rate are dropped
//	tarpit      address: its TCP connections are told a window of nothing, and hang
//	quarantine  host, peers: the host reaches the listed peers only
//	cut         address: its connections end now; new ones may come
func Doers(g Gate) measure.Doers {
	return measure.Doers{
		"ratelimit":  &lasting{g, attacker, rateLimit, install},
		"tarpit":     &lasting{g, attacker, tarpit, install},
		"quarantine": &lasting{g, victim, quarantine, install},
		"cut":        &cut{g, firewall.CutNow},
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
	_, steps, err := l.layout(o, p)
	return measure.Plan{
		Target: actions.Text(p), Args: pinned(o, p), Steps: steps, Peers: []netip.Prefix{p}, Lasting: true, For: o.Measure.For,
	}, err
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

// wanted is what the measure's table must hold.
func (l *lasting) wanted(o *measure.Order) ([]chain, netip.Prefix, error) {
	p, err := l.who(o)
	if err != nil {
		return nil, p, err
	}
	chains, _, err := l.layout(o, p)
	return chains, p, err
}

// Do implements measure.Doer. Making the table again changes nothing but its counters.
func (l *lasting) Do(_ context.Context, o *measure.Order) (measure.Result, error) {
	chains, p, err := l.wanted(o)
	if err != nil {
		return measure.Result{}, err
	}
	if err := admit(l.gate, o, p); err != nil {
		return measure.Result{}, err
	}
	if err := l.install(o.Measure.ID, chains); err != nil {
		return measure.Result{}, err
	}
	r := measure.Result{Output: measure.Output{Type: "text/plain", Text: fmt.Sprintf("table inet %s is in force\n", tableOf(o.Measure.ID).Name)}}
	if o.Measure.For > 0 {
		r.Until = time.Now().Add(o.Measure.For).UTC()
	}
	return r, nil
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

// units are what a rate counts in.
var units = map[string]expr.LimitTime{
	"second": expr.LimitTimeSecond, "minute": expr.LimitTimeMinute, "hour": expr.LimitTimeHour, "day": expr.LimitTimeDay,
}

func parseRate(text string) (n uint64, unit expr.LimitTime, err error) {
	if text == "" {
		text = "20/second"
	}
	count, per, _ := strings.Cut(text, "/")
	n, err = strconv.ParseUint(count, 10, 32)
	unit, ok := units[per]
	if err != nil || n == 0 || !ok {
		return 0, 0, fmt.Errorf("rate %q is none (write 20/second, 100/minute, packets per second, minute, hour or day)", text)
	}
	return n, unit, nil
}

func rateLimit(o *measure.Order, p netip.Prefix) ([]chain, []string, error) {
	n, unit, err := parseRate(o.Measure.Args["rate"])
	if err != nil {
		return nil, nil, err
	}
	burst := n
	if text := o.Measure.Args["burst"]; text != "" {
		if burst, err = strconv.ParseUint(text, 10, 32); err != nil {
			return nil, nil, fmt.Errorf("burst %q is not a number of packets", text)
		}
	}
	limit := []expr.Any{&expr.Limit{Type: expr.LimitTypePkts, Rate: n, Unit: unit, Burst: uint32(burst), Over: true}}
	drop := counted(expr.VerdictDrop, in(source, p), limit)
	return []chain{{"prerouting", nftables.ChainHookPrerouting, priorityIn, nftables.ChainTypeFilter, [][]expr.Any{drop}}},
		[]string{fmt.Sprintf("drop packets from %s over %d per %s (burst %d)", actions.Text(p), n, unitName(unit), burst)}, nil
}

func unitName(u expr.LimitTime) string {
	for name, v := range units {
		if v == u {
			return name
		}
	}
	return "?"
}

// The window is bytes 14 and 15 of the TCP header, the checksum 16 and 17 (RFC 9293, 3.1).
const (
	windowOffset   = 14
	checksumOffset = 16
)

// tarpit writes a window of 0 into every TCP segment that is sent to the party: its connections are established, and
// then hang in its own persist timer (RFC 9293, 3.8.6.1) while ours idle.
func tarpit(_ *measure.Order, p netip.Prefix) ([]chain, []string, error) {
	var rules [][]expr.Any
	rule := append(in(destination, p), protocol(unix.IPPROTO_TCP)...)
	rule = append(rule,
		&expr.Immediate{Register: 1, Data: []byte{0, 0}},
		&expr.Payload{
			OperationType: expr.PayloadWrite, SourceRegister: 1, Base: expr.PayloadBaseTransportHeader, Offset: windowOffset, Len: 2,
			CsumType: expr.CsumTypeInet, CsumOffset: checksumOffset,
		},
		&expr.Counter{})
	rules = append(rules, rule)
	return []chain{
			{"output", nftables.ChainHookOutput, priorityOut, nftables.ChainTypeFilter, rules},
			{"forward", nftables.ChainHookForward, priorityOut, nftables.ChainTypeFilter, rules},
		},
		[]string{fmt.Sprintf("tell %s a TCP window of 0 in every segment", actions.Text(p))}, nil
}

// maxPeers bounds the peers that a host in quarantine keeps.
const maxPeers = 256

// quarantine lets a host talk with the listed peers only. Neighbour discovery goes on (RFC 4861: types 133 to 137).
func quarantine(o *measure.Order, p netip.Prefix) ([]chain, []string, error) {
	peers := strings.FieldsFunc(o.Measure.Args["peers"], func(r rune) bool { return r == ',' || r == ' ' })
	if len(peers) > maxPeers {
		return nil, nil, fmt.Errorf("%d peers, the most is %d (give prefixes)", len(peers), maxPeers)
	}
	nd := append(protocol(unix.IPPROTO_ICMPV6),
		&expr.Payload{DestRegister: 1, Base: expr.PayloadBaseTransportHeader, Offset: 0, Len: 1},
		&expr.Range{Op: expr.CmpOpEq, Register: 1, FromData: []byte{133}, ToData: []byte{137}})
	rules := [][]expr.Any{counted(expr.VerdictAccept, nd)}
	for _, text := range peers {
		peer, err := actions.ParsePrefix(text)
		if err != nil {
			return nil, nil, fmt.Errorf("peers: %w", err)
		}
		if peer.Addr().Is4() == p.Addr().Is4() {
			rules = append(rules,
				counted(expr.VerdictAccept, in(source, p), in(destination, peer)),
				counted(expr.VerdictAccept, in(destination, p), in(source, peer)))
		}
	}
	rules = append(rules, counted(expr.VerdictDrop, in(source, p)), counted(expr.VerdictDrop, in(destination, p)))
	step := fmt.Sprintf("drop everything from and to %s, but for %d peers", actions.Text(p), len(peers))
	return []chain{
		{"prerouting", nftables.ChainHookPrerouting, priorityIn, nftables.ChainTypeFilter, rules},
		{"forward", nftables.ChainHookForward, priorityOut, nftables.ChainTypeFilter, rules}, // behind DNAT: what was sent to another address
		{"output", nftables.ChainHookOutput, priorityOut, nftables.ChainTypeFilter, rules},
	}, []string{step}, nil
}
