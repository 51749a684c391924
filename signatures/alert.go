package signatures

import (
	"slices"

	"picket/traffic/app"
	"picket/traffic/flow"
)

// Alert is one signature's match on a packet. It is valid until the next Inspect.
type Alert struct {
	*Signature
	// Effect is what the rule did, after rate filters: Accepted for a plain alert.
	Effect Effect
	// Tx is the transaction that matched, nil when none did.
	Tx    *app.Transaction
	HasTx bool
	Dir   app.Direction
	// Frame is the frame that matched, or nil.
	Frame *app.Frame
	// Where the match lies: in bytes of the stream, in transactions, else in the packet.
	InStream, InTx bool
	// WholeFlow says that the effect holds for the rest of the flow.
	WholeFlow bool
	// Contexts are what the sets of values that matched have to tell; nil mostly.
	Contexts []Context
	action   Action // after rate filters
	silent   bool
	seq      int32
}

// MaxAlerts bounds the alerts of one packet unless Options say otherwise; those judged first stay.
const MaxAlerts = 15

// maxQueue bounds the matches that compete for MaxAlerts.
const maxQueue = 1024

// queue notes a match.
func (in *Inspector) queue(s *Signature, tx *app.Transaction, dir app.Direction, stream, state bool) {
	if len(in.matches) >= maxQueue {
		in.Stats.AlertsLost++
		return
	}
	in.matches = append(in.matches, Alert{
		Signature: s, Tx: tx, HasTx: tx != nil, Dir: dir, InStream: stream, InTx: state,
		action: s.Action, silent: s.NoAlert, seq: int32(len(in.matches)),
	})
}

// finish holds the matches against limits, applies their actions in order, and leaves the alerts
// (Suricata's PacketAlertFinalize).
func (in *Inspector) finish() Verdict {
	var v Verdict
	if len(in.matches) > 1 {
		slices.SortFunc(in.matches, func(a, b Alert) int {
			if a.id != b.id {
				return int(a.id) - int(b.id)
			}
			return int(a.seq) - int(b.seq)
		})
	}
	for i := range in.matches {
		a := &in.matches[i]
		show, act := in.limit(a)
		if act {
			in.setTags(a.Signature)
			in.apply(a, &v)
		}
		pass := a.action == Pass
		if show && !a.silent && a.action != Config {
			in.show(a)
		}
		if pass {
			break
		}
	}
	v.Modified = in.modified
	return v
}

func (in *Inspector) show(a *Alert) {
	if len(in.Alerts) >= in.e.maxAlerts {
		in.Stats.AlertsLost++
		return
	}
	if len(in.contexts) > 0 {
		a.Contexts = in.contextsOf(a.Signature)
	}
	in.Alerts = append(in.Alerts, *a)
	if f := in.v.Flow; f != nil {
		f.Flags |= flow.Alerted
	}
}

// apply lets a match decide over the packet and, where its kind of rule does so, over the flow.
func (in *Inspector) apply(a *Alert, v *Verdict) {
	e := effectOf(a.action)
	if e == Accepted {
		return
	}
	a.Effect = e
	a.WholeFlow = in.v.Flow != nil && a.holdsForFlow()
	if e == Passed && v.Effect.Drops() {
		return
	}
	if a.WholeFlow {
		f := in.v.Flow
		switch {
		case e == Passed:
			f.Action = flow.Pass
		case e == Dropped:
			f.Action = flow.Drop
		default:
			f.Action = flow.Reject
		}
		v.Flow = true
	}
	if v.Rule == nil || e.Drops() && !v.Effect.Drops() { // the first rule that drops is the reason
		v.Rule, v.Why = a.Signature, ByRule
		if a.action != a.Signature.Action {
			v.Why = ByLimit
		}
	}
	v.Effect = max(v.Effect, e)
}

// holdsForFlow follows Suricata's signature_properties: rules of the header alone and of applications decide over
// flows, rules of packets over packets, rules of both by where they matched.
func (a *Alert) holdsForFlow() bool {
	switch a.Type {
	case TypeIPOnly, TypeLikeIPOnly, TypeProtoOnly, TypeApp, TypeTx:
		return true
	case TypePacketStream, TypeStream:
		return a.InStream || a.InTx
	}
	return false
}

func effectOf(a Action) Effect {
	switch a {
	case Pass:
		return Passed
	case Drop:
		return Dropped
	case Reject:
		return RejectedSource
	case RejectDst:
		return RejectedDestination
	case RejectBoth:
		return RejectedBoth
	}
	return Accepted
}
