package stream

import (
	"unsafe"

	"picket/traffic/packet"
)

// State is a session's state, in Suricata's order and names (EVE: tcp.state).
type State uint8

// The states.
const (
	None State = iota
	SynSent
	SynRecv
	Established
	FinWait1
	FinWait2
	TimeWait
	LastAck
	CloseWait
	Closing
	Closed
)

func (s State) String() string {
	return [...]string{"none", "syn_sent", "syn_recv", "established", "fin_wait1", "fin_wait2", "time_wait",
		"last_ack", "close_wait", "closing", "closed"}[s]
}

// side is what is known of one sender. It has no pointers: sessions live in the flow table's arena.
type side struct {
	isn, next, acked Seq    // next byte to come; right edge of what the other side has acknowledged
	nextWin          Seq    // right edge of what the other side allows
	window           uint32 // the receiver's window for this sender's bytes, scaled
	lastTS           uint32
	lastSec          uint32 // time of the packet with lastTS
	scale            uint8
	policy           Policy // of the host that receives this sender's bytes
	hasPolicy        bool
	ts, zeroTS       bool
	rst              bool // a reset that may be forged was sent to this side
	keepalive        bool
}

// Session is the state of a TCP connection as its packets show it.
type Session struct {
	State  State
	before State // the state that a reset has ended
	Flags  SessionFlags
	side   [2]side
	alt    [maxAlts]Seq // the sequence numbers of other SYN/ACKs: the client's acknowledgment will choose
	alts   uint8        // how many of alt are valid
	syns   [maxSyns]syn // SYNs that were sent again: the server's answer will choose
	nsyns  uint8        // how many came; the ring holds the last ones
}

// SessionSize is the memory of a session in bytes.
const SessionSize = uint64(unsafe.Sizeof(Session{}))

// syn is what counts of a SYN.
type syn struct {
	seq          Seq
	ts           uint32
	window       uint16
	scale        uint8
	hasTS, hasWS bool
}

// maxSyns and maxAlts bound stream.max-syn-queued and stream.max-synack-queued: the room is part of each flow record.
const (
	maxSyns = 10
	maxAlts = 5
)

// SessionFlags say how a session came about.
type SessionFlags uint16

const (
	// Midstream: the handshake was not seen.
	Midstream SessionFlags = 1 << iota
	// Async: only one side is seen.
	Async
	// ByReset: the session ended with a reset.
	ByReset
	fourWay
	midSynAck
	midEstablished
	fastOpen
	dataIgnored
	timestamps
	evasion
	confirmed
	synWScale
	probeToServer
	probeToClient
)

const maxScale = 14 // RFC 7323, section 2.3

func (s *Session) has(f SessionFlags) bool { return s.Flags&f != 0 }

// ISN returns the initial sequence number of a sender.
func (s *Session) ISN(dir packet.Direction) uint32 { return uint32(s.side[dir].isn) }

// Sent returns how many bytes a sender has sent so far, as stream_size counts them: from its ISN.
func (s *Session) Sent(dir packet.Direction) uint32 {
	if s.State == None {
		return 0
	}
	return uint32(s.side[dir].next - s.side[dir].isn)
}

// Reusable tells whether a packet begins a new session on the same addresses and ports.
func (s *Session) Reusable(c *Config, p *packet.Packet, dir packet.Direction) bool {
	fl := p.TCP.Flags
	synAck := fl&(packet.SYN|packet.ACK) == packet.SYN|packet.ACK
	if fl&(packet.RST|packet.FIN) != 0 || fl&packet.SYN == 0 || synAck && !c.Midstream && !c.AsyncOneside {
		return false
	}
	if !synAck && dir == packet.ToServer {
		if s.has(dataIgnored) {
			return true
		}
		if s.State != None && s.side[0].isn == Seq(p.TCP.Seq) {
			return false
		}
	}
	if synAck && dir == packet.ToClient && s.side[1].isn == Seq(p.TCP.Seq) {
		return false
	}
	return s.State == None || s.State >= LastAck
}

// swap exchanges client and server.
func (s *Session) swap() { s.side[0], s.side[1] = s.side[1], s.side[0] }
