package signatures

import (
	"fmt"
	"math/bits"
	"slices"

	"picket/signatures/language"
	"picket/traffic/app"
	"picket/traffic/packet"
)

// builder is a rule while it is read: the signature that it will be, and what is known so far.
type builder struct {
	*Signature
	opt  *Options
	look *lookup
	rule *language.Rule

	lists   []*list
	cur     *list // contents go here
	payload *list
	sticky  bool    // cur was chosen by a sticky buffer
	side    dirMask // of the keyword that is being read, when it says so; 0: any
	last    *placed

	vars                               map[string]int
	varList                            map[string]*list // the buffer in which a variable was set
	hasFlow                            bool
	flow                               flowOption
	appWhy                             string
	warn                               []string
	needsPacket, needsStream           bool
	packetsToo                         bool // contents are looked for in packets, too: depth, offset, stream_size
	dsize                              *language.Number
	bits                               stateUse
	decode                             bool
	ipOnly                             bool // nothing but the header so far
	base64                             *base64Decode
	appTests                           bool
	prioritySet, protoOnly, ipProtoSet bool
	flagsSet                           uint8 // of TCP: all must be there
}

// list is a chain over one buffer while the rule is read.
type list struct {
	buffer *Buffer // nil: payload
	base64 bool    // what base64_decode made
	xform  pipeline
	items  []*placed
	bsize  *language.Number
	absent absence
}

// placed is an item with what the checks want to know of it.
type placed struct {
	item     item
	content  *content
	pcre     *regex
	relative bool
}

// sticky makes the following contents look into a buffer.
func (b *builder) useBuffer(buf *Buffer) error {
	b.ipOnly = false
	if buf.Packet != nil {
		if err := b.restrictIP(buf.Name, buf.IPProtos...); err != nil {
			return err
		}
		b.needsPacket = true
	} else if err := b.limitTo(buf.Name, buf.Points); err != nil {
		return err
	}
	for _, l := range b.lists { // buffers that are there once are inspected as one, however often they are named
		if l.buffer == buf && len(l.xform) == 0 && !multiple(buf) {
			b.cur, b.sticky = l, true
			return nil
		}
	}
	b.cur, b.sticky = b.newList(buf), true
	return nil
}

// multiple tells whether a buffer can be there several times.
func multiple(b *Buffer) bool { return len(b.Points) > 0 && b.Points[0].Each != nil }

func (b *builder) newList(buf *Buffer) *list {
	l := &list{buffer: buf}
	b.lists = append(b.lists, l)
	return l
}

// usePayload makes the following contents look into the payload again (pkt_data).
func (b *builder) usePayload() {
	b.cur, b.sticky = b.payload, false
}

// addItem appends a condition to the current chain. relative: it begins where the one before it ends.
func (b *builder) addItem(it item, relative bool) error {
	b.ipOnly = false
	if relative && !b.sticky { // it follows the last content, wherever http_uri has moved that
		if _, is := it.(*regex); !is && b.last != nil {
			keep := b.cur
			b.cur = b.holder(b.last)
			defer func() { b.cur = keep }()
		}
	}
	if relative {
		b.markRelative()
	}
	b.last = &placed{item: it, relative: relative}
	b.cur.items = append(b.cur.items, b.last)
	return nil
}

// markRelative tells the last content or expression of the chain that another place may be better.
func (b *builder) markRelative() {
	for i := len(b.cur.items) - 1; i >= 0; i-- {
		switch p := b.cur.items[i]; {
		case p.content != nil:
			if !p.content.negated {
				p.content.relativeNext = true
			}
			return
		case p.pcre != nil:
			p.pcre.relativeNext = true
			return
		}
	}
}

// addTest is addItem for a condition that does not move the place.
func (b *builder) addTest(t func(m *matcher) bool) error { return b.addItem(test(t), false) }

// testPacket adds a condition on the packet or on the state of its flow.
func (b *builder) testPacket(name string, t func(v *view) bool) error {
	b.Signature.tests = append(b.Signature.tests, packetTest{name: name, test: t})
	return nil
}

// testHeader is testPacket for what stands in the packet's headers: the rule must see each packet.
func (b *builder) testHeader(name string, t func(v *view) bool, protos ...packet.Proto) error {
	b.ipOnly, b.needsPacket = false, true
	if err := b.restrictIP(name, protos...); err != nil {
		return err
	}
	return b.testPacket(name, t)
}

// testTx adds a condition on transactions.
func (b *builder) testTx(name string, points []Point, t func(v *view) bool) error {
	b.ipOnly = false
	if b.side != 0 {
		if points = sided(points, b.side); len(points) == 0 {
			return fmt.Errorf("%s is never seen in that direction", name)
		}
	}
	if err := b.limitTo(name, points); err != nil {
		return err
	}
	b.Signature.tx = append(b.Signature.tx, txInspection{name: name, points: points, test: t})
	return nil
}

// after adds an action that is taken when the rule has matched.
func (b *builder) after(f func(v *view)) error {
	b.post = append(b.post, f)
	return nil
}

// limitTo restricts the rule to the protocols of a keyword's points.
func (b *builder) limitTo(name string, points []Point) error {
	protos := make([]app.Proto, len(points))
	for i, p := range points {
		protos[i] = p.Proto
	}
	b.appTests = true
	return b.app(name, protos...)
}

// app restricts the rule to application protocols; it fails when nothing remains.
func (b *builder) app(name string, protos ...app.Proto) error {
	var set uint64
	for _, p := range protos {
		set |= 1 << p
	}
	if b.protos != 0 && b.protos&set == 0 {
		return fmt.Errorf("%s belongs to %s, but %s says %s", name, protoNames(set), b.appWhy, protoNames(b.protos))
	}
	if b.protos == 0 {
		b.protos = set
	} else {
		b.protos &= set
	}
	b.appWhy = name
	return nil
}

func protoNames(set uint64) string {
	s := ""
	for ; set != 0; set &= set - 1 {
		if s != "" {
			s += " or "
		}
		s += app.Proto(bits.TrailingZeros64(set)).String()
	}
	return s
}

// restrictIP restricts the rule to IP protocols.
func (b *builder) restrictIP(name string, protos ...packet.Proto) error {
	if len(protos) == 0 {
		return nil
	}
	var set protoSet
	for _, p := range protos {
		set.add(p)
	}
	if set.and(&b.header.protos); set == (protoSet{}) {
		return fmt.Errorf("%s does not go with protocol %s", name, b.rule.Proto)
	}
	b.header.protos = set
	return nil
}

// define makes a byte variable.
func (b *builder) define(name string) (slot int, err error) {
	if name == "" {
		return 0, fmt.Errorf("variable has no name")
	}
	if slot, ok := b.vars[name]; ok {
		return slot, nil
	}
	if len(b.vars) == maxValues {
		return 0, fmt.Errorf("more than %d byte variables", maxValues)
	}
	if b.vars == nil {
		b.vars, b.varList = map[string]int{}, map[string]*list{}
	}
	b.varList[name] = b.cur
	b.vars[name] = len(b.vars) + 1
	return b.vars[name], nil
}

// variable returns the slot of a byte variable.
func (b *builder) variable(name string) (slot int, err error) {
	slot, ok := b.vars[name]
	switch {
	case !ok:
		return 0, fmt.Errorf("%q is neither a number nor a variable that was set before", name)
	case b.varList[name] != b.cur && !(ofPacket(b.varList[name]) && ofPacket(b.cur)):
		return 0, fmt.Errorf("variable %q was set in another buffer", name)
	}
	return slot, nil
}

// ofPacket tells whether a list looks at a header of the packet: those are judged one after the other.
func ofPacket(l *list) bool { return l.buffer != nil && l.buffer.Packet != nil }

// lastContent returns the content that a modifier speaks of.
func (b *builder) lastContent(modifier string) (*content, error) {
	for i := len(b.cur.items) - 1; i >= 0; i-- {
		if c := b.cur.items[i].content; c != nil {
			return c, nil
		}
	}
	return nil, fmt.Errorf("%s needs a content before it", modifier)
}

// move puts the last content into another buffer (http_uri and its kin).
func (b *builder) move(buf *Buffer) error {
	if b.sticky {
		return fmt.Errorf("%s can't be used after a sticky buffer", buf.Modifier)
	}
	p := b.last
	if n := len(b.payload.items); p == nil || p.content == nil || n == 0 || b.payload.items[n-1] != p {
		return fmt.Errorf("%s needs a content before it", buf.Modifier)
	}
	if p.content.raw {
		return fmt.Errorf("%s does not go with rawbytes", buf.Modifier)
	}
	if err := b.limitTo(buf.Modifier, buf.Points); err != nil {
		return err
	}
	b.payload.items = b.payload.items[:len(b.payload.items)-1]
	to := b.listOf(buf)
	if p.relative { // what was marked stands in the payload; the content belongs to what is in its new buffer
		unmark(b.payload.items)
	}
	to.items = append(to.items, p)
	if p.relative {
		b.relate(to)
	}
	return nil
}

// listOf returns the chain of a buffer, new if need be.
func (b *builder) listOf(buf *Buffer) *list {
	i := slices.IndexFunc(b.lists, func(l *list) bool { return l.buffer == buf && len(l.xform) == 0 })
	if i >= 0 {
		return b.lists[i]
	}
	return b.newList(buf)
}

func unmark(items []*placed) {
	if n := len(items); n > 0 && items[n-1].content != nil {
		items[n-1].content.relativeNext = false
	}
}

// relate marks what stands before the last item of a chain.
func (b *builder) relate(l *list) {
	keep := b.cur
	b.cur = &list{items: l.items[:len(l.items)-1]}
	b.markRelative()
	b.cur = keep
}
