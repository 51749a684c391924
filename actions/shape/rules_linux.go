package shape

import (
	"cmp"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"

	"github.com/google/nftables/binaryutil"
	"github.com/google/nftables/expr"
	"golang.org/x/sys/unix"

	"picket/actions"
	"picket/actions/measure"
)

// units are what a rate is counted by.
var units = map[string]expr.LimitTime{
	"second": expr.LimitTimeSecond, "minute": expr.LimitTimeMinute, "hour": expr.LimitTimeHour, "day": expr.LimitTimeDay,
}

// amounts are what a rate counts: packets, or bytes of them. A packet is what the kernel handles as one: up to 64 KiB of
// a connection where the card or the kernel puts segments together.
var amounts = []struct {
	name string
	kind expr.LimitType
	by   uint64
}{{"mbytes", expr.LimitTypePktBytes, 1 << 20}, {"kbytes", expr.LimitTypePktBytes, 1 << 10}, {"bytes", expr.LimitTypePktBytes, 1}, {"", expr.LimitTypePkts, 1}}

// wholePacket is the least burst of a rate in bytes: the largest packet that the kernel puts together must pass once.
const wholePacket = 64 << 10

// usualRate is the rate that nobody has chosen.
const usualRate = "20/second"

// parseRate reads 20/second, 100kbytes/second.
func parseRate(text string) (*expr.Limit, error) {
	count, per, _ := strings.Cut(text, "/")
	for _, a := range amounts {
		number, counts := strings.CutSuffix(count, a.name)
		if !counts {
			continue
		}
		n, err := strconv.ParseUint(strings.TrimSpace(number), 10, 32)
		unit, known := units[per]
		if err != nil || n == 0 || !known {
			break
		}
		l := &expr.Limit{Type: a.kind, Rate: n * a.by, Unit: unit, Over: true, Burst: uint32(n)}
		if a.kind == expr.LimitTypePktBytes {
			l.Burst = wholePacket
		}
		return l, nil
	}
	return nil, fmt.Errorf("rate %q is none (write 20/second, 100/minute, 500kbytes/second: packets, bytes, kbytes or mbytes per second, minute, hour or day)", text)
}

func rateLimit(o *measure.Order, p netip.Prefix) ([]chain, string, error) {
	rate := cmp.Or(o.Measure.Args["rate"], usualRate)
	limit, err := parseRate(rate)
	if err != nil {
		return nil, "", err
	}
	if text := o.Measure.Args["burst"]; text != "" {
		burst, err := strconv.ParseUint(text, 10, 32)
		if err != nil {
			return nil, "", fmt.Errorf("burst %q is not a number of packets, or of bytes where the rate counts those", text)
		}
		limit.Burst = uint32(burst)
	}
	rules := [][]expr.Any{counted(expr.VerdictDrop, in(source, p), []expr.Any{limit})}
	return []chain{atPrerouting(rules), atBridge(rules)},
		fmt.Sprintf("drop what %s sends over %s (burst %d)", actions.Text(p), rate, limit.Burst), nil
}

// The window is bytes 14 and 15 of the TCP header, the checksum 16 and 17, the flags byte 13 (RFC 9293, 3.1).
const (
	flagsOffset    = 13
	windowOffset   = 14
	checksumOffset = 16
	synAck, syn    = 0x12, 0x02
)

// tarpit writes a window of 0 into every TCP segment that is sent to the party: its connections are established, and
// then hang in its own persist timer (RFC 9293, 3.8.6.1) while ours idle.
func tarpit(_ *measure.Order, p netip.Prefix) ([]chain, string, error) {
	rule := append(in(destination, p), protocol(unix.IPPROTO_TCP)...)
	rule = append(rule,
		&expr.Immediate{Register: 1, Data: []byte{0, 0}},
		&expr.Payload{
			OperationType: expr.PayloadWrite, SourceRegister: 1, Base: expr.PayloadBaseTransportHeader, Offset: windowOffset, Len: 2,
			CsumType: expr.CsumTypeInet, CsumOffset: checksumOffset,
		},
		&expr.Counter{})
	rules := [][]expr.Any{rule}
	return []chain{atOutput(rules), atForward(rules), atBridge(rules)},
		fmt.Sprintf("tell %s a TCP window of 0 in every segment", actions.Text(p)), nil
}

// maxPeers bounds the peers that a host in quarantine keeps.
const maxPeers = 256

// quarantine lets a host talk with the listed peers only. Neighbour discovery goes on (RFC 4861: types 133 to 137).
func quarantine(o *measure.Order, p netip.Prefix) ([]chain, string, error) {
	peers := strings.FieldsFunc(o.Measure.Args["peers"], func(r rune) bool { return r == ',' || r == ' ' })
	if len(peers) > maxPeers {
		return nil, "", fmt.Errorf("%d peers, the most is %d (give prefixes)", len(peers), maxPeers)
	}
	nd := append(protocol(unix.IPPROTO_ICMPV6),
		&expr.Payload{DestRegister: 1, Base: expr.PayloadBaseTransportHeader, Offset: 0, Len: 1},
		&expr.Range{Op: expr.CmpOpEq, Register: 1, FromData: []byte{133}, ToData: []byte{137}})
	rules, kept := [][]expr.Any{counted(expr.VerdictAccept, nd)}, 0
	for _, text := range peers {
		peer, err := actions.ParsePrefix(text)
		if err != nil {
			return nil, "", fmt.Errorf("peers: %w", err)
		}
		if peer.Addr().Is4() == p.Addr().Is4() {
			kept++
			rules = append(rules,
				counted(expr.VerdictAccept, in(source, p), in(destination, peer)),
				counted(expr.VerdictAccept, in(destination, p), in(source, peer)))
		}
	}
	rules = append(rules, counted(expr.VerdictDrop, in(source, p)), counted(expr.VerdictDrop, in(destination, p)))
	// At forward for what came in behind DNAT: it was sent to another address.
	return []chain{atPrerouting(rules), atForward(rules), atOutput(rules), atBridge(rules)},
		fmt.Sprintf("drop everything from and to %s, but for %d peers", actions.Text(p), kept), nil
}

// strangers answers segments of connections that connection tracking does not know by a reset, so that those which were
// there before its entries were removed end on both sides: else the kernel would take them up again in the middle
// (nf_conntrack_tcp_loose). New ones begin with a SYN and are known.
func strangers(_ *measure.Order, p netip.Prefix) ([]chain, string, error) {
	unknown := append(protocol(unix.IPPROTO_TCP),
		&expr.Ct{Key: expr.CtKeySTATE, Register: 1},
		&expr.Bitwise{SourceRegister: 1, DestRegister: 1, Len: 4, Mask: binaryutil.NativeEndian.PutUint32(expr.CtStateBitNEW), Xor: make([]byte, 4)},
		&expr.Cmp{Op: expr.CmpOpNeq, Register: 1, Data: make([]byte, 4)},
		&expr.Payload{DestRegister: 1, Base: expr.PayloadBaseTransportHeader, Offset: flagsOffset, Len: 1},
		&expr.Bitwise{SourceRegister: 1, DestRegister: 1, Len: 1, Mask: []byte{synAck}, Xor: []byte{0}},
		&expr.Cmp{Op: expr.CmpOpNeq, Register: 1, Data: []byte{syn}},
		&expr.Counter{}, &expr.Reject{Type: unix.NFT_REJECT_TCP_RST})
	rules := [][]expr.Any{append(in(source, p), unknown...), append(in(destination, p), unknown...)}
	c := atPrerouting(rules)
	c.priority = priorityTracked
	return []chain{c}, fmt.Sprintf("close the connections of %s, and answer what it still sends in them by a reset", actions.Text(p)), nil
}

// Direction of an address in a packet.
type side int

const (
	source side = iota
	destination
)

// in matches packets whose source or destination is in a prefix.
func in(s side, p netip.Prefix) []expr.Any {
	proto, offset, size := uint16(unix.ETH_P_IP), uint32(12), uint32(4)
	if p.Addr().Is6() {
		proto, offset, size = unix.ETH_P_IPV6, 8, 16
	}
	offset += uint32(s) * size
	e := []expr.Any{
		&expr.Meta{Key: expr.MetaKeyPROTOCOL, Register: 1},
		&expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: binaryutil.BigEndian.PutUint16(proto)},
		&expr.Payload{DestRegister: 1, Base: expr.PayloadBaseNetworkHeader, Offset: offset, Len: size},
	}
	if !p.IsSingleIP() {
		mask := net.CIDRMask(p.Bits(), int(size)*8)
		e = append(e, &expr.Bitwise{SourceRegister: 1, DestRegister: 1, Len: size, Mask: mask, Xor: make([]byte, size)})
	}
	return append(e, &expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: p.Masked().Addr().AsSlice()})
}

// protocol matches packets of one transport protocol.
func protocol(number uint8) []expr.Any {
	return []expr.Any{
		&expr.Meta{Key: expr.MetaKeyL4PROTO, Register: 1},
		&expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: []byte{number}},
	}
}

// counted ends a rule with a counter and a verdict.
func counted(v expr.VerdictKind, parts ...[]expr.Any) []expr.Any {
	var e []expr.Any
	for _, p := range parts {
		e = append(e, p...)
	}
	return append(e, &expr.Counter{}, &expr.Verdict{Kind: v})
}
