package signatures

import (
	"strconv"

	"picket/traffic/packet"
)

// Verdict is what happens to a packet, and why. The zero value lets it pass. EVE, log and page all print String.
type Verdict struct {
	Effect Effect
	// Flow says that the effect holds for the rest of the flow.
	Flow bool
	// Offload says that nothing in the rest of the flow needs inspection.
	Offload bool
	Why     Why
	// Rule is the signature behind it; nil unless Why is ByRule or ByLimit.
	Rule *Signature
	// Modified says that the payload was rewritten in place (replace).
	Modified bool
	// Denied says why, iff Why is ByTraffic.
	Denied packet.Denial
}

// Effect is what is done.
type Effect uint8

// The effects, the harder the later.
const (
	Accepted Effect = iota
	Passed          // a pass rule
	Dropped
	RejectedSource // dropped, and the sender told so (TCP RST, ICMP unreachable)
	RejectedDestination
	RejectedBoth
)

func (e Effect) String() string {
	return [...]string{"accept", "pass", "drop", "reject", "reject-destination", "reject-both"}[e]
}

// Drops tells whether the packet is taken out.
func (e Effect) Drops() bool { return e >= Dropped }

// Why names the kind of reason.
type Why uint8

// The reasons.
const (
	NoReason    Why = iota
	ByRule          // a signature matched
	ByFlow          // an earlier verdict holds for the flow
	ByLimit         // a rate filter has changed a signature's action
	ByTraffic       // decoding or tracking refuses the packet: see Denied
	ByException     // an exception policy holds for the flow
)

// Reason is EVE's drop.reason.
func (v *Verdict) Reason() string {
	switch v.Why {
	case ByRule:
		return "rules"
	case ByFlow:
		return "flow drop"
	case ByLimit:
		return "threshold detection_filter"
	case ByTraffic:
		return v.Denied.String()
	case ByException:
		return "exception policy flow drop"
	}
	return ""
}

// String tells the verdict in one line: `drop flow: sid 2019284 rev 3 "ET ATTACK_RESPONSE …"`.
func (v *Verdict) String() string {
	s := v.Effect.String()
	if v.Flow {
		s += " flow"
	}
	switch v.Why {
	case ByFlow, ByException:
		s += ": decided earlier in this flow"
	case ByLimit:
		s += ": rate filter"
	case ByTraffic:
		s += ": " + v.Denied.String()
	}
	if v.Rule != nil {
		s += ": sid " + strconv.Itoa(int(v.Rule.SID)) + " rev " + strconv.Itoa(int(v.Rule.Rev)) +
			" " + strconv.Quote(v.Rule.Msg)
	}
	return s
}
