package sensor

import (
	"context"
	"errors"
	"sync"
)

// crew are the goroutines of a sensor at work, by when they end: each station after those whose material it takes in.
type crew struct {
	sources  station // workers, watchers, the judge of lines
	naming   sync.WaitGroup
	book     station
	services station // everything else

	ended chan struct{} // closed when the first of those that picket cannot do without has ended
	once  sync.Once
	mu    sync.Mutex
	err   error // of all that have ended
}

// station is goroutines that end together, at stop.
type station struct {
	sync.WaitGroup
	ctx  context.Context
	stop context.CancelFunc
}

// newCrew makes a crew without goroutines. Sources keep the values of ctx and outlive it: inline, what is queued must be
// answered until the rule is gone.
func newCrew(ctx context.Context) *crew {
	c := &crew{ended: make(chan struct{})}
	for _, s := range []*station{&c.sources, &c.book, &c.services} {
		s.ctx, s.stop = context.WithCancel(context.WithoutCancel(ctx))
	}
	return c
}

// needed starts what picket cannot do without: its end, before its station's, ends picket.
func (c *crew) needed(at *station, run func(context.Context) error) {
	at.Go(func() {
		err := run(at.ctx)
		c.mu.Lock()
		c.err = errors.Join(c.err, err)
		c.mu.Unlock()
		c.once.Do(func() { close(c.ended) })
	})
}

// useful starts what picket can go on without.
func (s *station) useful(run func(context.Context)) {
	s.Go(func() { run(s.ctx) })
}

// end stops a station and waits for it.
func (s *station) end() {
	s.stop()
	s.Wait()
}
