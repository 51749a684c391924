package capture

import (
	"encoding/binary"
	"syscall"

	"github.com/florianl/go-nfqueue/v2"
	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

// Messages and attributes of nfnetlink_queue (linux/netfilter/nfnetlink_queue.h). go-nfqueue exports the flags, copy
// modes and verdicts; message types and attributes it keeps to itself, and x/sys/unix has none of them.
const (
	nfqMsgPacket       = unix.NFNL_SUBSYS_QUEUE << 8
	nfqMsgVerdict      = unix.NFNL_SUBSYS_QUEUE<<8 | 1
	nfqMsgConfig       = unix.NFNL_SUBSYS_QUEUE<<8 | 2
	nfqMsgVerdictBatch = unix.NFNL_SUBSYS_QUEUE<<8 | 3

	nfqaPacketHdr  = 1
	nfqaVerdictHdr = 2
	nfqaMark       = 3
	nfqaInDev      = 5
	nfqaOutDev     = 6
	nfqaPayload    = 10
	nfqaCapLen     = 13
	nfqaSkbInfo    = 14

	nfqaCfgCmd    = 1
	nfqaCfgParams = 2
	nfqaCfgMaxLen = 3
	nfqaCfgMask   = 4
	nfqaCfgFlags  = 5
	nfqCmdBind    = 1

	// bits of nfqaSkbInfo
	skbChecksumNotReady    = 1
	skbGSO                 = 2
	skbChecksumNotVerified = 4

	nlHeader  = unix.SizeofNlMsghdr
	nfHeader  = nlHeader + 4 // struct nfgenmsg
	nlTypeLow = 0x3fff       // attribute types without the flags for nesting and byte order
)

// nfPacket is what a packet message says.
type nfPacket struct {
	payload []byte // view of the message
	id      uint32
	mark    uint32
	in, out uint32 // interface indices
	capLen  uint32 // full length when the payload was cut, else 0
	info    uint32 // skb bits
}

// parsePacket reads a packet message. It is false for every other message and for one without header or payload.
// Lengths are checked although the kernel is the sender: the cost is nil and a surprise stays harmless.
func parsePacket(b []byte, p *nfPacket) bool {
	if len(b) < nfHeader || binary.NativeEndian.Uint16(b[4:]) != nfqMsgPacket {
		return false
	}
	*p = nfPacket{}
	found := false
	for b = b[nfHeader:]; len(b) >= 4; {
		n := int(binary.NativeEndian.Uint16(b))
		if n < 4 || n > len(b) {
			return false
		}
		kind, v := binary.NativeEndian.Uint16(b[2:])&nlTypeLow, b[4:n:n]
		switch {
		case kind == nfqaPayload:
			p.payload = v
		case len(v) < 4:
		case kind == nfqaPacketHdr:
			p.id, found = binary.BigEndian.Uint32(v), true
		case kind == nfqaMark:
			p.mark = binary.BigEndian.Uint32(v)
		case kind == nfqaInDev:
			p.in = binary.BigEndian.Uint32(v)
		case kind == nfqaOutDev:
			p.out = binary.BigEndian.Uint32(v)
		case kind == nfqaCapLen:
			p.capLen = binary.BigEndian.Uint32(v)
		case kind == nfqaSkbInfo:
			p.info = binary.BigEndian.Uint32(v)
		}
		b = b[min(len(b), (n+3)&^3):]
	}
	return found
}

// parseError reads an error or acknowledgement: the error number, 0 for an acknowledgement.
func parseError(b []byte) (syscall.Errno, bool) {
	if len(b) < nlHeader+4 || binary.NativeEndian.Uint16(b[4:]) != unix.NLMSG_ERROR {
		return 0, false
	}
	return syscall.Errno(-int32(binary.NativeEndian.Uint32(b[nlHeader:]))), true
}

// nfVerdict is what is sent back for a packet.
type nfVerdict struct {
	code    uint32
	id      uint32
	mark    uint32 // sent iff setMark
	setMark bool
	payload []byte // sent iff not nil
}

// appendVerdict adds one verdict message to b; kind is nfqMsgVerdict, or nfqMsgVerdictBatch, which answers all
// packets up to the id.
func appendVerdict(b []byte, kind, queue uint16, v nfVerdict) []byte {
	ne, be, at := binary.NativeEndian, binary.BigEndian, len(b)
	b = append(b, 0, 0, 0, 0) // the length, known at the end
	b = ne.AppendUint16(b, kind)
	b = ne.AppendUint16(b, unix.NLM_F_REQUEST)
	b = append(b, 0, 0, 0, 0, 0, 0, 0, 0, unix.AF_UNSPEC, unix.NFNETLINK_V0)
	b = be.AppendUint16(b, queue)
	b = appendAttr(b, nfqaVerdictHdr, 8)
	b = be.AppendUint32(b, v.code)
	b = be.AppendUint32(b, v.id)
	if v.setMark {
		b = appendAttr(b, nfqaMark, 4)
		b = be.AppendUint32(b, v.mark)
	}
	if v.payload != nil {
		b = appendAttr(b, nfqaPayload, len(v.payload))
		b = append(b, v.payload...)
		for (len(b)-at)%4 != 0 {
			b = append(b, 0)
		}
	}
	ne.PutUint32(b[at:], uint32(len(b)-at))
	return b
}

// appendAttr adds an attribute's header for a value of n bytes.
func appendAttr(b []byte, kind uint16, n int) []byte {
	b = binary.NativeEndian.AppendUint16(b, uint16(4+n))
	return binary.NativeEndian.AppendUint16(b, kind)
}

// configMessage binds a queue and sets all its properties in one message. The kernel applies it in one call: there
// is no time in which the queue exists with copy mode "none", which drops, and no packet between two settings.
func configMessage(o QueueOptions) ([]byte, error) {
	flags := uint32(0)
	if o.FailOpen {
		flags |= nfqueue.NfQaCfgFlagFailOpen
	}
	if o.GSO {
		flags |= nfqueue.NfQaCfgFlagGSO
	}
	ae := netlink.NewAttributeEncoder()
	ae.ByteOrder = binary.BigEndian
	ae.Bytes(nfqaCfgCmd, []byte{nfqCmdBind, 0, 0, 0})
	ae.Bytes(nfqaCfgParams, append(binary.BigEndian.AppendUint32(nil, maxPayload), nfqueue.NfQnlCopyPacket))
	ae.Uint32(nfqaCfgMaxLen, o.MaxLen)
	ae.Uint32(nfqaCfgFlags, flags)
	ae.Uint32(nfqaCfgMask, nfqueue.NfQaCfgFlagFailOpen|nfqueue.NfQaCfgFlagGSO)
	attrs, err := ae.Encode()
	if err != nil {
		return nil, err
	}
	nf := binary.BigEndian.AppendUint16([]byte{unix.AF_UNSPEC, unix.NFNETLINK_V0}, o.Num)
	m := netlink.Message{
		Header: netlink.Header{Type: nfqMsgConfig, Flags: netlink.Request | netlink.Acknowledge},
		Data:   append(nf, attrs...),
	}
	m.Header.Length = uint32(nlHeader + len(m.Data))
	return m.MarshalBinary()
}
