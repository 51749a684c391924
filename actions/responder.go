package actions

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"slices"
	"time"
)

// Responder owns the ledger: all that is in force. Everything reaches it through one inbox.
type Responder struct {
	inbox    chan message
	gate     *Gate
	firewall Firewall
	journal  *journal
	decided  []Decision // by the gate, in the batch at hand
	asked    uint64     // the gate's Changes when all bans were held against it
	bans     *ledger
	more     <-chan time.Time // when the next portion of expired bans is looked at; nil: there is none
	max      int
	log      *slog.Logger
	now      func() time.Time
	done     chan struct{}
	stats    Stats
	changed  func(Change)
	repaired func(Damage)
	damages  []Damage // the last ones, the newest last
}

// Stats count what the responder has done since it started.
type Stats struct {
	Banned   uint64 `json:"banned"`
	Renewed  uint64 `json:"renewed"`
	Lifted   uint64 `json:"lifted"`
	Expired  uint64 `json:"expired"`
	Refused  uint64 `json:"refused"`
	Observed uint64 `json:"observed"` // kept from the kernel by observe mode
	Failed   uint64 `json:"failed"`
	Repaired uint64 `json:"repaired"` // put back after another program had taken them out
	Standing int    `json:"standing"` // now
}

// message is one thing asked of the responder; answer may be nil.
type message struct {
	ban     *Request
	unban   *unban
	list    chan<- []Ban
	stats   chan<- Stats
	explain netip.Prefix // answered through told
	told    chan<- Explanation
	ask     *Request // ruled on through ruled
	ruled   chan<- Decision
	answer  chan<- answer
}

// unban says whose ban of what to lift.
type unban struct {
	prefix netip.Prefix
	jail   string
	own    bool   // only those of jail; else all
	by     string // who wants it; "": a jail
}

type answer struct {
	ban Ban
	err error
}

// Options of a responder.
type Options struct {
	StateDir string
	Gate     *Gate
	Firewall Firewall // nil: nothing reaches a kernel, every ban is observed
	Max      int      // bans that may stand; more are refused and counted
	Log      *slog.Logger
	Now      func() time.Time // nil: time.Now
	// Changed is told of every ban that was made, renewed or ended, and of what was refused. It is called by the
	// responder's goroutine: it must neither wait nor ask the responder. nil: nobody.
	Changed func(Change)
	// Repaired is told when the kernel did not hold what it should, what was done to it, and whether the repair failed. It
	// is called as Changed is. nil: nobody.
	Repaired func(Damage)
}

const (
	inboxSize = 4096 // requests that may wait; a full inbox makes Ban wait and Offer drop
	batchSize = 1024 // requests that go into one kernel transaction
	tick      = time.Second
)

// NewResponder reads the journal and makes the kernel hold exactly the bans that stand in it.
func NewResponder(o Options) (*Responder, error) {
	r := &Responder{
		inbox: make(chan message, inboxSize), gate: o.Gate, firewall: o.Firewall, max: o.Max,
		log: o.Log, now: o.Now, done: make(chan struct{}), changed: o.Changed, repaired: o.Repaired,
	}
	if r.changed == nil {
		r.changed = func(Change) {}
	}
	if r.now == nil {
		r.now = time.Now
	}
	var err error
	r.journal, r.bans, err = openJournal(o.StateDir, r.now(), func(err error) { o.Log.Warn(err.Error()) })
	if err != nil {
		return nil, err
	}
	r.regate(r.now())
	r.missed(r.now())
	return r, r.restore("start")
}

// Run answers the inbox until ctx ends. Bans stay in force after it.
func (r *Responder) Run(ctx context.Context) error {
	defer close(r.done)
	ticks := time.NewTicker(tick)
	defer ticks.Stop()
	var damaged <-chan Damage
	if r.firewall != nil {
		damaged = r.firewall.Damaged()
	}
	for {
		select {
		case m := <-r.inbox:
			r.handle(r.drain(m))
		case <-ticks.C:
			r.tick()
		case <-r.more:
			r.expire()
		case d := <-damaged:
			r.repair(d)
		case <-ctx.Done():
			return r.stop()
		}
	}
}

// drain takes what else waits in the inbox, so that a burst becomes few transactions.
func (r *Responder) drain(first message) []message {
	batch := []message{first}
	for len(batch) < batchSize {
		select {
		case m := <-r.inbox:
			batch = append(batch, m)
		default:
			return batch
		}
	}
	return batch
}

// handle answers messages in order; neighbouring bans share one transaction, and so do neighbouring unbans.
func (r *Responder) handle(batch []message) {
	for len(batch) > 0 {
		kind := batch[0].kind()
		n := slices.IndexFunc(batch, func(m message) bool { return m.kind() != kind })
		if n < 0 {
			n = len(batch)
		}
		switch kind {
		case aBan:
			r.banAll(batch[:n])
		case aLift:
			r.liftAll(batch[:n])
		default:
			n = 1
			r.single(batch[0])
		}
		batch = batch[n:]
	}
}

// The kinds of messages.
const (
	aQuestion = iota
	aBan
	aLift
)

func (m *message) kind() int {
	switch {
	case m.ban != nil:
		return aBan
	case m.unban != nil:
		return aLift
	}
	return aQuestion
}

func (r *Responder) single(m message) {
	switch {
	case m.list != nil:
		m.list <- r.list()
	case m.stats != nil:
		s := r.stats
		s.Standing = r.bans.count
		m.stats <- s
	case m.told != nil:
		m.told <- r.explain(m.explain)
	case m.ask != nil:
		m.ruled <- r.rule(*m.ask)
	}
}

func (m message) reply(b Ban, err error) {
	if m.answer != nil {
		m.answer <- answer{b, err}
	}
}

// pending is a ban that has passed the gate and waits for its transaction.
type pending struct {
	message
	ban Ban
}

// asked is what the request was for.
func (p *pending) asked() netip.Prefix { return Normal(p.message.ban.Prefix) }

// banAll walks bans through the gate, the kernel, the journal and the proof. No transaction holds a target twice: the
// second request must see what the first has made of it.
func (r *Responder) banAll(batch []message) {
	now := r.now()
	var passed []pending
	targets := make(map[Target]bool, len(batch))
	for _, m := range batch {
		if t := (Target{Normal(m.ban.Prefix), m.ban.Scope}); targets[t] {
			r.makeAll(passed, now)
			passed = passed[:0]
			clear(targets)
		}
		b, err := r.admit(m.ban, now)
		if narrow, ok := m.ban.narrowed(err); ok {
			r.log.Warn("network not banned, only one party of it", "party", Text(narrow.Prefix), "why", err)
			b, err = r.admit(narrow, now)
		}
		if err != nil {
			r.refused(m, err)
			continue
		}
		if targets[b.Target()] {
			r.makeAll(passed, now)
			passed = passed[:0]
			clear(targets)
		}
		passed = append(passed, pending{m, b})
		targets[b.Target()] = true
	}
	r.makeAll(passed, now)
	r.gate.Record(r.decided...)
	r.decided = r.decided[:0]
}

// narrowed is the request for the one party that is meant, when the gate has refused its network.
func (q *Request) narrowed(err error) (*Request, bool) {
	var refusal *Refusal
	if !q.Narrow.IsValid() || Normal(q.Narrow) == Normal(q.Prefix) || !errors.As(err, &refusal) {
		return nil, false
	}
	one := *q
	one.Prefix = q.Narrow
	return &one, true
}

// makeAll makes bans that have passed the gate.
func (r *Responder) makeAll(passed []pending, now time.Time) {
	if len(passed) == 0 {
		return
	}
	if err := r.enforce(passed, now); err != nil {
		r.fail(passed, err)
		return
	}
	made := make([]Ban, len(passed))
	for i := range passed {
		made[i] = passed[i].ban
	}
	faults := r.prove(made)
	var cut []Target
	for i, p := range passed {
		if r.accept(p, faults[i]) && p.ban.inKernel() {
			cut = append(cut, p.ban.Target())
		}
	}
	if len(cut) > 0 {
		r.firewall.Cut(cut)
	}
}

func (r *Responder) refused(m message, err error) {
	r.stats.Refused++
	r.log.Warn("ban refused", "prefix", Text(m.ban.Prefix), "by", m.ban.By, "reason", m.ban.Reason, "why", err)
	m.reply(Ban{}, err)
	r.changed(Change{Kind: BanRefused, Ban: requested(m.ban, r.now()), Asked: Normal(m.ban.Prefix), Order: m.ban.Order, Err: err})
}

// requested is the ban that a request would have become.
func requested(q *Request, now time.Time) Ban {
	b := Ban{Prefix: Normal(q.Prefix), Since: now.UTC().Truncate(time.Microsecond), Reason: q.Reason, By: q.By, Scope: q.Scope, Jail: q.Jail}
	if q.For > 0 {
		b.Until = b.Since.Add(q.For).Truncate(time.Microsecond)
	}
	return b
}

// admit asks the gate and makes the ban's record.
func (r *Responder) admit(q *Request, now time.Time) (Ban, error) {
	if !q.Prefix.IsValid() {
		return Ban{}, errors.New("ban: no valid address was given")
	}
	b := requested(q, now)
	asked := *q
	asked.Prefix = b.Prefix
	d := r.gate.Decide(&asked, now)
	r.decided = append(r.decided, d)
	if refusal := d.Refusal(); refusal != nil {
		return b, refusal
	}
	old, standing := r.bans.get(&b)
	if !standing && r.bans.count >= r.max {
		return b, fmt.Errorf("ban %s: %d bans stand, the most allowed (raise bans.max, or ban prefixes)", Text(b.Prefix), r.max)
	}
	b.Observed = r.gate.Observing() || r.firewall == nil
	if b.Observed && standing && !old.Observed {
		return b, fmt.Errorf("ban %s: observe mode renews nothing; the ban in force stands until %s", Text(b.Prefix), untilText(old))
	}
	if standing && !old.Observed && outlasts(old.Until, b.Until) {
		b.Until = old.Until // who wants less of what is in force lifts it first
	}
	r.gate.made(&d)
	return b, nil
}

func untilText(b Ban) string {
	if b.Until.IsZero() {
		return "it is lifted"
	}
	return b.Until.Format(time.RFC3339)
}

// enforce brings the batch into the kernel and the journal. Observed bans go to the journal only.
func (r *Responder) enforce(passed []pending, now time.Time) error {
	var add []Entry
	lines := make([]entry, len(passed))
	for i, p := range passed {
		lines[i] = entry{Ban: p.ban}
		if p.ban.inKernel() {
			add = append(add, Entry{p.ban.Target(), r.left(&p.ban, now)})
		}
	}
	if len(add) > 0 {
		if err := r.firewall.Apply(add, nil); err != nil {
			return err
		}
	}
	if err := r.journal.append(lines); err != nil {
		r.log.Error("ban is in force but will not survive a restart", "error", err)
	}
	return nil
}

// left is how long the kernel must hold a ban's target: no shorter than other bans of the same want it.
func (r *Responder) left(b *Ban, now time.Time) time.Duration {
	until, others := r.bans.enforced(b.Target(), b, now)
	if b.Until.IsZero() || others && until.IsZero() {
		return 0
	}
	if others && until.After(b.Until) {
		return max(until.Sub(now), time.Millisecond)
	}
	return max(b.Left(now), time.Millisecond)
}

// fail answers a whole batch whose transaction was refused: nothing of it is in force.
func (r *Responder) fail(passed []pending, err error) {
	r.stats.Failed += uint64(len(passed))
	r.log.Error("ban failed", "count", len(passed), "first", Text(passed[0].ban.Prefix), "error", err)
	for _, p := range passed {
		p.reply(p.ban, err)
		r.changed(Change{Kind: BanFailed, Ban: p.ban, Asked: p.asked(), Order: p.message.ban.Order, Err: err})
	}
}

// accept records a ban that is proven; false when it has no effect.
func (r *Responder) accept(p pending, fault error) bool {
	if fault != nil {
		r.stats.Failed++
		r.log.Error("ban has no effect", "prefix", Text(p.ban.Prefix), "error", fault)
		p.reply(p.ban, fault)
		r.changed(Change{Kind: BanFailed, Ban: p.ban, Asked: p.asked(), Order: p.message.ban.Order, Err: fault})
		return false
	}
	kind := BanMade
	if r.bans.put(p.ban) {
		kind = BanRenewed
		r.stats.Renewed++
	} else {
		r.stats.Banned++
	}
	r.changed(Change{Kind: kind, Ban: p.ban, Asked: p.asked(), Order: p.message.ban.Order})
	r.tell(p.ban)
	p.reply(p.ban, nil)
	return true
}

func (r *Responder) tell(b Ban) {
	what := "banned"
	if b.Observed {
		what = "would ban (observe mode)"
		r.stats.Observed++
	}
	r.log.Info(what, "prefix", Text(b.Prefix), "scope", b.Scope, "until", untilText(b), "by", b.By, "reason", b.Reason)
}

// tick forgets what has expired, lifts what has become protected, looks after the kernel, and syncs the journal.
func (r *Responder) tick() {
	now := r.now()
	r.expire()
	r.regate(now)
	r.audit(now)
	if err := r.journal.sync(r.bans); err != nil {
		r.log.Error("ban journal not written", "error", err)
	}
}

func (r *Responder) stop() error {
	err := r.journal.sync(r.bans)
	err = errors.Join(err, r.journal.close())
	if r.firewall != nil {
		err = errors.Join(err, r.firewall.Close())
	}
	return err
}

// list is all that stands, in no order.
func (r *Responder) list() []Ban {
	out := make([]Ban, 0, r.bans.count)
	now := r.now()
	for b := range r.bans.all() {
		if !b.Expired(now) {
			out = append(out, b)
		}
	}
	return out
}

// ordered sorts bans by prefix, jail and ports.
func ordered(list []Ban) []Ban {
	slices.SortFunc(list, func(a, b Ban) int {
		return cmp.Or(a.Prefix.Compare(b.Prefix), cmp.Compare(a.Jail, b.Jail), cmp.Compare(a.Scope.Ports, b.Scope.Ports))
	})
	return list
}
