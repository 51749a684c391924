package flow

import (
	"bytes"
	"slices"
	"sync"
	"sync/atomic"

	"picket/traffic/app"
	"picket/traffic/packet"
)

// Bounds of what is expected. Like Suricata (app-layer-expectation.c) an expectation is good for half a minute.
const (
	expectTime    = 30e9 // ns
	maxExpectHost = 16   // of one pair of hosts: the oldest gives way
	maxExpected   = 4096 // of all: further ones are refused
)

// Expectations are the flows that other flows have announced: data connections of FTP. They are known by their two
// hosts, not by who will call whom, and met by the first bytes in the direction that was announced. Tables may share
// them, as the flow to come can fall to another worker; the zero value is ready.
type Expectations struct {
	waiting atomic.Int64 // how many there are, to be looked at without the lock
	mu      sync.Mutex
	byHosts map[hostPair][]expectation
}

type hostPair struct{ low, high packet.Addr }

type expectation struct {
	app.Announcement
	made   int64
	parent uint64 // ID of the flow that announced it
}

func pairOf(r *record) hostPair {
	if bytes.Compare(r.Client[:], r.Server[:]) <= 0 {
		return hostPair{r.Client, r.Server}
	}
	return hostPair{r.Server, r.Client}
}

// add takes a connection's announcements over.
func (e *Expectations) add(r *record, c *app.Conn) {
	list := c.Announced
	c.Announced = nil
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.byHosts == nil {
		e.byHosts = map[hostPair][]expectation{}
	}
	key := pairOf(r)
	for _, a := range list {
		if e.waiting.Load() >= maxExpected {
			e.sweep(r.Last)
		}
		if e.waiting.Load() >= maxExpected {
			return
		}
		have := e.byHosts[key]
		if len(have) >= maxExpectHost {
			have = slices.Delete(have, 0, 1)
			e.waiting.Add(-1)
		}
		e.byHosts[key] = append(have, expectation{a, r.Last, r.ID})
		e.waiting.Add(1)
	}
}

// settle looks whether bytes of a flow without protocol were expected; an expectation is met once.
func (e *Expectations) settle(r *record, dir packet.Direction, c *app.Conn) {
	key := pairOf(r)
	e.mu.Lock()
	defer e.mu.Unlock()
	have, ok := e.byHosts[key]
	if !ok {
		return
	}
	keep := have[:0]
	for _, x := range have {
		switch {
		case r.Last-x.made > expectTime:
		case x.Dir == dir && x.Port == r.SPort && c.Expected == app.Unknown:
			c.Expected, c.Promise = x.Proto, x.Data
			r.Parent = x.parent
		default:
			keep = append(keep, x)
		}
	}
	e.put(key, have, keep)
}

// put stores what is left of a pair's expectations.
func (e *Expectations) put(key hostPair, have, keep []expectation) {
	e.waiting.Add(int64(len(keep) - len(have)))
	clear(have[len(keep):])
	if len(keep) == 0 {
		delete(e.byHosts, key)
		return
	}
	e.byHosts[key] = keep
}

// sweep forgets everything that is too old.
func (e *Expectations) sweep(now int64) {
	for key, have := range e.byHosts {
		keep := have[:0]
		for _, x := range have {
			if now-x.made <= expectTime {
				keep = append(keep, x)
			}
		}
		e.put(key, have, keep)
	}
}
