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
	waiting map[string][]*Message // by receiver, in order
	sending map[string]bool
	results chan result
	groups  map[key]*group
	ledger  string // the file that says who was told of what
	changed bool   // since it was written
	stats   Stats
}

// Stats count messages since the start.
type Stats struct {
	Queued, Delivered, Failed, GivenUp, Lost uint64
	Waiting                                  int
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
	due      time.Time // of it; zero: nothing new
	told     time.Time // when the last message was made; zero: never
}

const (
	inboxSize  = 1024
	maxGroups  = 16384
	tick       = time.Second
	sendWithin = 30 * time.Second
	firstRetry = 5 * time.Second
	lastRetry  = 10 * time.Minute
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
		senders: map[string]sender{}, waiting: map[string][]*Message{}, sending: map[string]bool{}, results: make(chan result), groups: map[key]*group{},
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
		n.waiting[m.Receiver] = append(n.waiting[m.Receiver], m)
	}
	return n, err
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
		case r := <-n.results:
			n.sent(r)
		case <-ctx.Done():
			n.stop()
			return nil
		}
		n.send(ctx)
	}
}

// stop queues what is still being grouped, and waits for those that are sending.
func (n *Notifier) stop() {
	for k, g := range n.groups {
		if !g.due.IsZero() {
			n.flush(k, g)
		}
	}
	for _, busy := range n.sending {
		if busy {
			n.sent(<-n.results)
		}
	}
	n.remember()
}

// Tell has receivers told of an incident. It returns when that is noted; the message is sent when its group is complete.
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
	case measure.Pending, measure.InProcess, measure.Observed:
		return
	}
	if m.Name == DoerName {
		return // a message about a message
	}
	one := *m
	n.offer(func() {
		for k, g := range n.groups {
			if k.incident == one.Incident && one.Incident != 0 {
				n.queue(k.receiver, ofMeasure(&one, g.incident.Severity))
			}
		}
	})
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
	case !g.due.IsZero(): // it waits already
	case g.told.IsZero():
		g.due = n.now().Add(n.config.GroupWait)
	case n.config.Repeat > 0:
		g.due = g.told.Add(n.config.Repeat)
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

// due makes the messages whose time has come, and repeats open incidents.
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
	kind := "incident"
	if !g.told.IsZero() {
		kind = "repeat"
	}
	i := g.incident
	n.queue(k.receiver, opened(&i, kind, g.findings, g.extra))
	g.told, g.due, g.findings, g.extra = n.now(), time.Time{}, 0, ""
	n.changed = true
}

// resolve ends a group: nobody is told of a resolution who was not told of the incident.
func (n *Notifier) resolve(k key, g *group) {
	if !g.due.IsZero() && g.told.IsZero() {
		n.flush(k, g)
	}
	r := n.config.Receivers[k.receiver]
	if r.resolved() && !g.told.IsZero() {
		i := g.incident
		n.queue(k.receiver, resolved(&i))
	}
	delete(n.groups, k)
	n.changed = true
}

// queue puts a message on disk and in line.
func (n *Notifier) queue(receiver string, m *Message) {
	r := n.config.Receivers[receiver]
	now := n.now()
	n.spool.name(m, now)
	m.Receiver, m.Host, m.Time = receiver, n.host, now.UTC()
	m.After = r.heldUntil(m.Severity, now)
	if err := n.spool.write(m); err != nil {
		n.log.Error("a notification will not survive a restart", "receiver", receiver, "error", err)
	}
	n.waiting[receiver] = append(n.waiting[receiver], m)
	n.stats.Queued++
	if list := n.waiting[receiver]; len(list) > maxSpool {
		n.giveUp(list[1], fmt.Errorf("more than %d messages wait", maxSpool)) // the first may be on its way
	}
}

// giveUp forgets a message that will not be delivered.
func (n *Notifier) giveUp(m *Message, err error) {
	n.stats.GivenUp++
	n.log.Error("a notification was given up", "receiver", m.Receiver, "title", m.Title, "error", err)
	n.drop(m)
}

func (n *Notifier) drop(m *Message) {
	n.waiting[m.Receiver] = slices.DeleteFunc(n.waiting[m.Receiver], func(o *Message) bool { return o == m })
	if err := n.spool.remove(m); err != nil {
		n.log.Error("a notification stays in the queue and may be sent again", "error", err)
	}
}

// send starts the next message of each receiver that is idle.
func (n *Notifier) send(ctx context.Context) {
	now := n.now()
	for name, list := range n.waiting {
		s := n.senders[name]
		if n.sending[name] || len(list) == 0 {
			continue
		}
		if s == nil {
			n.giveUp(list[0], errors.New("its receiver is not configured any more"))
			continue
		}
		i := slices.IndexFunc(list, func(m *Message) bool { return !now.Before(m.After) })
		if i < 0 {
			continue
		}
		n.sending[name] = true
		m := *list[i]
		go func(original *Message) {
			within, cancel := context.WithTimeout(ctx, sendWithin)
			defer cancel()
			n.results <- result{original, s.send(within, &m)}
		}(list[i])
	}
}

// sent notes how a try has ended. A receiver that fails is asked again, later each time; its order is kept.
func (n *Notifier) sent(r result) {
	m := r.message
	n.sending[m.Receiver] = false
	if r.err == nil {
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
	retry := min(firstRetry<<min(m.Tries-1, 10), lastRetry)
	for _, other := range n.waiting[m.Receiver] {
		other.After = later(other.After, now.Add(retry))
	}
	n.log.Warn("a notification was not delivered and will be tried again", "receiver", m.Receiver, "tries", m.Tries, "in", retry, "error", r.err)
	if err := n.spool.write(m); err != nil {
		n.log.Error("a notification will not survive a restart", "receiver", m.Receiver, "error", err)
	}
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
		for _, list := range n.waiting {
			s.Waiting += len(list)
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
