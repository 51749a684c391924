package sensor

import (
	"encoding/binary"
	"fmt"
	"time"

	"picket/incidents"
	"picket/outputs/eve"
	"picket/signatures"
	"picket/traffic/packet"
)

// evidence adds what proves an alert: its packet, the bytes of the stream around it, and from now on the packets of its
// flow, for a while.
func (r *reporter) evidence(f *incidents.Finding, at *eve.Moment, a *signatures.Alert) {
	p := at.Packet
	name := fmt.Sprintf("packet of %s", f.Rule.ID)
	if p.Flags&packet.Pseudo == 0 {
		var t tape
		t.packet(p)
		f.Evidence = append(f.Evidence, incidents.Evidence{Time: f.Time, Kind: "packet", Name: name, Type: pcapType, Data: t.bytes})
	}
	if at.State != nil && (a.InStream || a.InTx) {
		r.text = at.State.Text(r.text[:0], a.Dir, maxStreamText)
		if len(r.text) > 0 {
			f.Evidence = append(f.Evidence, incidents.Evidence{
				Time: f.Time, Kind: "stream", Name: fmt.Sprintf("stream %s around %s", a.Dir, f.Rule.ID),
				Type: "application/octet-stream", Data: append([]byte(nil), r.text...),
			})
		}
	}
	if f.FlowID != 0 && r.tapes.start(f.FlowID, p, r.past) {
		r.look(p.Time + int64(tapeCheck))
	}
}

// tapes record flows after an alert, each for a bounded time and size, so many at once.
type tapes struct {
	length time.Duration
	of     map[uint64]*tape // by number of the flow
}

// tape is a pcap file that grows.
type tape struct {
	bytes   []byte
	link    packet.LinkType
	until   int64 // ns
	packets int
	before  int // of them, before the alert
}

const (
	maxTapes       = 64
	maxTapePackets = 100
	maxTapeBytes   = incidents.MaxEvidence
	tapeCheck      = time.Second
	pcapType       = "application/vnd.tcpdump.pcap"
	pcapHeader     = 24
	pcapRecord     = 16
)

func newTapes(length time.Duration) tapes { return tapes{length: length, of: map[uint64]*tape{}} }

func (t *tapes) running() bool { return len(t.of) > 0 }

// start records a flow from what is known of its past on, and tells whether it does so now. The past, where it is kept,
// ends with the packet at hand.
func (t *tapes) start(flow uint64, p *packet.Packet, known *past) bool {
	if t.length <= 0 || t.of[flow] != nil || len(t.of) >= maxTapes {
		return false
	}
	one := &tape{until: p.Time + int64(t.length)}
	t.of[flow] = one
	if known == nil {
		one.packet(p)
		return true
	}
	for _, old := range known.of(flow) {
		one.write(old.link, old.time, old.wire, old.data)
	}
	one.before = max(one.packets-1, 0)
	return true
}

func (t *tapes) packet(flow uint64, p *packet.Packet) {
	if one := t.of[flow]; one != nil {
		one.packet(p)
	}
}

// end hands over the tapes whose time is over or that are full.
func (t *tapes) end(now int64, attach func(uint64, incidents.Evidence)) {
	for flow, one := range t.of {
		if now >= one.until || one.packets >= maxTapePackets {
			delete(t.of, flow)
			attach(flow, one.evidence(flow))
		}
	}
}

func (t *tapes) flowEnded(flow uint64, attach func(uint64, incidents.Evidence)) {
	if one := t.of[flow]; one != nil {
		delete(t.of, flow)
		attach(flow, one.evidence(flow))
	}
}

func (t *tape) evidence(flow uint64) incidents.Evidence {
	name := fmt.Sprintf("flow %d, %d packets", flow, t.packets)
	if t.before > 0 {
		name += fmt.Sprintf(", %d of them before the alert", t.before)
	}
	return incidents.Evidence{Time: time.Now().UTC(), Kind: "pcap", Name: name, Type: pcapType, Data: t.bytes}
}

// packet appends a packet to the file, as far as it has room. One of another link type than the first is written from its
// IP header on when the file is of that kind, else left out.
func (t *tape) packet(p *packet.Packet) {
	if p.Flags&packet.Pseudo != 0 {
		return
	}
	link, data := frameOf(p)
	if t.bytes != nil && t.link != link {
		link, data = packet.LinkRaw, p.IP
	}
	t.write(link, p.Time, len(data), data)
}

// frameOf is what is recorded of a packet: the frame, or the IP packet that was found inside another one.
func frameOf(p *packet.Packet) (packet.LinkType, []byte) {
	if p.Outer != nil || p.Flags&(packet.Rebuilt|packet.Tunnelled) != 0 {
		return packet.LinkRaw, p.IP
	}
	return p.Link, p.Frame
}

// write appends a record of a packet at a time in ns; wire is its whole length.
func (t *tape) write(link packet.LinkType, at int64, wire int, data []byte) {
	if t.bytes == nil {
		t.link = link
		t.bytes = pcapHead(link)
	}
	room := maxTapeBytes - len(t.bytes) - pcapRecord
	if link != t.link || len(data) == 0 || t.packets >= maxTapePackets || room <= 0 {
		return
	}
	t.packets++
	kept := data[:min(len(data), room)]
	b := binary.LittleEndian.AppendUint32(t.bytes, uint32(at/1e9))
	b = binary.LittleEndian.AppendUint32(b, uint32(at%1e9))
	b = binary.LittleEndian.AppendUint32(b, uint32(len(kept)))
	b = binary.LittleEndian.AppendUint32(b, uint32(wire))
	t.bytes = append(b, kept...)
}

// pcapHead is a pcap file's header with nanosecond times
// (https://ietf-opsawg-wg.github.io/draft-ietf-opsawg-pcap/draft-ietf-opsawg-pcap.html).
func pcapHead(link packet.LinkType) []byte {
	b := make([]byte, 0, pcapHeader+pcapRecord+256)
	b = binary.LittleEndian.AppendUint32(b, 0xa1b23c4d)
	b = binary.LittleEndian.AppendUint16(b, 2)
	b = binary.LittleEndian.AppendUint16(b, 4)
	b = binary.LittleEndian.AppendUint64(b, 0)
	b = binary.LittleEndian.AppendUint32(b, maxTapeBytes)
	return binary.LittleEndian.AppendUint32(b, uint32(link))
}
