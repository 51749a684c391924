package rules

import "math"

// counter counts the failures of one ID in a jail. It is no sliding window: when the first failure is older than
// the window, the count is scaled to what it would be at the same rate, as fail2ban does.
type counter struct {
	id         string
	count      int
	failures   int   // lines behind them
	first      int64 // Unix seconds
	last       int64
	matches    []string
	fields     map[string]string // of the first failure; nil: not kept
	next, prev *counter          // by last failure
}

// add counts one failure, weight times.
func (c *counter) add(at, window int64, weight int, f *Failure, keep int) {
	if at > c.last {
		if c.count > 0 && c.first < at-window {
			c.count = int(math.RoundToEven(float64(c.count) / float64(at-c.first) * float64(window)))
			c.first = at - window
		}
		c.last = at
	}
	c.count += weight
	c.failures += max(f.Attempts, 1)
	c.matches = append(c.matches, f.Matches...)
	if over := len(c.matches) - keep; over > 0 {
		c.matches = append(c.matches[:0], c.matches[over:]...)
	}
}

// counters is all counters of a jail, those that were silent longest first to go.
type counters struct {
	of      map[string]*counter
	oldest  *counter
	newest  *counter
	limit   int
	Evicted uint64
}

func (s *counters) get(id string, at int64) *counter {
	c, ok := s.of[id]
	if ok {
		s.unlink(c)
	} else {
		for len(s.of) >= s.limit && s.oldest != nil {
			s.drop(s.oldest)
			s.Evicted++
		}
		c = &counter{id: id, first: at, last: at}
		s.of[id] = c
	}
	s.link(c)
	return c
}

func (s *counters) link(c *counter) {
	c.prev, c.next = s.newest, nil
	if s.newest != nil {
		s.newest.next = c
	} else {
		s.oldest = c
	}
	s.newest = c
}

func (s *counters) unlink(c *counter) {
	if c.prev != nil {
		c.prev.next = c.next
	} else {
		s.oldest = c.next
	}
	if c.next != nil {
		c.next.prev = c.prev
	} else {
		s.newest = c.prev
	}
}

func (s *counters) drop(c *counter) {
	s.unlink(c)
	delete(s.of, c.id)
}

// expire drops those whose last failure is older than the window.
func (s *counters) expire(now, window int64) {
	for c := s.oldest; c != nil && c.last+window < now; c = s.oldest {
		s.drop(c)
	}
}
