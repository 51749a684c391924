package stream

import (
	"net/netip"

	"picket/traffic/packet"
)

// Config is Suricata's stream section. The zero value is not a default: use Default.
type Config struct {
	Inline             bool // judge before the receiver acknowledges; the first copy of a byte wins
	Midstream          bool // pick up sessions whose handshake was not seen
	AsyncOneside       bool // only one side of sessions is seen
	DropInvalid        bool // inline: segments that are refused are to be dropped
	ChecksumValidation bool // segments with a wrong checksum do not belong to the stream
	LiberalTimestamps  bool
	CheckOverlap       bool // report overlaps with different data (always in inline mode)
	// Memcap bounds the bytes of sessions (SessionSize each). The flow table, which keeps them, sees to it.
	Memcap     uint64
	Reassembly Reassembly
	// What to do with a session that was not seen from its beginning, and with segments that there is no memory for.
	MidstreamPolicy, MemcapPolicy packet.Exception
	Bypass                        bool // a flow whose directions have both reached the depth may be offloaded
	MaxSynQueued                  int  // SYNs that are remembered of a handshake, and SYN/ACKs; at most 10 and 5
	MaxSynAckQueued               int
	Hosts                         []HostPolicy // longest prefix wins; none: bsd
}

// Reassembly is the section stream.reassembly; sizes in bytes.
type Reassembly struct {
	Depth         uint32 // bytes of a direction that are looked at; 0: all
	Memcap        uint64
	ToServerChunk uint32
	ToClientChunk uint32
	Raw           bool
	Urgent        Urgent
	UrgentLimit   Urgent // when a direction has had 65,535 urgent bytes: UrgentDrop or UrgentInline
}

// Urgent is what becomes of urgent data (stream.reassembly.urgent.policy). Hosts disagree on whether the byte at the
// urgent pointer belongs to the stream (RFC 6093), so an attacker can make the sensor read something else than the host.
type Urgent uint8

// The byte is taken out of the stream; stays in it; the packet is dropped; the segment becomes a gap.
const (
	UrgentOutOfBand Urgent = iota
	UrgentInline
	UrgentDrop
	UrgentGap
)

// UrgentByName finds a policy by the word that the configuration uses.
func UrgentByName(name string) (Urgent, bool) {
	switch name {
	case "oob":
		return UrgentOutOfBand, true
	case "inline":
		return UrgentInline, true
	case "drop":
		return UrgentDrop, true
	case "gap":
		return UrgentGap, true
	}
	return 0, false
}

// HostPolicy gives the hosts of a prefix their operating system (host-os-policy).
type HostPolicy struct {
	Prefix netip.Prefix
	Policy Policy
}

// Default returns Suricata 8's defaults.
func Default() Config {
	return Config{
		DropInvalid: true, ChecksumValidation: true, LiberalTimestamps: false, Memcap: 64 << 20,
		MaxSynQueued: 10, MaxSynAckQueued: 5,
		Reassembly: Reassembly{Depth: 1 << 20, Memcap: 256 << 20, ToServerChunk: 2560, ToClientChunk: 2560, Raw: true,
			Urgent: UrgentOutOfBand, UrgentLimit: UrgentDrop},
	}
}

// Policy is the way in which an operating system treats doubtful segments.
type Policy uint8

// The policies by Suricata's names; BSD is the default.
const (
	BSD Policy = iota
	BSDRight
	OldLinux
	Linux
	Solaris
	HPUX10
	HPUX11
	IRIX
	MacOS
	Windows
	Vista
	Windows2K3
	First
	Last
)

var policyNames = map[string]Policy{
	"bsd": BSD, "bsd-right": BSDRight, "bsd_right": BSDRight, "old-linux": OldLinux, "old_linux": OldLinux,
	"linux": Linux, "solaris": Solaris, "hpux10": HPUX10, "hpux11": HPUX11, "irix": IRIX, "macos": MacOS,
	"windows": Windows, "windows2k3": Windows2K3, "vista": Vista, "first": First, "last": Last,
}

// PolicyByName finds a policy by the name host-os-policy uses.
func PolicyByName(name string) (Policy, bool) {
	p, ok := policyNames[name]
	return p, ok
}

// policyOf returns the policy of a host.
func (c *Config) policyOf(a netip.Addr) Policy {
	best, bits := BSD, -1
	for _, h := range c.Hosts {
		if h.Prefix.Bits() > bits && h.Prefix.Contains(a) {
			best, bits = h.Policy, h.Prefix.Bits()
		}
	}
	return best
}
