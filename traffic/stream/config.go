package stream

import "net/netip"

// Config is Suricata's stream section. The zero value is not a default: use Default.
type Config struct {
	Inline             bool // judge before the receiver acknowledges; the first copy of a byte wins
	Midstream          bool // pick up sessions whose handshake was not seen
	AsyncOneside       bool // only one side of sessions is seen
	DropInvalid        bool // inline: segments that are refused are to be dropped
	ChecksumValidation bool // segments with a wrong checksum do not belong to the stream
	LiberalTimestamps  bool
	CheckOverlap       bool // report overlaps with different data (always in inline mode)
	Memcap             uint64
	Reassembly         Reassembly
	Hosts              []HostPolicy // longest prefix wins; none: bsd
}

// Reassembly is the section stream.reassembly; sizes in bytes.
type Reassembly struct {
	Depth         uint32 // bytes of a direction that are looked at; 0: all
	Memcap        uint64
	ToServerChunk uint32
	ToClientChunk uint32
	Raw           bool
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
		Reassembly: Reassembly{Depth: 1 << 20, Memcap: 256 << 20, ToServerChunk: 2560, ToClientChunk: 2560, Raw: true},
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
