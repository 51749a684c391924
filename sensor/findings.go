package sensor

import (
	"encoding/base64"
	"fmt"
	"net/netip"
	"time"

	"picket/incidents"
	"picket/outputs/eve"
	"picket/signatures"
	"picket/traffic/flow"
	"picket/traffic/packet"
)

// reporter makes findings out of a worker's alerts and hands them to the casebook, which it never waits for. While
// nothing is found it costs a comparison for each packet. Alerts of one rule about the same parties become one finding
// a second, with a count; evidence has a budget, so that a flood of alerts does not become a flood of copies.
type reporter struct {
	desk    findingDesk
	enforce bool
	known   map[*signatures.Signature]*knownRule
	repeats [repeatSlots]repeat
	waiting int   // slots with repeats that were not told
	due     int64 // when slots and recordings are looked through, ns; 0: nothing waits
	tapes   tapes
	past    *past // nil: packets before an alert are not kept
	budget  budget
	text    []byte // of the stream around an alert
}

// findingDesk is where a worker's findings go.
type findingDesk struct {
	book   *incidents.Casebook
	atOnce func(*incidents.Finding) int // orders bans that need nothing else, before the casebook hears; nil: nobody does
	local  func(netip.Addr) bool        // is it an address of this host
	host   string                       // this host's name
	record time.Duration                // how long a flow's packets are kept after an alert; 0: not at all
	before int                          // bytes of a flow that are kept of the time before an alert; 0: none

	processes *attributor // names processes of this host; nil: nobody does
}

const (
	repeatSlots  = 1024 // alerts that are told apart; two that share a slot are told one by one
	repeatWindow = int64(time.Second)
	maxRules     = 1 << 17 // signatures whose assessment is remembered
	// evidenceRate and evidenceBurst are how many alerts a second, and at once, bring evidence.
	evidenceRate  = 50
	evidenceBurst = 200
	// maxStreamText bounds the bytes of the stream around an alert that are kept.
	maxStreamText = 16 << 10
)

// knownRule is what all findings of a rule share.
type knownRule struct {
	rule   incidents.Rule
	assess incidents.Assessment
}

// repeat is the last finding of its kind, and how often it came again since it was told.
type repeat struct {
	sig      *signatures.Signature
	src, dst packet.Addr
	told     int64 // ns
	last     int64
	again    uint64
	finding  incidents.Finding
}

func newReporter(d *findingDesk, enforce bool) *reporter {
	if d == nil || d.book == nil {
		return nil
	}
	return &reporter{desk: *d, enforce: enforce, known: map[*signatures.Signature]*knownRule{}, tapes: newTapes(d.record), past: newPast(d.before)}
}

// alert tells of an alert, unless it repeats what was told within the second.
func (r *reporter) alert(at *eve.Moment, a *signatures.Alert) {
	if r == nil || at.Packet == nil {
		return
	}
	p := at.Packet
	slot := &r.repeats[repeatSlot(a.Signature, p)]
	if slot.sig == a.Signature && slot.src == p.Src && slot.dst == p.Dst && p.Time-slot.told < repeatWindow {
		if slot.again == 0 {
			r.waiting++
		}
		slot.again++
		slot.last = p.Time
		r.look(slot.told + repeatWindow)
		return
	}
	r.flush(slot)
	f := r.finding(at, a)
	*slot = repeat{sig: a.Signature, src: p.Src, dst: p.Dst, told: p.Time, finding: *f}
	if r.budget.take(p.Time) {
		r.evidence(f, at, a)
	}
	if !r.desk.processes.take(f, p, r.desk.local) {
		r.desk.tell(f)
	}
}

// tell orders the bans that a finding wants at once and hands it to the casebook.
func (d *findingDesk) tell(f *incidents.Finding) {
	if d.atOnce != nil {
		d.atOnce(f)
	}
	d.book.Offer(f)
}

// repeatSlot is the slot of a rule and two addresses.
func repeatSlot(s *signatures.Signature, p *packet.Packet) uint32 {
	const prime = 16777619 // FNV-1a
	h := uint32(2166136261) ^ s.SID
	for i := range p.Src {
		h = (h ^ uint32(p.Src[i])) * prime
		h = (h ^ uint32(p.Dst[i])) * prime
	}
	return (h ^ h>>16) % repeatSlots
}

// flush tells the repeats of a slot that were only counted.
func (r *reporter) flush(slot *repeat) {
	if slot.again == 0 {
		return
	}
	f := slot.finding
	f.Time, f.Repeats = time.Unix(0, slot.last).UTC(), slot.again-1
	slot.again, slot.told = 0, slot.last
	r.waiting--
	r.desk.tell(&f)
}

// look asks for a look through slots and recordings at a time.
func (r *reporter) look(at int64) {
	if r.due == 0 || at < r.due {
		r.due = at
	}
}

// packet notes a packet of a flow that is recorded, and what may be evidence soon. Every packet passes here, before its
// alerts do.
func (r *reporter) packet(p *packet.Packet, f *flow.Flow) {
	if r == nil || f == nil {
		return
	}
	if r.due != 0 && f.Flags&flow.Alerted != 0 {
		r.tapes.packet(f.ID, p)
	}
	if r.past != nil {
		r.past.put(f.ID, p)
	}
}

// tick tells the repeats and hands over the recordings whose time is over; now in ns.
func (r *reporter) tick(now int64) {
	if r == nil || r.due == 0 || now < r.due {
		return
	}
	r.due = 0
	if r.waiting > 0 {
		r.flushDue(now)
	}
	r.tapes.end(now, r.desk.book.Attach)
	if r.tapes.running() {
		r.look(now + int64(tapeCheck))
	}
}

func (r *reporter) flushDue(now int64) {
	for i := range r.repeats {
		slot := &r.repeats[i]
		if slot.again == 0 {
			continue
		}
		if now-slot.told >= repeatWindow {
			r.flush(slot)
		} else {
			r.look(slot.told + repeatWindow)
		}
	}
}

// ended hands over what was recorded of a flow.
func (r *reporter) ended(f *flow.Flow) {
	if r == nil || f.Flags&flow.Alerted == 0 {
		return
	}
	r.tapes.flowEnded(f.ID, r.desk.book.Attach)
}

// finding is an alert as a case sees it, without evidence.
func (r *reporter) finding(at *eve.Moment, a *signatures.Alert) *incidents.Finding {
	p, known := at.Packet, r.rule(a.Signature)
	f := &incidents.Finding{
		Time: time.Unix(0, p.Time).UTC(), Kind: incidents.Alert, Rule: known.rule, Severity: known.assess.Severity,
		Confidence: known.assess.Confidence, Stage: known.assess.Stage, Tags: known.assess.Tags, Proto: protoName(p.Proto),
		Effect: r.effect(a.Effect),
	}
	f.Attacker, f.Victim = r.sides(at, a, f.Stage)
	if client := clientOf(at); f.Victim == client {
		f.Victim.Port = 0 // a port of the moment names nothing
	}
	if r.desk.local(f.Victim.Addr) || r.desk.local(f.Attacker.Addr) {
		f.Host = r.desk.host
	}
	if at.Flow != nil {
		id := at.Flow.CommunityID
		if !at.Flow.HasCommunityID {
			id = eve.CommunityID(at.Flow, 0)
		}
		f.FlowID, f.CommunityID = at.Flow.ID, "1:"+base64.StdEncoding.EncodeToString(id[:])
	}
	if at.State != nil && at.State.App.Parser != nil {
		f.App = at.State.App.Proto.String()
	}
	return f
}

// rule is what all findings of a signature share, worked out once.
func (r *reporter) rule(s *signatures.Signature) *knownRule {
	if k := r.known[s]; k != nil {
		return k
	}
	if len(r.known) >= maxRules {
		clear(r.known)
	}
	k := &knownRule{rule: incidents.Rule{ID: fmt.Sprintf("%d:%d", s.GID, s.SID), Name: s.Msg, Class: s.Class.Name}}
	if len(s.Metadata) > 0 {
		k.rule.Metadata = make(map[string]string, len(s.Metadata))
		for _, m := range s.Metadata {
			k.rule.Metadata[m.Key] = m.Value
		}
	}
	k.assess = incidents.Assess(&k.rule, s.Priority)
	r.known[s] = k
	return k
}

// effect is what was done to the packet, in a word; a drop only where packets can be dropped.
func (r *reporter) effect(e signatures.Effect) string {
	switch {
	case e >= signatures.RejectedSource:
		return "rejected"
	case r.enforce && e.Drops():
		return "dropped"
	}
	return ""
}

// sides tells who attacks whom. A rule's target says it. Without one it is the packet's source that attacks its
// destination, with two exceptions: an answer that shows that somebody has got in comes from the victim, and who speaks
// to a command server or sends data out is its victim. Of the latter two, the one inside is the victim when only one is;
// else the client of the flow.
func (r *reporter) sides(at *eve.Moment, a *signatures.Alert, stage incidents.Stage) (attacker, victim incidents.Endpoint) {
	p := at.Packet
	src, dst := endpoint(p.Src, p.SrcPort), endpoint(p.Dst, p.DstPort)
	switch {
	case a.Target == signatures.TargetSource:
		return dst, src
	case a.Target == signatures.TargetDestination:
		return src, dst
	case stage == incidents.Foothold:
		return dst, src
	case stage >= incidents.Command:
		inside := r.inside(src.Addr)
		if inside == r.inside(dst.Addr) {
			inside = p.Dir == packet.ToServer
		}
		if inside {
			return dst, src
		}
	}
	return src, dst
}

// inside tells whether an address is one of ours: this host's, or one that nobody routes to from outside.
func (r *reporter) inside(a netip.Addr) bool {
	return a.IsPrivate() || a.IsLinkLocalUnicast() || a.IsLoopback() || r.desk.local(a)
}

// clientOf is the end that has opened the packet's flow.
func clientOf(at *eve.Moment) incidents.Endpoint {
	p := at.Packet
	switch {
	case at.Flow == nil:
		return incidents.Endpoint{}
	case p.Dir == packet.ToServer:
		return endpoint(p.Src, p.SrcPort)
	}
	return endpoint(p.Dst, p.DstPort)
}

func endpoint(a packet.Addr, port uint16) incidents.Endpoint {
	if a == (packet.Addr{}) {
		return incidents.Endpoint{}
	}
	return incidents.Endpoint{Addr: a.Netip(), Port: port}
}

// protoName is an IP protocol's name in lower case, or its number.
func protoName(p packet.Proto) string {
	switch p {
	case packet.TCP:
		return "tcp"
	case packet.UDP:
		return "udp"
	case packet.SCTP:
		return "sctp"
	case packet.ICMP:
		return "icmp"
	case packet.ICMPv6:
		return "icmpv6"
	}
	return fmt.Sprint(uint8(p))
}

// budget is a token bucket on packet time.
type budget struct {
	tokens float64
	last   int64
}

func (b *budget) take(now int64) bool {
	if b.last == 0 {
		b.tokens = evidenceBurst
	} else if now > b.last {
		b.tokens = min(evidenceBurst, b.tokens+float64(now-b.last)/1e9*evidenceRate)
	}
	b.last = max(b.last, now)
	if b.tokens < 1 {
		return false
	}
	b.tokens--
	return true
}
