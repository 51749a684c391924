package rules

import (
	"net/netip"
	"slices"
)

// Memory is what an engine remembers of one party, as a keeper writes it down: not what happened but how it stands, so
// that a later Memory replaces an earlier one. Recalling those of all batches, in order, gives the engine back.
type Memory struct {
	Jail     string            `json:"jail"`
	ID       string            `json:"id"`
	Count    int               `json:"count,omitempty"` // failures as counted; 0: none that count
	Failures int               `json:"failures,omitempty"`
	First    int64             `json:"first,omitempty"` // Unix seconds
	Last     int64             `json:"last,omitempty"`
	Matches  []string          `json:"matches,omitempty"`
	Fields   map[string]string `json:"fields,omitempty"`
	Bans     int               `json:"bans,omitempty"`
	Banned   int64             `json:"banned,omitempty"`   // when the last time, Unix seconds
	Seconds  float64           `json:"seconds,omitempty"`  // how long that ban lasts
	Member   netip.Prefix      `json:"member,omitzero"`    // it breached as a member of a network
	Breached int64             `json:"breached,omitempty"` // when, Unix seconds
}

// What is written down of a party's evidence is bounded, as it is written anew with each of its failures: so many lines,
// the last ones, and so many bytes of each.
const (
	maxRememberedLines = 16
	maxRemembered      = 512
)

// notebook is what changed in an engine since it was asked last. Without a keeper nothing is noted.
type notebook struct {
	on      bool
	changed map[string]bool // keys of counters and offenders
	members []Memory
}

func (n *notebook) change(id string) {
	if n.on {
		n.changed[id] = true
	}
}

func (n *notebook) breach(m Memory) {
	if n.on && m.Member.IsValid() {
		n.members = append(n.members, m)
	}
}

// Note begins to note changes, for Changes.
func (e *Engine) Note() { e.notes = notebook{on: true, changed: map[string]bool{}} }

// Changes calls tell with everything that changed since the last call, and forgets it.
func (e *Engine) Changes(tell func(*Memory)) {
	for id := range e.notes.changed {
		m := e.memory(id)
		tell(&m)
	}
	for i := range e.notes.members {
		tell(&e.notes.members[i])
	}
	clear(e.notes.changed)
	e.notes.members = e.notes.members[:0]
}

// All calls tell with everything that the engine remembers, those silent longest first.
func (e *Engine) All(tell func(*Memory)) {
	for _, id := range e.offenders.order {
		if _, failing := e.counters.of[id]; !failing && e.offenders.of[id].bans > 0 {
			m := e.memory(id)
			tell(&m)
		}
	}
	for c := e.counters.oldest; c != nil; c = c.next {
		m := e.memory(c.id)
		tell(&m)
	}
	for _, members := range e.crowds.of {
		for _, b := range members {
			tell(&Memory{Jail: e.limits.Jail, Member: b.prefix, Breached: b.at})
		}
	}
}

// memory is how a party stands.
func (e *Engine) memory(id string) Memory {
	known := e.offenders.of[id]
	m := Memory{Jail: e.limits.Jail, ID: id, Bans: known.bans, Banned: known.at, Seconds: known.seconds}
	if c, ok := e.counters.of[id]; ok {
		m.Count, m.Failures, m.First, m.Last, m.Fields = c.count, c.failures, c.first, c.last, c.fields
		m.Matches = Remembered(c.matches)
	}
	return m
}

// Remembered returns lines of evidence as they are written down: the last of them, each up to a bound.
func Remembered(lines []string) []string {
	lines = slices.Clone(lines[max(len(lines)-maxRememberedLines, 0):])
	for i, text := range lines {
		lines[i] = text[:min(len(text), maxRemembered)]
	}
	return lines
}

// Recall puts a memory in the place of what the engine has of its party. Failures older than the window at now are not
// taken up.
func (e *Engine) Recall(m *Memory, now int64) {
	if m.Member.IsValid() {
		if m.Breached+e.limits.Crowd.Window >= now {
			e.crowds.breached(m.Member, m.Breached)
		}
		return
	}
	if c, ok := e.counters.of[m.ID]; ok {
		e.counters.drop(c)
	}
	if m.Count > 0 && m.Last+e.limits.Window >= now {
		c := e.counters.get(m.ID, m.Last)
		c.count, c.failures, c.first, c.matches, c.fields = m.Count, m.Failures, m.First, m.Matches, m.Fields
	}
	if m.Bans > 0 {
		e.offenders.banned(m.ID, offence{m.Bans, m.Banned, m.Seconds})
	}
}
