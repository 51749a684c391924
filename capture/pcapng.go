package capture

import (
	"encoding/binary"
	"fmt"
	"math"
	"math/bits"
)

// Block types and options of pcapng (draft-ietf-opsawg-pcapng).
const (
	ngSection    = 0x0a0d0d0a // the same in both byte orders
	ngInterface  = 1
	ngPacketOld  = 2 // obsolete, still written by old tools
	ngSimple     = 3
	ngEnhanced   = 6
	ngByteOrder  = 0x1a2b3c4d
	ngMinBlock   = 12
	ngPacketHead = 28 // block type, length and the five words before the data of an enhanced or old packet block

	ngOptEnd      = 0
	ngOptTsResol  = 9
	ngOptTsOffset = 14

	// maxInterfaces bounds what interface blocks can make us remember (24 bytes each).
	maxInterfaces = 1 << 16
)

// ngIface is what an interface description block says that concerns its packets.
type ngIface struct {
	perSecond uint64 // stamp units in a second
	offset    int64  // seconds to add
	snap      uint32 // 0: no limit
	link      uint16
}

// pcapng reads blocks. The interfaces belong to the present section.
type pcapng struct {
	order  endian
	ifaces []ngIface
	last   int64 // time of the last frame: simple packet blocks carry none
}

func isPcapng(b []byte) bool { return binary.LittleEndian.Uint32(b) == ngSection }

func newPcapng() *pcapng { return &pcapng{} }

func (p *pcapng) next(b []byte, f *Frame) (step, int64, error) {
	if len(b) < ngMinBlock {
		return stepNeed, ngMinBlock, nil
	}
	if isPcapng(b) {
		return p.section(b)
	}
	kind, size := p.order.u32(b), p.order.u32(b[4:])
	if size < ngMinBlock || size%4 != 0 {
		return 0, 0, fmt.Errorf("%w: a block of type %#x claims %d bytes", ErrDamaged, kind, size)
	}
	switch kind {
	case ngInterface, ngPacketOld, ngSimple, ngEnhanced:
	default:
		return stepSkip, int64(size), nil // however long: it is passed over, not stored
	}
	if size > maxRecord {
		return 0, 0, fmt.Errorf("%w: a block of type %#x claims %d bytes, more than %d", ErrDamaged, kind, size, maxRecord)
	}
	if len(b) < int(size) {
		return stepNeed, int64(size), nil
	}
	if again := p.order.u32(b[size-4:]); again != size {
		return 0, 0, fmt.Errorf("%w: a block of type %#x gives its length as %d and as %d", ErrDamaged, kind, size, again)
	}
	do, err := p.block(kind, b[8:size-4], f)
	return do, int64(size), err
}

// section starts a new section: its byte order, and no interfaces yet.
func (p *pcapng) section(b []byte) (step, int64, error) {
	switch uint32(ngByteOrder) {
	case binary.LittleEndian.Uint32(b[8:]):
		p.order = false
	case binary.BigEndian.Uint32(b[8:]):
		p.order = true
	default:
		return 0, 0, fmt.Errorf("%w: a section header has no byte-order mark", ErrDamaged)
	}
	size := p.order.u32(b[4:])
	if size < 28 || size%4 != 0 {
		return 0, 0, fmt.Errorf("%w: a section header claims %d bytes", ErrDamaged, size)
	}
	p.ifaces = p.ifaces[:0]
	return stepSkip, int64(size), nil
}

// block reads the body of a block that matters.
func (p *pcapng) block(kind uint32, b []byte, f *Frame) (step, error) {
	switch kind {
	case ngInterface:
		return stepSkip, p.iface(b)
	case ngSimple:
		return stepFrame, p.simple(b, f)
	}
	return stepFrame, p.packet(kind, b, f)
}

// packet reads an enhanced packet block or its obsolete forerunner, which differ in the interface number's width.
func (p *pcapng) packet(kind uint32, b []byte, f *Frame) error {
	if len(b) < ngPacketHead-8 {
		return fmt.Errorf("%w: a packet block has %d bytes", ErrDamaged, len(b))
	}
	id := p.order.u32(b)
	if kind == ngPacketOld {
		id = uint32(p.order.u16(b))
	}
	have, wire := p.order.u32(b[12:]), p.order.u32(b[16:])
	data := b[ngPacketHead-8:]
	if have > maxFrame || int(have) > len(data) {
		return fmt.Errorf("%w: a packet block with room for %d bytes claims %d", ErrDamaged, len(data), have)
	}
	if uint64(id) >= uint64(len(p.ifaces)) {
		return fmt.Errorf("%w: a packet names interface %d of %d", ErrDamaged, id, len(p.ifaces))
	}
	in := &p.ifaces[id]
	f.Data = data[:have:have]
	f.Time = in.nanos(uint64(p.order.u32(b[4:]))<<32 | uint64(p.order.u32(b[8:])))
	f.WireLen = max(wire, have)
	f.Link = in.link
	f.Iface = int32(id) + 1
	p.last = f.Time
	return nil
}

// simple reads a simple packet block: interface 0, no stamp, the length implied by the block.
func (p *pcapng) simple(b []byte, f *Frame) error {
	if len(p.ifaces) == 0 {
		return fmt.Errorf("%w: a packet stands before the first interface", ErrDamaged)
	}
	if len(b) < 4 {
		return fmt.Errorf("%w: a simple packet block has %d bytes", ErrDamaged, len(b))
	}
	wire := p.order.u32(b)
	have := min(wire, uint32(len(b)-4), maxFrame)
	if s := p.ifaces[0].snap; s > 0 {
		have = min(have, s)
	}
	f.Data = b[4 : 4+have : 4+have]
	f.Time = p.last
	f.WireLen = wire
	f.Link = p.ifaces[0].link
	f.Iface = 1
	return nil
}

// iface remembers an interface description block.
func (p *pcapng) iface(b []byte) error {
	if len(b) < 8 {
		return fmt.Errorf("%w: an interface block has %d bytes", ErrDamaged, len(b))
	}
	if len(p.ifaces) >= maxInterfaces {
		return fmt.Errorf("%w: more than %d interfaces", ErrDamaged, maxInterfaces)
	}
	in := ngIface{link: p.order.u16(b), snap: p.order.u32(b[4:]), perSecond: 1e6}
	if err := p.options(b[8:], &in); err != nil {
		return err
	}
	p.ifaces = append(p.ifaces, in)
	return nil
}

// options reads the stamps' resolution and offset. Options that do not fit end the list, as in Wireshark.
func (p *pcapng) options(b []byte, in *ngIface) error {
	for len(b) >= 4 {
		code, n := p.order.u16(b), int(p.order.u16(b[2:]))
		if code == ngOptEnd || n > len(b)-4 {
			return nil
		}
		v := b[4 : 4+n]
		switch {
		case code == ngOptTsResol && n == 1:
			u, ok := unitsPerSecond(v[0])
			if !ok {
				return fmt.Errorf("%w: an interface counts time in units that do not fit 64 bits (if_tsresol %#x)", ErrDamaged, v[0])
			}
			in.perSecond = u
		case code == ngOptTsOffset && n == 8:
			in.offset = int64(p.order.u64(v))
		}
		b = b[min(len(b), 4+(n+3)&^3):]
	}
	return nil
}

// unitsPerSecond decodes if_tsresol: a negative power of ten, or of two when the top bit is set.
func unitsPerSecond(v byte) (uint64, bool) {
	if v&0x80 != 0 {
		return 1 << (v & 0x7f), v&0x7f < 64
	}
	if v > 19 {
		return 0, false
	}
	u := uint64(1)
	for range v {
		u *= 10
	}
	return u, true
}

// nanos turns a stamp into nanoseconds since 1970; what does not fit is clamped.
func (in *ngIface) nanos(t uint64) int64 {
	switch {
	case in.offset == 0 && in.perSecond == 1e6 && t <= math.MaxInt64/1000:
		return int64(t) * 1000
	case in.offset == 0 && in.perSecond == 1e9 && t <= math.MaxInt64:
		return int64(t)
	}
	const most = math.MaxInt64/int64(1e9) - 1
	hi, lo := bits.Mul64(t%in.perSecond, 1e9)
	frac, _ := bits.Div64(hi, lo, in.perSecond)
	sec := min(t/in.perSecond, uint64(most))
	off := min(max(in.offset, -most), most)
	return min(max(int64(sec)+off, 0), most)*1e9 + int64(frac)
}
