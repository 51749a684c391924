package sensor

import (
	"context"
	"errors"
	"fmt"
	"math"
	"sync"
	"time"

	"picket/actions"
	"picket/incidents"
	"picket/rules"
	"picket/watch"
)

// A line's walk, in the one goroutine of the judge:
//
//  1. a watch.Source lends a batch of lines: files, the journal
//  2. every jail that reads that log judges each line (rules.Jail.Observe)
//  3. who failed too often is a breach: a request to the responder, through the same gate as all others
//  4. settle acknowledges the batch; only then are position and counts kept, in one write
//
// When the judge is slow or the responder's inbox is full, the lines wait where they are.
type judgeOfLines struct {
	sensor  *Sensor
	batches chan *watch.Batch
	asks    chan func() // what others want to know of the jails, or change: the judge owns them
	news    news        // what became of the bans that were asked for
	reopen  chan struct{}
	done    chan struct{}
	readers map[*watch.Origin]*reader

	findings []*incidents.Finding // of the batch at hand
}

// reader is one origin of lines: which jails read it, and how far it is.
type reader struct {
	jails []*jailPost
	phase rules.Phase
	last  int64 // when its last line was received, Unix nanoseconds
}

// quietFor is how long no line has come before the logs count as caught up with: until then dates are believed,
// afterwards a line is about now.
const quietFor = time.Second

// maxOrigins bounds the memory of which jail reads what; files come and go.
const maxOrigins = 4096

func newJudge(s *Sensor) *judgeOfLines {
	return &judgeOfLines{
		sensor: s, batches: make(chan *watch.Batch), asks: make(chan func()), news: news{wake: make(chan struct{}, 1)},
		reopen: make(chan struct{}, 1), done: make(chan struct{}), readers: map[*watch.Origin]*reader{},
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
			ask()
		case <-j.news.wake:
			for _, c := range j.news.take() {
				j.sensor.jailChanged(&c)
			}
		case now := <-ticks.C:
			j.settleDown(now)
		}
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
	case j.asks <- func() { do(); close(over) }:
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
	for i := range b.Observations {
		o := &b.Observations[i]
		from := j.readerOf(o.Origin)
		from.last = o.Time
		j.sensor.noteLogin(ctx, o, from.phase == rules.Live)
		for _, post := range from.jails {
			for breach, ok := post.jail.Observe(o, from.phase); ok; breach, ok = post.jail.More() {
				j.breach(ctx, post, &breach)
			}
		}
	}
	j.report(ctx)
	j.publish()
	j.settle(b)
	return nil
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
	for _, post := range j.sensor.posted() {
		if post.reads(o) && !post.settings.Idle {
			r.jails = append(r.jails, post)
		}
	}
	j.readers[o] = r
	return r
}

// breach asks for a ban. What is no address cannot be banned and is told.
func (j *judgeOfLines) breach(ctx context.Context, post *jailPost, b *rules.Breach) {
	log := j.sensor.log
	f := j.sensor.breachFinding(b)
	j.sensor.banAtOnce(f)
	j.findings = append(j.findings, f)
	if !b.Prefix.IsValid() {
		log.Warn("breach without an address: nobody to ban", "jail", b.Jail, "who", b.ID, "reason", b.Reason())
		return
	}
	j.sensor.gate.History().Breach(b.Prefix.Addr(), time.Now().UnixNano())
	if b.Observe {
		log.Info("would ban (the jail observes)", "jail", b.Jail, "prefix", actions.Text(b.Prefix), "reason", b.Reason())
		return
	}
	q := actions.Request{Prefix: b.Prefix, For: banTime(b.Seconds), Reason: fmt.Sprintf("jail %s: %s", b.Jail, b.Reason()), By: "jail " + b.Jail, Private: true, Scope: post.scope, Jail: b.Jail}
	post.await(b)
	j.sensor.ordered(f, &q)
	if err := j.sensor.responder.Submit(ctx, q); err != nil {
		log.Error("ban not asked for", "jail", b.Jail, "prefix", actions.Text(b.Prefix), "error", err)
	}
}

// banTime turns seconds into a ban's length; 0 is for good.
func banTime(seconds float64) time.Duration {
	if seconds < 0 || seconds > math.MaxInt64/float64(time.Second) {
		return 0
	}
	return time.Duration(seconds * float64(time.Second))
}
