package measure

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"picket/actions"
	"picket/incidents"
)

const banName = "ban"

// BanArgs are the arguments of the measures ban and unban:
//
//	who      attacker (usual), victim, or an address or prefix
//	prefix4  how many bits of an IPv4 party are banned; usually all 32
//	prefix6  how many of an IPv6 party; usually all 128
//	scope    what of the party's traffic is refused and how, as "tcp/22,80-90 udp/53 reject=tcp-reset"; usually
//	         everything, without an answer
type BanArgs struct {
	Victim bool
	Prefix netip.Prefix // a party that is named; else invalid
	V4, V6 int          // bits
	Scope  actions.Scope
}

// maxBanParties bounds the attackers of a case that one order bans.
const maxBanParties = 64

// ParseBan reads arguments as a configuration writes them.
func ParseBan(args map[string]string) (a BanArgs, err error) {
	a = BanArgs{V4: 32, V6: 128}
	for key, value := range args {
		switch key {
		case "who":
			err = errors.Join(err, a.who(value))
		case "prefix4":
			err = errors.Join(err, bits(key, value, 32, &a.V4))
		case "prefix6":
			err = errors.Join(err, bits(key, value, 128, &a.V6))
		case "scope":
			scope, e := actions.ParseScope(value)
			a.Scope, err = scope, errors.Join(err, e)
		default:
			err = errors.Join(err, fmt.Errorf("argument %q: unknown (known: who, prefix4, prefix6, scope)", key))
		}
	}
	return a, err
}

func (a *BanArgs) who(text string) error {
	switch text {
	case "attacker":
	case "victim":
		a.Victim = true
	default:
		p, err := actions.ParsePrefix(text)
		if err != nil {
			return fmt.Errorf("argument who: %q is neither attacker, victim, an address nor a prefix", text)
		}
		a.Prefix = p
	}
	return nil
}

func bits(key, text string, most int, to *int) error {
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 || n > most {
		return fmt.Errorf("argument %s: %q is no number of bits (1 to %d)", key, text, most)
	}
	*to = n
	return nil
}

// Party is who would be banned for a finding; false when it names nobody.
func (a *BanArgs) Party(f *incidents.Finding) (netip.Prefix, bool) {
	switch {
	case a.Prefix.IsValid():
		return a.Prefix, true
	case f == nil:
		return netip.Prefix{}, false
	case a.Victim:
		return a.network(f.Victim.Addr)
	case f.Ban != nil && f.Ban.Prefix.IsValid():
		return f.Ban.Prefix, true
	}
	return a.network(f.Attacker.Addr)
}

// network is the prefix of an address that is banned.
func (a *BanArgs) network(addr netip.Addr) (netip.Prefix, bool) {
	addr = addr.Unmap().WithZone("")
	n := a.V6
	if addr.Is4() {
		n = a.V4
	}
	p, err := addr.Prefix(n)
	return p, err == nil && addr.IsValid()
}

// parties are all whom an order bans: that of its finding, else all attackers of its case.
func (a *BanArgs) parties(o *Order) ([]netip.Prefix, error) {
	if p, ok := a.Party(o.Finding); ok {
		return []netip.Prefix{p}, nil
	}
	var list []netip.Prefix
	if o.Finding == nil && o.Incident != nil {
		for _, addr := range a.addresses(o.Incident) {
			if p, ok := a.network(addr); ok && !slices.Contains(list, p) {
				list = append(list, p)
			}
		}
	}
	if len(list) == 0 {
		return nil, errors.New("ban: nobody is known whom to ban (name an address: who=192.0.2.1)")
	}
	return list[:min(len(list), maxBanParties)], nil
}

func (a *BanArgs) addresses(c *incidents.Incident) []netip.Addr {
	if !a.Victim {
		return c.Attackers
	}
	var list []netip.Addr
	for _, v := range c.Victims {
		list = append(list, v.Addr)
	}
	return list
}

// specOf is the order that a ban is the outcome of.
func specOf(b *actions.Ban) Spec {
	s := Spec{Name: banName, Args: map[string]string{"who": actions.Text(b.Prefix)}}
	if !b.Scope.IsZero() {
		s.Args["scope"] = b.Scope.String()
	}
	if !b.Until.IsZero() {
		s.For = incidents.Seconds(b.Until.Sub(b.Since))
	}
	s.Policy, _ = strings.CutPrefix(b.By, "policy ")
	if s.Policy == b.By {
		s.Policy = ""
	}
	return s
}

// standingOf is the ban that a measure has made, if it names its party.
func standingOf(m *Measure) (standing, bool) {
	a, err := ParseBan(m.Args)
	p, ok := a.Party(m.Cause)
	jail, isJail := strings.CutPrefix(m.By, "jail ")
	if !isJail {
		jail = ""
	}
	return standing{p, a.Scope, jail}, err == nil && ok
}

func targetText(p netip.Prefix, s actions.Scope) string {
	if s.IsZero() {
		return actions.Text(p)
	}
	return actions.Text(p) + ", " + s.String()
}

// Ban is the Doer of bans: through the one responder, its gate and its ledger.
type Ban struct{ Responder *actions.Responder }

// Able implements Doer: in observe mode a ban stands in the ledger only, but it can be asked for.
func (Ban) Able() error { return nil }

// Plan implements Doer.
func (Ban) Plan(_ context.Context, o *Order) (Plan, error) {
	a, list, err := banOrder(o)
	if err != nil {
		return Plan{}, err
	}
	p := Plan{Peers: list, Lasting: true, For: o.Measure.For, Target: targets(list, a.Scope)}
	if len(list) == 1 {
		p.Args = maps.Clone(o.Measure.Args)
		if p.Args == nil {
			p.Args = map[string]string{}
		}
		p.Args["who"] = actions.Text(list[0])
	}
	span := "until it is lifted"
	if p.For > 0 {
		span = "for " + p.For.String()
	}
	for _, peer := range list {
		p.Steps = append(p.Steps, fmt.Sprintf("ban %s %s", targetText(peer, a.Scope), span))
	}
	return p, nil
}

func targets(list []netip.Prefix, s actions.Scope) string {
	text := targetText(list[0], s)
	if len(list) > 1 {
		text += fmt.Sprintf(" and %d more", len(list)-1)
	}
	return text
}

func banOrder(o *Order) (a BanArgs, list []netip.Prefix, err error) {
	if a, err = ParseBan(o.Measure.Args); err == nil {
		list, err = a.parties(o)
	}
	return a, list, err
}

// Do implements Doer. A ban that stands already by this order is not made again.
func (b Ban) Do(ctx context.Context, o *Order) (r Result, err error) {
	a, list, err := banOrder(o)
	if err != nil {
		return r, err
	}
	m := o.Measure
	key, _ := standingOf(m)
	r.Ends = true
	for _, peer := range list {
		if until, stands := b.stands(ctx, o, peer, a.Scope); stands {
			r.Until = until
			continue
		}
		ban, err := b.Responder.Ban(ctx, actions.Request{
			Prefix: peer, For: m.For.Duration(), Reason: m.Reason, By: m.By, Approved: m.Approved, Scope: a.Scope, Jail: key.jail, Order: uint64(m.ID),
		})
		if err != nil {
			return r, err
		}
		if ban.Observed {
			return r, ErrObserved
		}
		r.Until = ban.Until
	}
	return r, nil
}

// stands finds a ban that this order made before a crash.
func (b Ban) stands(ctx context.Context, o *Order, p netip.Prefix, s actions.Scope) (until time.Time, ok bool) {
	if !o.Again {
		return until, false
	}
	return b.find(ctx, o, p, s)
}

func (b Ban) find(ctx context.Context, o *Order, p netip.Prefix, s actions.Scope) (until time.Time, ok bool) {
	e, err := b.Responder.Explain(ctx, p)
	if err != nil {
		return until, false
	}
	for _, have := range e.Bans {
		if have.Prefix == actions.Normal(p) && have.Scope == s && have.By == o.Measure.By && !have.Observed {
			return have.Until, true
		}
	}
	return until, false
}

// Prove implements Doer: the responder has read each ban back from the kernel before it entered it into the ledger, and
// goes on holding the kernel against the ledger.
func (b Ban) Prove(ctx context.Context, o *Order) (string, error) {
	a, list, err := banOrder(o)
	if err != nil {
		return "", err
	}
	for _, p := range list {
		if _, stands := b.find(ctx, o, p, a.Scope); !stands {
			return "", fmt.Errorf("ban %s: it is not in the ledger", targetText(p, a.Scope))
		}
	}
	return "read back from the kernel", nil
}

// Undo implements Doer. A jail's measure lifts the jail's own bans.
func (b Ban) Undo(ctx context.Context, o *Order) (err error) {
	_, list, err := banOrder(o)
	if err != nil {
		return err
	}
	key, _ := standingOf(o.Measure)
	for _, p := range list {
		if e := b.Responder.UnbanOf(ctx, key.jail, p); e != nil && !errors.Is(e, actions.ErrNotBanned) {
			err = errors.Join(err, e)
		}
	}
	return err
}

// Unban is the Doer that lifts all bans of a party, whosever they are.
type Unban struct{ Responder *actions.Responder }

// Able implements Doer.
func (Unban) Able() error { return nil }

// Plan implements Doer. Nobody loses reach by it: the gate has nothing to say.
func (Unban) Plan(_ context.Context, o *Order) (Plan, error) {
	a, list, err := banOrder(o)
	if err != nil {
		return Plan{}, err
	}
	p := Plan{Target: targets(list, a.Scope)}
	for _, peer := range list {
		p.Steps = append(p.Steps, "lift every ban of "+actions.Text(peer))
	}
	return p, nil
}

// Do implements Doer.
func (u Unban) Do(ctx context.Context, o *Order) (r Result, err error) {
	_, list, err := banOrder(o)
	for _, p := range list {
		if e := u.Responder.Unban(ctx, p, o.Measure.By); e != nil && !errors.Is(e, actions.ErrNotBanned) {
			err = errors.Join(err, e)
		}
	}
	return r, err
}

// Prove implements Doer.
func (u Unban) Prove(ctx context.Context, o *Order) (string, error) {
	_, list, err := banOrder(o)
	for _, p := range list {
		e, askErr := u.Responder.Explain(ctx, p)
		err = errors.Join(err, askErr)
		for _, b := range e.Bans {
			if b.Prefix == actions.Normal(p) {
				err = errors.Join(err, fmt.Errorf("unban %s: a ban by %s stands", actions.Text(p), b.By))
			}
		}
	}
	return "no ban stands", err
}

// Undo implements Doer.
func (Unban) Undo(context.Context, *Order) error {
	return errors.New("unban: it does not last, there is nothing to undo (picket ban bans anew)")
}

// CheckArgs implements ArgsChecker.
func (Ban) CheckArgs(args map[string]string) error {
	_, err := ParseBan(args)
	return err
}

// CheckArgs implements ArgsChecker.
func (Unban) CheckArgs(args map[string]string) error {
	_, err := ParseBan(args)
	return err
}
