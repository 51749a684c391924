package packet

// OverlapPolicy says which of two overlapping fragments a host keeps.
type OverlapPolicy uint8

// The policies (Novak, "Target-Based Fragmentation Reassembly", 2005).
const (
	PolicyBSD OverlapPolicy = iota
	PolicyBSDRight
	PolicyLinux
	PolicyFirst
	PolicyLast
	PolicySolaris
	PolicyWindows
)

// fragment is where an IPv6 packet's fragment header stands; empty for IPv4.
type fragment struct {
	header uint16 // offset of the fragment header in Packet.IP
	from   uint16 // offset of the byte that announces it
	next   uint8  // protocol behind it
}

type defragger struct{}

func (*defragger) start(*Config)       {}
func (*defragger) release()            {}
func (d *Decoder) fragment4(p *Packet) {}
func (d *Decoder) fragment6(p *Packet) {}
