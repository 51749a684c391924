package flow

import (
	"time"

	"picket/traffic/packet"
)

// Config is Suricata's flow and flow-timeouts sections. Use Default.
type Config struct {
	Memcap   uint64        // bytes of flow records
	HashSize uint32        // buckets
	Prealloc uint32        // records made at the start
	FirstID  uint64        // number of the first flow less one: workers that log together must not meet
	UseVLAN  bool          // vlan.use-for-tracking
	Expect   *Expectations // shared with other tables; nil: the table has its own
	UseDepth bool          // packets of different tunnel depth belong to different flows
	Enforce  bool          // verdicts take effect: bytes of a flow that was dropped go nowhere any more
	// AppError is what to do with a flow whose application layer can't be parsed, MemcapPolicy with a packet that there
	// is no flow record for.
	AppError, MemcapPolicy packet.Exception
	Timeouts               [Other + 1]Timeouts
	Urgent                 [Other + 1]Timeouts // in emergency mode
}

// Kind sorts protocols by their timeouts.
type Kind uint8

// The kinds of flow-timeouts.
const (
	TCPKind Kind = iota
	UDPKind
	ICMPKind
	Other
)

// Timeouts by Phase: how long a flow without packets lives.
type Timeouts [Bypassed + 1]time.Duration

// BuiltIn returns the timeouts that hold when a suricata.yaml says nothing about them (src/flow-private.h). They are
// shorter than those of the file that Suricata is shipped with, which Default returns.
func BuiltIn() [Other + 1]Timeouts {
	s := time.Second
	other := Timeouts{30 * s, 300 * s, 0, 100 * s}
	return [...]Timeouts{{30 * s, 300 * s, 10 * s, 100 * s}, other, other, other}
}

// Default returns Suricata 8's defaults.
func Default() Config {
	s := func(n, e, c, b time.Duration) Timeouts {
		return Timeouts{n * time.Second, e * time.Second, c * time.Second, b * time.Second}
	}
	return Config{
		Memcap: 128 << 20, HashSize: 65536, Prealloc: 4096, UseVLAN: true, UseDepth: true,
		Timeouts: [...]Timeouts{s(60, 600, 60, 100), s(30, 300, 0, 100), s(30, 300, 0, 100), s(30, 300, 0, 100)},
		Urgent:   [...]Timeouts{s(5, 100, 10, 50), s(10, 100, 0, 50), s(10, 100, 0, 50), s(10, 100, 0, 50)},
	}
}
