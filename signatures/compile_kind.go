package signatures

import (
	"errors"
	"fmt"
	"slices"

	"picket/signatures/language"
	"picket/traffic/packet"
)

// maxConditions bounds the conditions of a rule on one transaction: what is met is a bit of txRule.done.
const maxConditions = 32

// finish checks the rule as a whole and lays its conditions out for inspection.
func (b *builder) finish() error {
	for _, step := range []func() error{
		b.checkLists, b.placeLists, b.checkDirections, b.choosePayload, b.chooseFast, b.chooseType,
	} {
		if err := step(); err != nil {
			return err
		}
	}
	if len(b.tx) > maxConditions {
		return fmt.Errorf("%d conditions on a transaction, at most %d are kept apart (join contents of one buffer)", len(b.tx), maxConditions)
	}
	b.names = uint8(len(b.vars))
	b.setNeeds()
	b.order = b.orderKey()
	return nil
}

// checkLists holds contents against sizes, and finds buffers that nothing is asked of.
func (b *builder) checkLists() error {
	for _, l := range b.lists {
		if l == b.payload {
			if err := b.checkDsize(l); err != nil {
				return err
			}
			continue
		}
		if len(l.items) == 0 && l.absent == mustBeThere {
			if l.base64 {
				return fmt.Errorf("base64_data has nothing to look for")
			}
			return fmt.Errorf("%s has nothing to look for", l.buffer.Name)
		}
		if l.absent == absentOrElse && len(l.items) == 0 {
			return fmt.Errorf("absent:or_else needs a content in %s", l.buffer.Name)
		}
		if l.absent == mustBeAbsent && len(l.items) > 0 {
			return fmt.Errorf("absent does not go with contents in %s", l.buffer.Name)
		}
		if err := checkContents(l); err != nil {
			return err
		}
	}
	return nil
}

// checkContents lets the buffer look at its contents, and bsize.
func checkContents(l *list) error {
	for _, p := range l.items {
		c := p.content
		if c == nil {
			continue
		}
		if l.buffer != nil && l.buffer.Content != nil && len(l.xform) == 0 {
			if err := l.buffer.Content(c); err != nil {
				return err
			}
		}
		if err := l.xform.check(c); err != nil {
			return err
		}
		if l.bsize == nil || c.negated {
			continue
		}
		if most, ok := upper(l.bsize); ok && (len(c.bytes) > most || c.offset.value+len(c.bytes) > most) {
			return fmt.Errorf("content %.40q can't fit in bsize %s", c.bytes, l.bsize)
		}
	}
	return nil
}

// upper returns the largest number that a comparison lets through, if there is one.
func upper(n *language.Number) (int, bool) {
	switch n.Op {
	case language.Equal, language.LessEqual:
		return int(min(n.A, 1<<31)), true
	case language.Less:
		return int(min(n.A, 1<<31)) - 1, true
	case language.Between:
		return int(min(n.B, 1<<31)) - 1, true
	}
	return 0, false
}

// boundsOf returns the sizes that dsize lets through, as far as they are one range.
func boundsOf(n *language.Number) sizes {
	all := sizes{0, 0xffff}
	if n == nil {
		return all
	}
	if most, ok := upper(n); ok {
		all.most = uint16(min(max(most, 0), 0xffff))
	}
	switch n.Op {
	case language.Equal, language.GreaterEqual:
		all.least = uint16(min(n.A, 0xffff))
	case language.Greater, language.Between:
		all.least = uint16(min(n.A+1, 0xffff))
	}
	return all
}

// checkDsize holds the payload's contents against dsize.
func (b *builder) checkDsize(l *list) error {
	if b.dsize == nil {
		return nil
	}
	most, ok := upper(b.dsize)
	total := 0
	for _, p := range l.items {
		c := p.content
		if c == nil || c.negated {
			continue
		}
		switch {
		case c.distance.set && c.distance.slot == 0:
			total += len(c.bytes) + c.distance.value
		case c.relative():
			total += len(c.bytes)
		default:
			total = max(total, c.offset.value+len(c.bytes))
		}
		if ok && total > most {
			return fmt.Errorf("contents need %d bytes, dsize %s leaves %d", total, b.dsize, most)
		}
	}
	return nil
}

// placeLists turns lists into inspections.
func (b *builder) placeLists() error {
	for _, l := range b.lists {
		c := make(chain, len(l.items))
		for i, p := range l.items {
			c[i] = p.item
		}
		switch {
		case l == b.payload:
			b.Signature.payload = c
		case l.base64:
			b.base64.chain = c
		case l.buffer.Frame != "":
			b.frames = append(b.frames, frameInspection{l.buffer.Frame, l.xform, c})
		case l.buffer.Packet != nil:
			b.buffers = append(b.buffers, packetBuffer{l.buffer, l.xform, c})
		default:
			b.tx = append(b.tx, txInspection{
				name: l.buffer.Name, points: l.buffer.Points, xform: l.xform, chain: c, absent: l.absent,
			})
		}
	}
	for i := range b.tx {
		if t := &b.tx[i]; t.file != nil || slices.ContainsFunc(t.points, func(p Point) bool { return p.File != nil }) {
			b.ofFiles++
		}
	}
	b.anyApp = len(b.tx) > 0
	if len(b.frames) > 0 && (b.anyApp || len(b.buffers) > 0 || len(b.Signature.payload) > 0) {
		return fmt.Errorf("frames don't go with contents or buffers of packets and transactions")
	}
	if b.anyApp && len(b.Signature.payload) > 0 {
		b.tx = append(b.tx, txInspection{name: "payload", chain: b.Signature.payload, stream: true})
	}
	return nil
}

// checkDirections finds the directions in which the rule can be judged.
func (b *builder) checkDirections() error {
	only := dirMask(0) // directions that some condition insists on
	for i := range b.tx {
		t := &b.tx[i]
		if t.stream {
			continue
		}
		var can dirMask
		for _, p := range t.points {
			if b.protos>>p.Proto&1 != 0 {
				can |= 1 << p.Dir
			}
		}
		if can != dirBoth {
			only |= can
		}
		if !b.bothWays && b.dirs&can == 0 {
			return fmt.Errorf("%s is never seen in the direction that flow asks for", t.name)
		}
	}
	switch {
	case b.bothWays:
		if !b.anyApp {
			return fmt.Errorf(`"=>" needs conditions on transactions`)
		}
		return nil
	case only == dirBoth:
		return fmt.Errorf("conditions speak of both directions (only \"=>\" rules can)")
	case only != 0:
		b.dirs &= only
	}
	if b.dirs == 0 {
		return fmt.Errorf("conditions speak of a direction that flow excludes")
	}
	return nil
}

// choosePayload decides whether payload contents are looked for in packets, the stream, or both (Suricata's
// SIG_FLAG_REQUIRE_PACKET and _STREAM, detect-parse.c).
func (b *builder) choosePayload() error {
	h := &b.header
	for _, p := range b.payload.items {
		if c := p.content; c != nil && (c.depth.set || c.offset.set) && !c.startsWith || c != nil && c.startsWith {
			b.packetsToo = true
		}
	}
	if h.pktOnly {
		b.needsPacket = true
	}
	if h.streamOnly {
		b.needsStream = true
	}
	if b.needsPacket && b.needsStream {
		return errors.New("keywords about packets do not go with tcp-stream or flow:only_stream")
	}
	if len(b.Signature.payload) == 0 {
		b.needsPacket = b.needsPacket || b.packetsToo
		return nil
	}
	switch {
	case !h.protos.has(packet.TCP):
		b.Signature.inspect = inPacket
	case b.needsPacket:
		b.Signature.inspect = inPacket
	case b.needsStream:
		b.Signature.inspect = inStream
	default:
		b.Signature.inspect = inStream
		if b.packetsToo && !b.anyApp {
			b.Signature.inspect |= inPacket
		}
	}
	return nil
}

// chooseType says what kind of rule it is (Suricata's SignatureSetType).
func (b *builder) chooseType() error {
	s := b.Signature
	switch {
	case b.decode:
		s.Type = TypeDecode
	case s.anyApp || len(s.frames) > 0:
		s.Type = TypeTx
	case s.protos != 0 && len(s.payload) == 0 && !b.needsPacket:
		s.Type = TypeApp
	case b.ipOnly && b.onlyTests("host bit", "iprep") && !b.hasFlow:
		s.Type = TypeIPOnly
		if len(b.rule.Src.Addrs.Not)+len(b.rule.Dst.Addrs.Not) > 0 {
			s.Type = TypeLikeIPOnly
		}
	case b.protoOnly && b.onlyTests("app-layer-protocol"):
		s.Type = TypeProtoOnly
		s.tests = append(s.tests, packetTest{name: "detection", test: func(v *view) bool { return v.Packet.Has(packet.Detected) }})
	case len(s.payload) > 0 && s.inspect == inStream:
		s.Type = TypeStream
	case len(s.payload) > 0 && s.inspect&inStream != 0:
		s.Type = TypePacketStream
	default:
		s.Type = TypePacket
	}
	return nil
}

// onlyTests tells whether all tests are of the keywords named, and the rule looks into no bytes.
func (b *builder) onlyTests(names ...string) bool {
	s := b.Signature
	other := func(t packetTest) bool { return !slices.Contains(names, t.name) }
	return len(s.payload) == 0 && len(s.buffers) == 0 && !slices.ContainsFunc(s.tests, other)
}

// setNeeds fills in what a packet must have for the rule to be tried.
func (b *builder) setNeeds() {
	s := b.Signature
	s.sizes, s.flags = boundsOf(b.dsize), b.flagsSet
	switch {
	case len(s.payload) > 0 && !s.anyApp || b.dsize != nil && !b.dsize.Match(0):
		s.need |= needPayload
	case s.sizes.most == 0:
		s.need |= needNoPayload
	}
	if s.protos != 0 || b.hasFlow {
		s.need |= needFlow
	}
	if b.decode {
		s.need |= needEvent
	}
	if s.Type == TypePacket || s.Type == TypeIPOnly || s.Type == TypeLikeIPOnly {
		s.need |= needReal // what they look at was on the wire
	}
}
