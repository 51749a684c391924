package signatures

import (
	"slices"

	"picket/traffic/app"
	"picket/traffic/packet"
)

// txState is what is known of one direction of a transaction that is not judged to its end yet.
type txState struct {
	engine   *Engine
	progress app.Progress // prefilters of points below it have seen their final buffer
	updated  int64
	rules    []txRule // by signature
	searched []searched
	both     *bothWays // shared by the two directions; nil: no rule for both has begun to match
	finished bool      // the direction is over; both is kept for the other one
}

// bothWays is what rules for both directions ("=>") have matched of a transaction so far.
type bothWays struct{ rules []txRule }

// bothOf returns what the two directions share, or nil.
func (in *Inspector) bothOf(tx *app.Transaction) *bothWays {
	for _, d := range tx.Detect {
		if st, _ := d.(*txState); st != nil && st.engine == in.e && st.both != nil {
			return st.both
		}
	}
	return nil
}

// rule finds a rule for both directions; made if need be.
func (b *bothWays) rule(id uint32, create bool) *txRule {
	if b == nil {
		return nil
	}
	for i := range b.rules {
		if b.rules[i].id == id {
			return &b.rules[i]
		}
	}
	if !create || len(b.rules) >= maxTxRules {
		return nil
	}
	b.rules = append(b.rules, txRule{id: id})
	return &b.rules[len(b.rules)-1]
}

// searched is how far a growing buffer was searched with a prefilter.
type searched struct {
	filter *txFilter
	to     int
}

// txRule is a rule that has begun to match, or is over.
type txRule struct {
	id   uint32
	done uint32 // bit per inspection
	size int32  // of the growing buffer when it was judged last
	over bool   // has matched, or never will
}

// maxTxRules bounds the rules that one transaction remembers.
const maxTxRules = 512

// judged marks a direction whose judgement is over. A named byte lies in an interface without allocation.
type judged uint8

const over judged = 1

// judgeTransactions judges the open transactions in the packet's direction (Suricata's DetectRunTx).
func (in *Inspector) judgeTransactions() {
	conn := &in.v.State.App
	g := &in.e.tx[in.direction][conn.Proto]
	if len(g.filters) == 0 && len(g.always) == 0 && len(in.txRules) == 0 {
		return
	}
	for _, tx := range conn.Parser.Transactions().Open {
		if !tx.Skip[in.direction] {
			in.judgeTx(tx, g)
		}
	}
	in.v.Tx = nil
}

// judgeTx judges one direction of one transaction.
func (in *Inspector) judgeTx(tx *app.Transaction, g *txGroup) {
	dir := in.direction
	if _, done := tx.Detect[dir].(judged); done {
		return
	}
	st, _ := tx.Detect[dir].(*txState)
	if st != nil && st.engine != in.e {
		st = nil
	}
	if st != nil && st.finished {
		return
	}
	if st != nil && tx.Updated != 0 && st.updated == tx.Updated && len(in.txRules) == 0 {
		return
	}
	in.v.Tx = tx
	in.nextGeneration()
	in.candidates = in.candidates[:0]
	for _, id := range g.always {
		in.add(id)
	}
	for _, id := range in.txRules {
		in.add(id)
	}
	if st != nil {
		in.addBegun(st.rules)
	}
	if b := in.bothOf(tx); b != nil {
		in.addBegun(b.rules)
	}
	st = in.filterTx(tx, g, st)
	for _, id := range in.sorted() {
		st = in.judgeTxRule(in.e.Signatures[id], tx, st)
	}
	in.settle(tx, st)
}

// addBegun adds rules that have begun to match.
func (in *Inspector) addBegun(rules []txRule) {
	for i := range rules {
		if !rules[i].over {
			in.add(rules[i].id)
		}
	}
}

// filterTx adds the rules whose fast pattern occurs in a buffer that is ready and may have changed.
func (in *Inspector) filterTx(tx *app.Transaction, g *txGroup, st *txState) *txState {
	progress := tx.Progress[in.direction]
	for i := range g.filters {
		f := &g.filters[i]
		if f.point.Progress > progress {
			break
		}
		if st != nil && f.point.Progress < st.progress && !f.point.Late {
			continue
		}
		if f.point.Bytes != nil {
			b := f.point.Bytes(&in.v)
			switch {
			case len(b) == 0:
			case f.point.Grows && len(f.xform) == 0 && !tx.Complete(in.direction):
				st = in.scanMore(f, b, st)
			case f.point.Grows && len(f.xform) == 0:
				in.scan(f.filter, st.rest(f, b), anyPlace)
			default:
				in.scanOver(f, b)
			}
			continue
		}
		for i := 0; ; i++ {
			b, ok := f.point.Each(&in.v, i)
			if !ok {
				break
			}
			in.scanOver(f, b)
		}
	}
	return st
}

// scanOver searches what a filter's transforms make of a buffer.
func (in *Inspector) scanOver(f *txFilter, b []byte) {
	if b, ok := f.xform.apply(&in.v, b); ok {
		in.scan(f.filter, b, anyPlace)
	}
}

// rest is the part of a growing buffer in which a literal may lie that was not seen before.
func (st *txState) rest(f *txFilter, b []byte) []byte {
	if st == nil {
		return b
	}
	for i := range st.searched {
		if d := &st.searched[i]; d.filter == f && d.to <= len(b) {
			return b[max(0, d.to-f.filter.most+1):]
		}
	}
	return b
}

// scanMore searches what has come to a growing buffer.
func (in *Inspector) scanMore(f *txFilter, b []byte, st *txState) *txState {
	in.scan(f.filter, st.rest(f, b), anyPlace)
	if st == nil {
		st = &txState{engine: in.e}
	}
	for i := range st.searched {
		if d := &st.searched[i]; d.filter == f {
			d.to = len(b)
			return st
		}
	}
	st.searched = append(st.searched, searched{f, len(b)})
	return st
}

// settle remembers how far the direction has been judged.
func (in *Inspector) settle(tx *app.Transaction, st *txState) {
	dir := in.direction
	if tx.Complete(dir) && (st == nil || st.both == nil) {
		tx.Detect[dir] = over
		return
	}
	if st == nil {
		st = &txState{engine: in.e}
	}
	st.finished = tx.Complete(dir)
	st.progress, st.updated = tx.Progress[dir], tx.Updated
	tx.Detect[dir] = st
}

// judgeTxRule holds one transaction against one rule, going on where it stood.
func (in *Inspector) judgeTxRule(s *Signature, tx *app.Transaction, st *txState) *txState {
	in.Stats.Rules++
	if s.bothWays {
		return in.judgeBothWays(s, tx, st)
	}
	r := st.rule(s.id)
	if r != nil && r.over {
		return st
	}
	if s.protos>>tx.Proto&1 == 0 {
		return st
	}
	fresh := txRule{id: s.id}
	if r == nil {
		if !in.header(s) {
			return st
		}
		r = &fresh
	}
	before := *r
	if (r.done != 0 || in.headTests(s)) && in.inspections(s, tx, r) {
		r.over = true
		in.matchedTx(s, tx)
	}
	if r == &fresh && (*r != before || s.grows) {
		st = in.remember(tx, st, fresh)
	}
	return st
}

// judgeBothWays is judgeTxRule for a "=>" rule: what it has matched is shared by the two directions.
func (in *Inspector) judgeBothWays(s *Signature, tx *app.Transaction, st *txState) *txState {
	shared := in.bothOf(tx)
	if shared == nil && st != nil {
		shared = st.both
	}
	r := shared.rule(s.id, false)
	if r != nil && r.over || s.protos>>tx.Proto&1 == 0 || !in.header(s) || !in.headTests(s) {
		return st
	}
	fresh := txRule{id: s.id}
	if r == nil {
		r = &fresh
	}
	if in.inspections(s, tx, r) {
		r.over = true
		in.matchedTx(s, tx)
	}
	if r != &fresh || fresh == (txRule{id: s.id}) {
		return st
	}
	if shared == nil {
		shared = &bothWays{}
	}
	if st == nil {
		st = &txState{engine: in.e}
	}
	st.both = shared
	if kept := shared.rule(s.id, true); kept != nil {
		*kept = fresh
	}
	return st
}

func (st *txState) rule(id uint32) *txRule {
	if st == nil {
		return nil
	}
	i, ok := slices.BinarySearchFunc(st.rules, id, func(r txRule, id uint32) int { return int(r.id) - int(id) })
	if !ok {
		return nil
	}
	return &st.rules[i]
}

// remember keeps a rule's state, unless the direction is over with this packet.
func (in *Inspector) remember(tx *app.Transaction, st *txState, r txRule) *txState {
	if tx.Complete(in.direction) {
		return st
	}
	if st == nil {
		st = &txState{engine: in.e}
	}
	if len(st.rules) >= maxTxRules {
		return st
	}
	i, _ := slices.BinarySearchFunc(st.rules, r.id, func(r txRule, id uint32) int { return int(r.id) - int(id) })
	st.rules = slices.Insert(st.rules, i, r)
	return st
}

// inspections tries what is not yet done of a rule; true: all of it is.
func (in *Inspector) inspections(s *Signature, tx *app.Transaction, r *txRule) bool {
	all := true
	for i := range s.tx {
		if r.done>>i&1 != 0 {
			continue
		}
		t := &s.tx[i]
		switch in.inspection(s, t, tx, r) {
		case yes:
			r.done |= 1 << i
		case notYet:
			all = false
			if !s.bothWays || point(t.points, tx.Proto, in.direction) != nil {
				return false
			}
		case never:
			r.over = true
			return false
		}
	}
	return all && (s.ofFiles < 2 || len(tx.Files[in.direction]) < 2 || in.oneFile(s, tx))
}

// oneFile tells whether all of a rule's conditions on files hold for the same one.
func (in *Inspector) oneFile(s *Signature, tx *app.Transaction) bool {
	in.m.sig = s
	for _, f := range tx.Files[in.direction] {
		if in.holdForFile(s, tx, f) {
			return true
		}
	}
	return false
}

func (in *Inspector) holdForFile(s *Signature, tx *app.Transaction, f *app.File) bool {
	for i := range s.tx {
		t := &s.tx[i]
		if t.file != nil && !t.file(f) {
			return false
		}
		if pt := point(t.points, tx.Proto, in.direction); pt != nil && pt.File != nil && t.absent == mustBeThere {
			b := pt.File(f)
			if b == nil || !in.runOver(t.chain, t.xform, b) {
				return false
			}
		}
	}
	return true
}

// answer is what an inspection says.
type answer uint8

const (
	notYet answer = iota
	yes
	never
)

// inspection tries one condition on a transaction.
func (in *Inspector) inspection(s *Signature, t *txInspection, tx *app.Transaction, r *txRule) answer {
	if t.stream {
		if ok, _ := in.payload(s); ok {
			return yes
		}
		return notYet
	}
	pt := point(t.points, tx.Proto, in.direction)
	if pt == nil {
		if s.bothWays && point(t.points, tx.Proto, in.direction.Reverse()) != nil {
			return notYet
		}
		return never
	}
	if tx.Progress[in.direction] < pt.Progress {
		return notYet
	}
	final := tx.Complete(in.direction) || !pt.Late && tx.Progress[in.direction] > pt.Progress
	if pt.Grows && !final && in.grewLittle(pt, r) {
		return notYet
	}
	if in.holds(s, t, pt, final) {
		return yes
	}
	if final {
		return never
	}
	return notYet
}

// grewLittle tells whether a growing buffer is little larger than when the rule was held against it last: it waits for a
// quarter more, or the end, so that a long body is not gone through again with each packet. Inline nothing waits.
func (in *Inspector) grewLittle(pt *Point, r *txRule) bool {
	if in.e.inline || in.v.Packet.Has(packet.Pseudo) {
		return false
	}
	n := int32(len(pt.Bytes(&in.v)))
	if r.size > 0 && n < r.size+r.size/4 {
		return true
	}
	r.size = n
	return false
}

// holds tries a test or a chain over a buffer, each of its instances.
func (in *Inspector) holds(s *Signature, t *txInspection, pt *Point, final bool) bool {
	if t.test != nil {
		return t.test(&in.v)
	}
	in.m.sig = s
	if pt.Bytes != nil {
		b := pt.Bytes(&in.v)
		if b == nil {
			return final && t.absent != mustBeThere
		}
		return t.absent != mustBeAbsent && in.runOver(t.chain, t.xform, b)
	}
	for i := 0; ; i++ {
		b, ok := pt.Each(&in.v, i)
		if !ok {
			return i == 0 && final && t.absent != mustBeThere
		}
		if t.absent != mustBeAbsent && in.runOver(t.chain, t.xform, b) {
			return true
		}
	}
}

// matchedTx does what follows on a match in a transaction.
func (in *Inspector) matchedTx(s *Signature, tx *app.Transaction) {
	for _, f := range s.post {
		f(&in.v)
	}
	in.queue(s, tx, in.direction, false, true)
}
