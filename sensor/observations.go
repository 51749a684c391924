package sensor

import (
	"context"
	"errors"
	"math"
	"net/netip"
	"sync"
	"time"

	"picket/actions"
	"picket/incidents"
	"picket/rules"
	"picket/watch"
)

// A line's walk, in the one goroutine of the judge:
//
//  1. a watch.Source lends a batch of lines: files, the journal, syslog messages
//  2. every jail that reads that log judges each line (rules.Jail.Observe)
//  3. who failed too often is a breach: a request to the responder, through the same gate as all others
//  4. settle acknowledges the batch; only then are position and counts kept, in one write
//
// When the judge is slow or the responder's inbox is full, the lines wait where they are.
type judgeOfLines struct {
	sensor  *Sensor
	batches chan *watch.Batch
	asks    chan question
	news    news // what became of the bans that were asked for
	reopen  chan struct{}
	done    chan struct{}
	readers map[*watch.Origin]*reader
	purged  time.Time

	inquiries inquiries
	resting   map[string]*jailPost // jails that were stopped, by name

	findings []*incidents.Finding // of the batch at hand
}

// question is what somebody else wants to know of the jails, or change in them: the judge owns them.
type question struct {
	do   func()
	over chan struct{}
}

// reader is one origin of lines: which jails read it, and how far it is.
type reader struct {
	jails []*jailPost
	phase rules.Phase
	last  int64 // when its last line was received, Unix nanoseconds

	programs map[string][]*jailPost // of syslog: which of the jails hear a program; nil for other sources
}

// quietFor is how long no line has come before the logs count as caught up with: until then dates are believed,
// afterwards a line is about now.
const quietFor = time.Second

// maxOrigins bounds the memory of which jail reads what; files come and go.
const maxOrigins = 4096

func newJudge(s *Sensor) *judgeOfLines {
	return &judgeOfLines{
		sensor: s, batches: make(chan *watch.Batch), asks: make(chan question), news: news{wake: make(chan struct{}, 1)},
		reopen: make(chan struct{}, 1), done: make(chan struct{}), readers: map[*watch.Origin]*reader{}, inquiries: newInquiries(),
		resting: map[string]*jailPost{},
	}
}

// run judges until batches is closed.
func (j *judgeOfLines) run(ctx context.Context) error {
	defer close(j.done)
	ticks := time.NewTicker(quietFor)
	defer ticks.Stop()
	for {
		select {
		case b, ok := <-j.batches:
			if !ok {
				return nil
			}
			if err := j.batch(ctx, b); err != nil {
				return err
			}
		case ask := <-j.asks:
			ask.do()
			j.keep() // who has asked hears of what is written down
			close(ask.over)
		case <-j.news.wake:
			j.hear()
		case a := <-j.inquiries.answers:
			j.answered(ctx, a)
			j.report(ctx)
		case now := <-ticks.C:
			j.settleDown(now)
			j.sensor.endNamed(now)
			j.purge(now)
		}
		j.keep()
	}
}

// hear takes in what became of the bans that were asked for.
func (j *judgeOfLines) hear() {
	for _, c := range j.news.take() {
		j.sensor.jailChanged(&c)
	}
}

// purgeEvery is how often jails forget bans that are over for longer than they are to be remembered, as fail2ban's observer
// does with its database.
const purgeEvery = time.Hour

func (j *judgeOfLines) purge(now time.Time) {
	if now.Sub(j.purged) < purgeEvery {
		return
	}
	j.purged = now
	for _, post := range j.sensor.posted() {
		post.jail.Engine().Purge(now.Unix())
		post.pasts.purge(now)
	}
}

// settleDown lets logs count as caught up with from which nothing has come for a while.
func (j *judgeOfLines) settleDown(now time.Time) {
	for _, r := range j.readers {
		if now.UnixNano()-r.last >= int64(quietFor) {
			r.phase = rules.Live
		}
	}
}

// ask lets the judge do something between two batches and waits for it.
func (j *judgeOfLines) ask(ctx context.Context, do func()) error {
	if j == nil {
		return errNoJudge
	}
	over := make(chan struct{})
	select {
	case j.asks <- question{do, over}:
		<-over
		return nil
	case <-j.done:
		return errNoJudge
	case <-ctx.Done():
		return ctx.Err()
	}
}

var errNoJudge = errors.New("no log is judged (logs in picket's configuration says which), or picket is stopping")

// news are changes of bans on their way from the responder, who must not wait, to the judge. There are no more than bans.
type news struct {
	mu   sync.Mutex
	list []actions.Change
	wake chan struct{}
}

func (n *news) put(c actions.Change) {
	n.mu.Lock()
	n.list = append(n.list, c)
	n.mu.Unlock()
	select {
	case n.wake <- struct{}{}:
	default:
	}
}

func (n *news) take() []actions.Change {
	n.mu.Lock()
	defer n.mu.Unlock()
	list := n.list
	n.list = nil
	return list
}

// keepWatching runs the watchers until ctx ends, and others in their place when the jails want other logs: those go on at
// the positions that are kept when the judge has acknowledged all that was sent.
func (s *Sensor) keepWatching(ctx context.Context) error {
	for {
		err := s.watchRound(ctx)
		if err != nil || ctx.Err() != nil {
			return err
		}
		err = s.judge.ask(ctx, func() { clear(s.judge.readers) })
		if err == nil {
			err = s.openLogs()
		}
		if err != nil {
			return err
		}
	}
}

// watchRound runs the watchers until ctx ends, one of them fails, or others are wanted.
func (s *Sensor) watchRound(ctx context.Context) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	errs := make(chan error, len(s.watchers))
	for _, w := range s.watchers {
		go func() { errs <- w.Run(ctx, s.judge.batches) }()
	}
	var err error
	running := len(s.watchers)
	select {
	case <-ctx.Done():
	case <-s.judge.reopen:
	case err = <-errs:
		running--
	}
	stop()
	for range running {
		err = errors.Join(err, <-errs)
	}
	return err
}

func (j *judgeOfLines) batch(ctx context.Context, b *watch.Batch) error {
	j.judge(ctx, b)
	j.report(ctx)
	j.publish()
	j.settle(b)
	return nil
}

// judge judges the lines of a batch and asks for the bans that they lead to.
func (j *judgeOfLines) judge(ctx context.Context, b *watch.Batch) {
	for i := range b.Observations {
		o := &b.Observations[i]
		from := j.readerOf(o.Origin)
		from.last = o.Time
		j.sensor.noteLogin(ctx, o, from.phase == rules.Live)
		for _, post := range from.jailsOf(o) {
			for breach, ok := post.jail.Observe(o, from.phase); ok; breach, ok = post.jail.More() {
				j.breach(ctx, post, &breach)
			}
		}
	}
}

// report hands what was found to the casebook, which writes it down first: after the bans of the whole batch, which must
// not wait for it, and before the batch is acknowledged.
func (j *judgeOfLines) report(ctx context.Context) {
	if err := j.sensor.book.SubmitAll(ctx, j.findings); err != nil {
		j.sensor.log.Error("what a batch of lines has brought is not in the incidents, or not all of it", "findings", len(j.findings), "error", err)
	}
	clear(j.findings)
	j.findings = j.findings[:0]
}

// publish shows the jails' counters to other goroutines.
func (j *judgeOfLines) publish() {
	now := time.Now()
	for _, post := range j.sensor.posted() {
		post.publish(now)
		j.sensor.tellEvicted(post, now)
	}
}

func (j *judgeOfLines) readerOf(o *watch.Origin) *reader {
	if have, ok := j.readers[o]; ok {
		return have
	}
	if len(j.readers) >= maxOrigins {
		clear(j.readers)
	}
	r := &reader{phase: rules.Starting}
	if o.Source == syslogSource { // what is received is of now, whatever date its sender gives it
		r.phase, r.programs = rules.Live, map[string][]*jailPost{}
	}
	for _, post := range j.sensor.posted() {
		if post.reads(o) && !post.settings.Idle {
			r.jails = append(r.jails, post)
		}
	}
	j.readers[o] = r
	return r
}

// breach asks for a ban. Who has no address cannot be banned in the ledger: his ban is the jail's alone.
func (j *judgeOfLines) breach(ctx context.Context, post *jailPost, b *rules.Breach) {
	s := j.sensor
	f := s.breachFinding(b)
	s.banAtOnce(f)
	j.findings = append(j.findings, f)
	if b.Prefix.IsValid() { // of an observing jail, too: it throws doubt on the party's sessions
		s.gate.History().Breach(b.Prefix.Addr(), time.Now().UnixNano())
	}
	switch t := post.standing(b.ID); {
	case b.Observe:
		s.log.Info("would ban (the jail observes)", "jail", b.Jail, "who", b.ID, "reason", b.Reason())
		return
	case t != nil && t.Observed == s.gate.Observing():
		s.tellAgain(post, t, b.At)
		post.testify(t, b)
		if !outlasts(b, t) {
			return
		}
	}
	if !b.Prefix.IsValid() {
		if err := s.banNamed(post, post.ticketFor(b)); err != nil {
			s.log.Warn(err.Error())
		}
		return
	}
	q := post.request(b.Prefix, b.Reason())
	q.For = banTime(b.Seconds)
	if b.Addr.IsValid() {
		q.Narrow = netip.PrefixFrom(b.Addr, b.Addr.BitLen())
	}
	post.await(b, &q)
	s.ordered(f, &q)
	if err := s.responder.Submit(ctx, q); err != nil {
		s.log.Error("ban not asked for", "jail", b.Jail, "prefix", actions.Text(b.Prefix), "error", err)
	}
	if len(post.awaited) >= maxAwaited {
		j.hear()
	}
}

// testify gives a ban its evidence that the ledger alone has kept: its lines were read again after a crash.
func (j *jailPost) testify(t *rules.Ticket, b *rules.Breach) {
	if t.Failures > 0 {
		return
	}
	t.Failures, t.Matches, t.Fields = b.Failures, b.Matches, b.Fields
	j.noted(note{Who: t.ID, State: stateBanned, Ticket: keptTicket(t)})
}

// outlasts tells whether a ban for a breach would end later than one that stands.
func outlasts(b *rules.Breach, t *rules.Ticket) bool {
	if t.Until.IsZero() {
		return false
	}
	length := banTime(b.Seconds)
	return length == 0 || time.Unix(b.At, 0).Add(length).After(t.Until)
}

// request asks for a ban in the name of the jail.
func (j *jailPost) request(p netip.Prefix, reason string) actions.Request {
	by := "jail " + j.name
	return actions.Request{Prefix: p, Reason: by + ": " + reason, By: by, Private: true, Scope: j.scope, Jail: j.name}
}

// banTime turns seconds into a ban's length; 0 is for good.
func banTime(seconds float64) time.Duration {
	if seconds < 0 || seconds > math.MaxInt64/float64(time.Second) {
		return 0
	}
	return time.Duration(seconds * float64(time.Second))
}
