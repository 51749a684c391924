package measure

import (
	"context"
	"fmt"
	"net/netip"
	"strings"

	"picket/actions"
)

// Verdict is the gate's answer to a plan.
type Verdict struct {
	Ruling  actions.Ruling `json:"ruling"`
	Why     string         `json:"why,omitempty"`     // of asking and refusing
	Blast   []string       `json:"blast,omitempty"`   // of what people are asked about: whom it would cut off
	Observe bool           `json:"observe,omitempty"` // nothing may be done, only told

	decisions []actions.Decision // that it rests on
}

// Gate stands in front of every measure.
type Gate interface {
	// Ask rules on a plan before it is carried out. It changes nothing; any goroutine may call it.
	Ask(ctx context.Context, o *Order, p *Plan) (Verdict, error)
	// Record keeps what a verdict rests on, for those who ask why. It is called for verdicts that something follows from,
	// once: not for dry runs, nor for what is asked again before acting.
	Record(v *Verdict)
}

// HostGate is the one gate of this host: who loses reach is held against the gate of bans, whatever takes it away, and
// processes against the list of those that must live.
type HostGate struct {
	Responder *actions.Responder
	Gate      *actions.Gate
	// Live counts the connections that a party has now, and their bytes; nil: nobody knows. It is asked only where people
	// are: it may read all that the kernel tracks.
	Live func(netip.Prefix) (connections int, bytes uint64, err error)
}

// Ask implements Gate.
func (g *HostGate) Ask(ctx context.Context, o *Order, p *Plan) (Verdict, error) {
	v := Verdict{Observe: g.Gate.Observing()}
	m := o.Measure
	for _, peer := range p.Peers {
		d, err := g.Responder.Ask(ctx, actions.Request{Prefix: peer, By: m.By, Reason: m.Reason, Approved: m.Approved})
		if err != nil {
			return v, fmt.Errorf("ask the gate about %s: %w", actions.Text(peer), err)
		}
		if d.Ruling == actions.AskFirst || m.Approval && d.Ruling == actions.Allowed {
			g.live(&d, peer)
			v.Blast = append(v.Blast, named(p, actions.Text(peer))+d.Blast.String())
		}
		v.add(&d, named(p, actions.Text(peer)))
	}
	for _, pid := range p.PIDs {
		d := g.Gate.ConsiderProcess(pid, m.By, m.Reason)
		v.add(&d, named(p, fmt.Sprintf("process %d", pid)))
	}
	return v, nil
}

// named says whom a sentence of the gate's is about, where a plan touches more than one: the target says it else.
func named(p *Plan, who string) string {
	if len(p.Peers)+len(p.PIDs) < 2 {
		return ""
	}
	return who + ": "
}

// live adds to a decision what the party has open at this moment. Where that can't be read the rest must do.
func (g *HostGate) live(d *actions.Decision, peer netip.Prefix) {
	if g.Live == nil {
		return
	}
	connections, bytes, err := g.Live(peer)
	if err != nil || connections == 0 {
		return
	}
	if d.Blast == nil {
		d.Blast = &actions.Blast{Parties: 1}
	}
	blast := *d.Blast
	blast.Live, blast.Bytes = connections, max(blast.Bytes, bytes)
	d.Blast = &blast
}

// Record implements Gate.
func (g *HostGate) Record(v *Verdict) { g.Gate.Record(v.decisions...) }

// add takes one decision in, of whom what names: the strictest rules.
func (v *Verdict) add(d *actions.Decision, what string) {
	v.decisions = append(v.decisions, *d)
	if d.Ruling <= v.Ruling {
		return
	}
	v.Ruling, v.Why = d.Ruling, what+d.Why
}

// request is what people read who are asked for approval: why, and whom it would cut off.
func (v *Verdict) request() string {
	parts := v.Blast
	if v.Why != "" {
		parts = append([]string{v.Why}, parts...)
	}
	return strings.Join(parts, "; ")
}
