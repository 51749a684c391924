package flow

import (
	"picket/traffic/app"
	"picket/traffic/packet"
	"picket/traffic/stream"
)

// Flow is one conversation. It lives in the table's arena and is valid until its Ended call returns.
type Flow struct {
	ID             uint64 // EVE's flow_id
	Parent         uint64 // ID of the flow that announced this one (FTP's control connection); 0: none
	Client, Server packet.Addr
	CPort, SPort   uint16 // ICMP: type and code of the first packet; ESP: the SPI's halves
	Proto          packet.Proto
	Family         uint8
	VLANs          uint8 // of the first packet
	VLAN           [packet.MaxVLANs]uint16
	Start, Last    int64 // ns of the first and the last packet
	Packets, Bytes [2]uint64
	TCPFlags       [2]uint8 // all flags seen, by direction
	MinTTL, MaxTTL [2]uint8 // by direction; 0: no packet yet
	// ClientMAC and ServerMAC are the Ethernet addresses of the first packet, if HasMAC.
	ClientMAC, ServerMAC [6]byte
	HasMAC               bool
	State                Phase
	Flags                Flags
	Action               Action // what a verdict has decided for the rest of the flow
	Asked                [2]Asked
	CommunityID          [20]byte
	HasCommunityID       bool
	hash                 uint32
	state                uint32 // index of State, 0: none
	next                 uint32 // chain or free list
	self                 uint32 // index of the record
	depth                uint8  // of tunnels
}

// Asked is an exception policy that was asked about a flow, and its answer.
type Asked struct {
	About  packet.Denial // NotDenied: none
	Answer packet.Exception
}

// Phase is how far a flow has come, as EVE's flow.state names it.
type Phase uint8

// The phases.
const (
	New Phase = iota
	Established
	Closed
	Bypassed
)

func (p Phase) String() string { return [...]string{"new", "established", "closed", "bypassed"}[p] }

// Flags of a flow.
type Flags uint16

const (
	// Alerted: a signature has matched on this flow.
	Alerted Flags = 1 << iota
	// NoPayload: payload, stream and transactions are not judged any more (a pass rule).
	NoPayload
	// NoPacket: no packet of the flow is judged any more.
	NoPacket
	// Reversed: client and server were exchanged after the first packets.
	Reversed
	// Emergency: the flow ended early because the table was full.
	Emergency
	// Offload: nothing more needs inspection; the kernel may take the rest.
	Offload
	// Excepted: an exception policy, not a rule, has decided over the flow.
	Excepted
	// Secret: what follows is ciphertext. Payload and stream are not judged any more, headers and transactions are.
	Secret
)

// Action is what holds for the rest of a flow.
type Action uint8

// A flow goes on, or a verdict has ended its inspection.
const (
	Accept Action = iota
	Pass
	Drop
	Reject
)

// EndReason says why a flow is over, as EVE's flow.reason names it.
type EndReason uint8

// The reasons.
const (
	Timeout EndReason = iota
	Forced
	Shutdown
	TCPReuse
)

func (r EndReason) String() string {
	return [...]string{"timeout", "forced", "shutdown", "tcp_reuse"}[r]
}

// State is the part of a flow that only flows with something to judge have.
type State struct {
	App app.Conn
	// Detect belongs to signatures: flowbits, flow variables, what is already known of the stream.
	Detect any
	// Log belongs to outputs.
	Log any

	bytes  *stream.Bytes // nil: no payload yet
	tcp    *stream.Session
	engine *stream.Engine
	cur    *packet.Packet // being judged

	detected [2]found // how far the news about the protocol got, by direction
	changing bool     // the protocol is about to change, and what was found so far was judged
}

// found is the news that a direction's protocol is settled: still to be told to the next packet, or told.
type found uint8

const (
	searching found = iota
	news
	known
)

// Sink is told what happens at the end of flows.
type Sink interface {
	// Judge is called with a pseudo packet when a flow ends with bytes that were not judged yet, and when a
	// protocol change asks for the rest to be judged first.
	Judge(p *packet.Packet, f *Flow, s *State)
	// Ended is called once for each flow before its memory is used again. s may be nil.
	Ended(f *Flow, s *State, why EndReason)
}
