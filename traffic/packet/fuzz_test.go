package packet

import (
	"testing"
	"time"
)

// linkTypes are those that Decode understands, and one that it does not.
var linkTypes = []LinkType{
	LinkEthernet, LinkNull, LinkLoop, LinkPPP, LinkRaw, LinkRawBSD, LinkRawOBSD, LinkCiscoHDL, LinkSLL, LinkSLL2,
	LinkIPv4, LinkIPv6, 9999,
}

// everything looks for every tunnel at every port.
func everything() Config {
	cfg := Default()
	cfg.VXLAN.Any, cfg.GENEVE.Any, cfg.Teredo.Any = true, true, true
	cfg.Defrag = DefragConfig{MaxTrackers: 8, MaxFragments: 32, Memcap: 1 << 17, Timeout: time.Second}
	return cfg
}

// checkPackets holds what must be true of every decoded packet, whatever the bytes.
func checkPackets(t *testing.T, in Input, out []*Packet) {
	t.Helper()
	if len(out) == 0 || out[len(out)-1].Outer != nil {
		t.Fatalf("the packet on the wire must come last: %d packets", len(out))
	}
	for _, p := range out {
		within := func(what string, part, whole []byte) {
			if part != nil && (len(part) > cap(whole) || len(part) > len(whole)) {
				t.Errorf("%s is longer than what holds it", what)
			}
		}
		within("IP", p.IP, p.Frame)
		within("L4", p.L4, p.IP)
		within("payload", p.Payload, p.L4)
		if p.Has(NoIP) != (p.IP == nil) {
			t.Errorf("NoIP is %v with %d bytes of IP", p.Has(NoIP), len(p.IP))
		}
		if p.IP != nil && int(p.IPHdrLen) > len(p.IP) {
			t.Errorf("header of %d in %d bytes of IP", p.IPHdrLen, len(p.IP))
		}
		if p.Has(WantsFlow) && p.IP == nil {
			t.Error("a flow without addresses")
		}
		for _, e := range p.Events[:p.NEvents] {
			if e.Name() == "" {
				t.Errorf("event %d has no name", e)
			}
		}
		p.IPChecksumOK()
		p.TransportChecksumOK()
		p.ReadARP()
	}
}

// FuzzDecode decodes any bytes under any link type. The first byte picks the type.
func FuzzDecode(f *testing.F) {
	for _, s := range seeds {
		f.Add(uint8(s.link), unhex(s.hex))
	}
	cfg := everything()
	f.Fuzz(func(t *testing.T, link uint8, b []byte) {
		d := NewDecoder(cfg)
		in := Input{Data: b, Link: linkTypes[int(link)%len(linkTypes)], Num: 1}
		checkPackets(t, in, d.Decode(in))
	})
}

// FuzzDefrag cuts its input into fragments of a few datagrams: 4 bytes say identification, offset, flags and length
// of each. The bounds must hold after each and all memory must come back in the end.
func FuzzDefrag(f *testing.F) {
	f.Add([]byte("\x00\x00\x01\x08AAAAAAAA\x00\x01\x00\x08BBBBBBBB"), uint8(0))
	f.Add([]byte("\x00\x01\x00\x08BBBBBBBB\x00\x00\x01\x10AAAAAAAACCCCCCCC"), uint8(2))
	f.Add([]byte("\x81\x01\x00\x08BBBBBBBB\x81\x00\x01\x10AAAAAAAACCCCCCCC"), uint8(6))
	f.Fuzz(func(t *testing.T, b []byte, policy uint8) {
		cfg := everyone(OverlapPolicy(policy % 7))
		cfg.Defrag = everything().Defrag
		d := NewDecoder(cfg)
		now := int64(0)
		for len(b) >= 4 {
			n := min(int(b[3]), len(b)-4)
			in := fragmentOf(b[0], int(b[1]), b[2]&1 == 1, b[4:4+n])
			now += int64(b[2]>>1) * int64(10*time.Millisecond)
			in.Time = now
			checkPackets(t, in, d.Decode(in))
			checkTable(t, &d.defrag)
			b = b[4+n:]
		}
		for d.defrag.trackers[0].newer != 0 {
			d.defrag.drop(d.defrag.trackers[0].newer)
		}
		if g := &d.defrag; g.bytes != 0 || g.nPieces != 0 || len(g.byKey) != 0 {
			t.Errorf("left over: %d bytes, %d pieces, %d keys", g.bytes, g.nPieces, len(g.byKey))
		}
	})
}

func checkTable(t *testing.T, g *defragger) {
	t.Helper()
	c := g.cfg.Defrag
	if len(g.byKey) > c.MaxTrackers || g.nPieces > c.MaxFragments || g.bytes > c.Memcap {
		t.Fatalf("bounds broken: %d trackers, %d pieces, %d bytes", len(g.byKey), g.nPieces, g.bytes)
	}
	n := 0
	for i := g.trackers[0].newer; i != 0; i = g.trackers[i].newer {
		n++
	}
	if n != len(g.byKey) {
		t.Fatalf("%d trackers in the list, %d in the map", n, len(g.byKey))
	}
}

// fragmentOf builds a raw IP frame with one fragment at offset 8*block: IPv6 when the identification's top bit is set.
func fragmentOf(id byte, block int, more bool, payload []byte) Input {
	if id&0x80 != 0 {
		b := make([]byte, 48, 48+len(payload))
		b[0], b[6], b[7] = 0x60, 44, 64
		be.PutUint16(b[4:], uint16(8+len(payload)))
		b[40] = 17 // UDP behind the fragment header
		be.PutUint16(b[42:], uint16(block<<3))
		if more {
			b[43] |= 1
		}
		b[47] = id
		return Input{Data: append(b, payload...), Link: LinkRaw, Num: 1}
	}
	b := make([]byte, 20, 20+len(payload))
	b[0], b[8], b[9] = 0x45, 64, 17
	be.PutUint16(b[2:], uint16(20+len(payload)))
	be.PutUint16(b[6:], uint16(block))
	if more {
		b[6] |= 0x20
	}
	b[5] = id
	be.PutUint16(b[10:], checksum(0, b))
	return Input{Data: append(b, payload...), Link: LinkRaw, Num: 1}
}
