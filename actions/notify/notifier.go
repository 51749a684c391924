package notify

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"time"

	"picket/actions/measure"
	"picket/incidents"
)

// Notifier owns the queue. One goroutine, Run, does everything but the sending, which has a goroutine of its own for
// each receiver, so that one that hangs does not hold up the others.
type Notifier struct {
	config  Config
	host    string
	log     *slog.Logger
	now     func() time.Time
	inbox   chan func()
	done    chan struct{}
	senders map[string]sender
	spool   *spool
	lines   map[string]*line // by receiver
	results chan result
	groups  map[key]*group
	ledger  string // the file that says who was told of what
	changed bool   // since it was written
	unsaved bool   // some message is in memory only
	stats   Stats
}

// Stats count messages since the start.
type Stats struct {
	Queued    uint64 `json:"queued"`
	Delivered uint64 `json:"delivered"`
	Failed    uint64 `json:"failed"`   // tries
	GivenUp   uint64 `json:"given_up"` // messages
	Waiting   int    `json:"waiting"`  // now
}

// line is what waits for one receiver.
type line struct {
	waiting []*Message // in order
	sending bool       // the first that may go is on its way
	tries   int        // in a row that have failed
	after   time.Time  // the receiver is not tried before
}

// key names what is grouped: what one receiver hears of one incident.
type key struct {
	receiver string
	incident incidents.ID
}

// group is what a receiver has been told of an incident, and what it will be told next.
type group struct {
	incident incidents.Incident
	extra    string
	findings uint64    // in the next message
	first    *Message  // that gathers findings until its time: it is in the queue, and on disk, from the start
	due      time.Time // of a repeat; zero: nothing new
	told     time.Time // when the last message went into the queue; zero: never
	// failed is when it was told last that a measure of a name came to nothing. The same again within the repeat interval
	// is not news, and may be what telling of it has brought about.
	failed map[string]time.Time
}

const (
	inboxSize  = 1024
	maxGroups  = 16384
	tick       = time.Second
	sendWithin = 30 * time.Second
	firstRetry = 5 * time.Second
	lastRetry  = 10 * time.Minute
	longestAsk = time.Hour // that a receiver may ask us to wait (Retry-After)
)

// Options of a notifier.
type Options struct {
	Config Config
	Dir    string // of the queue
	Log    *slog.Logger
	Now    func() time.Time // nil: time.Now
}

// ErrStopped is the answer when the notifier is not running any more.
var ErrStopped = errors.New("picket is stopping: nobody was told")

// New opens the queue. Nothing is sent before Run.
func New(o Options) (*Notifier, error) {
	n := &Notifier{
		config: o.Config, log: o.Log, now: o.Now, inbox: make(chan func(), inboxSize), done: make(chan struct{}),
		senders: map[string]sender{}, lines: map[string]*line{}, results: make(chan result), groups: map[key]*group{},
	}
	if n.now == nil {
		n.now = time.Now
	}
	n.host, _ = os.Hostname() // a host without a name has none to tell
	n.ledger = filepath.Join(o.Dir, "told")
	n.recall()
	threads := openThreads(filepath.Join(o.Dir, "slack-threads"))
	for name, r := range o.Config.Receivers {
		n.senders[name] = newSender(&r, threads)
	}
	var list []*Message
	var err error
	n.spool, list, err = openSpool(o.Dir, func(err error) { o.Log.Warn(err.Error()) })
	for _, m := range list {
		n.takeUp(m)
	}
	return n, err
}

// takeUp puts a message of an earlier run in line, and where it still gathers findings, in its group.
func (n *Notifier) takeUp(m *Message) {
	l := n.line(m.Receiver)
	l.waiting = append(l.waiting, m)
	if m.Kind == "incident" && m.Incident != nil && m.After.After(n.now()) {
		n.groups[key{m.Receiver, m.Incident.ID}] = &group{incident: *m.Incident, findings: m.Findings, extra: m.Extra, first: m}
	}
}

func (n *Notifier) line(receiver string) *line {
	l := n.lines[receiver]
	if l == nil {
		l = &line{}
		n.lines[receiver] = l
	}
	return l
}

// result is how one try to send has ended.
type result struct {
	message *Message
	err     error
}

// Run groups, queues and sends until ctx ends. What was not delivered stays on disk.
func (n *Notifier) Run(ctx context.Context) error {
	defer close(n.done)
	ticks := time.NewTicker(tick)
	defer ticks.Stop()
	for {
		select {
		case f := <-n.inbox:
			f()
		case <-ticks.C:
			n.due()
			n.remember()
			n.save()
		case r := <-n.results:
			n.sent(r)
		case <-ctx.Done():
			n.stop()
			return nil
		}
		n.send(ctx)
	}
}

// stop queues the repeats that are still being grouped, and waits for those that are sending.
func (n *Notifier) stop() {
	for k, g := range n.groups {
		if !g.due.IsZero() {
			n.flush(k, g)
		}
	}
	for _, l := range n.lines {
		if l.sending {
			n.sent(<-n.results)
		}
	}
	n.remember()
	n.save()
}

// Tell has receivers told of an incident. It returns when the message is on disk; it is sent when its group is complete.
func (n *Notifier) Tell(ctx context.Context, i *incidents.Incident, extra string, receivers ...string) error {
	done := make(chan struct{})
	err := n.ask(ctx, func() {
		defer close(done)
		for _, name := range receivers {
			n.tell(name, i, extra)
		}
	})
	if err != nil {
		return err
	}
	select {
	case <-done:
		return nil
	case <-n.done:
		return ErrStopped
	}
}

func (n *Notifier) ask(ctx context.Context, f func()) error {
	select {
	case n.inbox <- f:
		return nil
	case <-n.done:
		return ErrStopped
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Incident hears what happens to incidents: those that were told of are told again when they are resolved. It does not
// wait: a full inbox loses the event, counted.
func (n *Notifier) Incident(e *incidents.Event) {
	if e.Kind != incidents.WasResolved && e.Kind != incidents.Acked {
		return
	}
	i, kind := e.Incident, e.Kind
	n.offer(func() {
		for k, g := range n.groups {
			if k.incident != i.ID {
				continue
			}
			g.incident = i
			if kind == incidents.WasResolved {
				n.resolve(k, g)
			}
		}
	})
}

// Measure hears of measures that have changed their state; those of incidents that were told of are told to the same
// receivers.
func (n *Notifier) Measure(m *measure.Measure) {
	switch m.State {
	case measure.InProcess, measure.Observed:
		return
	case measure.Pending:
		if m.Approved == "" || m.Approved == m.By {
			return // nobody has decided anything
		}
	}
	if m.Name == DoerName {
		return // a message about a message
	}
	one := *m
	n.offer(func() {
		for k, g := range n.groups {
			if k.incident == one.Incident && one.Incident != 0 && n.news(g, &one) {
				n.queue(k.receiver, ofMeasure(&one, g.incident.Severity), n.now())
			}
		}
	})
}

// news tells whether a measure's state is worth a message.
func (n *Notifier) news(g *group, m *measure.Measure) bool {
	if m.State != measure.Error && m.State != measure.Skipped && (m.State != measure.Denied || m.DeniedBy != "") {
		return true
	}
	what, now := m.Name+" "+string(m.State), n.now()
	if last, told := g.failed[what]; told && (n.config.Repeat <= 0 || now.Sub(last) < n.config.Repeat) {
		return false
	}
	if g.failed == nil {
		g.failed = map[string]time.Time{}
	}
	g.failed[what] = now
	return true
}

func (n *Notifier) offer(f func()) {
	select {
	case n.inbox <- f:
	default:
		n.log.Warn("a notification was lost: too many wait to be queued")
	}
}

// tell puts an incident into its group.
func (n *Notifier) tell(receiver string, i *incidents.Incident, extra string) {
	r, known := n.config.Receivers[receiver]
	if !known || i.Severity < r.MinSeverity {
		return
	}
	k := key{receiver, i.ID}
	g := n.groups[k]
	if g == nil {
		if len(n.groups) >= maxGroups {
			n.forget()
		}
		g = &group{}
		n.groups[k] = g
	}
	g.incident, g.findings = *i, g.findings+1
	if extra != "" {
		g.extra = extra
	}
	switch {
	case g.first != nil:
		g.first.about(i, g.findings, g.extra)
		n.write(g.first)
	case !g.due.IsZero(): // a repeat waits already
	case g.told.IsZero():
		g.first = opened(i, "incident", g.findings, g.extra)
		n.queue(receiver, g.first, n.now().Add(n.config.GroupWait))
	case n.config.Repeat > 0:
		g.due = g.told.Add(n.config.Repeat)
	}
}

// gone notes that a message leaves: it gathers no more.
func (n *Notifier) gone(m *Message) {
	k := key{m.Receiver, incidentOf(m)}
	if g := n.groups[k]; g != nil && g.first == m {
		g.first, g.told, g.findings, g.extra = nil, n.now(), 0, ""
		n.changed = true
	}
}

// forget makes room: the group that was told longest ago goes.
func (n *Notifier) forget() {
	var oldest key
	var at time.Time
	for k, g := range n.groups {
		if at.IsZero() || g.told.Before(at) {
			oldest, at = k, g.told
		}
	}
	delete(n.groups, oldest)
}

// due repeats incidents that have grown, or are open still.
func (n *Notifier) due() {
	now := n.now()
	for k, g := range n.groups {
		again := n.config.Repeat > 0 && g.incident.ID != 0 && g.incident.State == incidents.Open && !g.told.IsZero() && now.Sub(g.told) >= n.config.Repeat
		if again || !g.due.IsZero() && !now.Before(g.due) {
			n.flush(k, g)
		}
	}
}

func (n *Notifier) flush(k key, g *group) {
	i := g.incident
	n.queue(k.receiver, opened(&i, "repeat", g.findings, g.extra), n.now())
	g.told, g.due, g.findings, g.extra = n.now(), time.Time{}, 0, ""
	n.changed = true
}

// resolve ends a group: nobody is told of a resolution who was not told of the incident.
func (n *Notifier) resolve(k key, g *group) {
	r := n.config.Receivers[k.receiver]
	if g.first != nil {
		g.first.After = r.heldUntil(g.first.Severity, n.now())
		n.gone(g.first)
	}
	if r.resolved() && !g.told.IsZero() {
		i := g.incident
		n.queue(k.receiver, resolved(&i), n.now())
	}
	delete(n.groups, k)
	n.changed = true
}

// queue puts a message on disk and in line, not to be sent before a time.
func (n *Notifier) queue(receiver string, m *Message, after time.Time) {
	r := n.config.Receivers[receiver]
	now := n.now()
	n.spool.name(m, now)
	m.Receiver, m.Host, m.Time = receiver, n.host, now.UTC()
	m.After = later(after, r.heldUntil(m.Severity, now)).UTC()
	n.write(m)
	l := n.line(receiver)
	l.waiting = append(l.waiting, m)
	n.stats.Queued++
	if len(l.waiting) > maxSpool {
		n.giveUp(l.waiting[1], fmt.Errorf("more than %d messages wait", maxSpool)) // the first may be on its way
	}
}

// write puts a message on disk. What the disk does not take is tried again by save.
func (n *Notifier) write(m *Message) {
	err := n.spool.write(m)
	if err != nil && !m.unsaved {
		n.log.Error("a notification will not survive a restart until the disk takes it", "receiver", m.Receiver, "error", err)
	}
	m.unsaved = err != nil
	n.unsaved = n.unsaved || m.unsaved
}

// save tries again to put on disk what it has not taken.
func (n *Notifier) save() {
	if !n.unsaved {
		return
	}
	n.unsaved = false
	for _, l := range n.lines {
		for _, m := range l.waiting {
			if m.unsaved && !n.unsaved { // the first that fails speaks for all
				n.write(m)
			}
			n.unsaved = n.unsaved || m.unsaved
		}
	}
}

// giveUp forgets a message that will not be delivered.
func (n *Notifier) giveUp(m *Message, err error) {
	n.stats.GivenUp++
	n.log.Error("a notification was given up", "receiver", m.Receiver, "title", m.Title, "error", err)
	n.drop(m)
}

func (n *Notifier) drop(m *Message) {
	n.gone(m)
	l := n.line(m.Receiver)
	l.waiting = slices.DeleteFunc(l.waiting, func(o *Message) bool { return o == m })
	if err := n.spool.remove(m); err != nil {
		n.log.Error("a notification stays in the queue and may be sent again", "error", err)
	}
}

// send starts the next message of each receiver that is idle.
func (n *Notifier) send(ctx context.Context) {
	now := n.now()
	for name, l := range n.lines {
		s := n.senders[name]
		if l.sending || len(l.waiting) == 0 || now.Before(l.after) {
			continue
		}
		if s == nil {
			n.giveUp(l.waiting[0], errors.New("its receiver is not configured any more"))
			continue
		}
		i := slices.IndexFunc(l.waiting, func(m *Message) bool { return !now.Before(m.After) })
		if i < 0 {
			continue
		}
		l.sending = true
		n.gone(l.waiting[i])
		m := *l.waiting[i]
		go func(original *Message) {
			within, cancel := context.WithTimeout(ctx, sendWithin)
			defer cancel()
			n.results <- result{original, s.send(within, &m)}
		}(l.waiting[i])
	}
}

// sent notes how a try has ended. A receiver that fails is asked again, later each time and no sooner than it wants; its
// order is kept.
func (n *Notifier) sent(r result) {
	m := r.message
	l := n.line(m.Receiver)
	l.sending = false
	if r.err == nil {
		l.tries, l.after = 0, time.Time{}
		n.stats.Delivered++
		n.drop(m)
		return
	}
	n.stats.Failed++
	m.Tries++
	m.Error = r.err.Error()
	var never permanent
	now := n.now()
	if errors.As(r.err, &never) || now.Sub(m.Time) > n.config.MaxAge {
		n.giveUp(m, r.err)
		return
	}
	retry := min(firstRetry<<min(l.tries, 10), lastRetry)
	var busy *unready
	if errors.As(r.err, &busy) {
		retry = max(retry, min(busy.wait, longestAsk))
	}
	l.tries++
	l.after = now.Add(retry)
	n.log.Warn("a notification was not delivered and will be tried again", "receiver", m.Receiver, "tries", m.Tries, "in", retry, "error", r.err)
	n.write(m)
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// Stats returns the counters.
func (n *Notifier) Stats(ctx context.Context) (s Stats, err error) {
	answer := make(chan Stats, 1)
	if err := n.ask(ctx, func() {
		s := n.stats
		for _, l := range n.lines {
			s.Waiting += len(l.waiting)
		}
		answer <- s
	}); err != nil {
		return s, err
	}
	select {
	case s = <-answer:
		return s, nil
	case <-n.done:
		return s, ErrStopped
	}
}
