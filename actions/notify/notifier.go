package notify

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
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
	threads *threads
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
	n.threads = openThreads(filepath.Join(o.Dir, "slack-threads"))
	for name, r := range o.Config.Receivers {
		n.senders[name] = newSender(&r, n.threads)
	}
	var list []*Message
	var err error
	n.spool, list, err = openSpool(o.Dir, func(err error) { o.Log.Warn(err.Error()) })
	for _, m := range list {
		n.takeUp(m)
	}
	return n, err
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
	if e.Kind != incidents.WasResolved && e.Kind != incidents.Acked && e.Kind != incidents.WasMerged {
		return
	}
	i, kind := e.Incident, e.Kind
	n.offer(func() {
		if kind == incidents.WasMerged {
			n.merge(i.ID, i.Merged)
			return
		}
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

func (n *Notifier) offer(f func()) {
	select {
	case n.inbox <- f:
	default:
		n.log.Warn("a notification was lost: too many wait to be queued")
	}
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
