package packet

// Exception is what to do with a packet or flow that the engine can't handle as it should (docs.suricata.io,
// "Exception Policies").
type Exception uint8

// The policies; Ignore goes on as if nothing had happened.
const (
	Ignore Exception = iota
	DropPacket
	DropFlow
	PassPacket
	PassFlow
	Bypass
	Reject
)

var exceptionNames = map[string]Exception{
	"ignore": Ignore, "drop-packet": DropPacket, "drop-flow": DropFlow, "pass-packet": PassPacket,
	"pass-flow": PassFlow, "bypass": Bypass, "reject": Reject,
}

func (e Exception) String() string {
	return [...]string{"ignore", "drop_packet", "drop_flow", "pass_packet", "pass_flow", "bypass", "reject"}[e]
}

// ExceptionByName finds a policy by the word that the configuration uses; "auto" is none of them.
func ExceptionByName(name string) (Exception, bool) {
	e, ok := exceptionNames[name]
	return e, ok
}

// Passes tells whether the policy lets the packet pass.
func (e Exception) Passes() bool { return e == PassPacket || e == PassFlow || e == Bypass }

// Denial is why decoding or tracking wants a packet dropped, before any rule has spoken.
type Denial uint8

// The reasons, by Suricata's names (EVE: drop.reason).
const (
	NotDenied Denial = iota
	DeniedStream
	DeniedMidstream
	DeniedUrgent
	DeniedStreamMemcap
	DeniedReassembly
	DeniedApp
	DeniedFlowMemcap
)

func (d Denial) String() string {
	return [...]string{"", "stream error", "stream midstream", "stream urgent", "stream memcap", "stream reassembly",
		"applayer error", "flow memcap"}[d]
}

// Target names what the exception policy for the reason guards (EVE: flow.exception_policy.target), "" if none does.
func (d Denial) Target() string {
	return [...]string{DeniedMidstream: "stream_midstream", DeniedStreamMemcap: "stream_memcap",
		DeniedReassembly: "stream_reassembly_memcap", DeniedApp: "app_layer_error", DeniedFlowMemcap: "flow_memcap"}[d]
}

// Except applies a policy to the packet: it is not judged any more, and passes or is denied for the reason. The flow
// table does the same to its flow. To ignore is a policy too: that it was asked is all that remains.
func (p *Packet) Except(e Exception, why Denial) {
	if e == Ignore {
		if p.Asked == NotDenied {
			p.Asked = why
		}
		return
	}
	p.Asked = why
	p.Exception = e
	p.Flags |= NoInspection
	if !e.Passes() && p.Denied == NotDenied {
		p.Denied = why
	}
}
