package rules

import (
	"picket/rules/expression"
)

// The bounds of connections that span lines; the first two are fail2ban's and results depend on them.
const (
	maxSessions    = 100
	sessionSeconds = 5 * 60
	maxUsers       = 64 // of one connection
	maxMatches     = 64 // lines kept of one connection
)

// record is what the lines of one connection (or a single line) have told.
type record struct {
	fields  expression.Fields
	users   []string
	matches []string // lines that count
	quiet   []string // lines that count once the connection fails
	dropped int      // lines that counted and are not kept
	pending bool     // a failure that waits for an address
	told    []Group  // what the first line has told, if it was tried (Judge.Try)
}

func (r *record) addUser(user string) {
	if user == "" || len(r.users) >= maxUsers {
		return
	}
	for _, u := range r.users {
		if u == user {
			return
		}
	}
	r.users = append(r.users, user)
}

// keep adds lines within the bound.
func (r *record) keep(lines ...string) {
	for _, l := range lines {
		if len(r.matches) >= maxMatches {
			r.dropped++
			continue
		}
		r.matches = append(r.matches, l)
	}
}

// sessions remembers connections by the text of <F-MLFID>, the oldest first to go. Setting one anew does not make it younger.
type sessions struct {
	of      map[string]session
	order   []string
	cleaned int64 // Unix seconds: nothing else can have expired in this second
}

type session struct {
	record  *record
	expires int64 // Unix seconds
}

func (s *sessions) get(id string, now int64) *record {
	have, ok := s.of[id]
	if !ok {
		return nil
	}
	if have.expires <= now {
		s.drop(id)
		return nil
	}
	return have.record
}

func (s *sessions) drop(id string) {
	if _, ok := s.of[id]; !ok {
		return
	}
	delete(s.of, id)
	for i, o := range s.order {
		if o == id {
			s.order = append(s.order[:i], s.order[i+1:]...)
			return
		}
	}
}

// put adds a connection; it returns how many others had to go that had not expired.
func (s *sessions) put(id string, r *record, now int64) (evicted uint64) {
	if s.of == nil {
		s.of = map[string]session{}
	}
	if len(s.of) >= maxSessions && s.cleaned != now {
		s.expire(now)
		s.cleaned = now
	}
	if _, known := s.of[id]; !known {
		for len(s.of) >= maxSessions {
			s.drop(s.order[0])
			evicted++
		}
		s.order = append(s.order, id)
	}
	s.of[id] = session{r, now + sessionSeconds}
	return evicted
}

func (s *sessions) expire(now int64) {
	kept := s.order[:0]
	for _, id := range s.order {
		if s.of[id].expires <= now {
			delete(s.of, id)
			continue
		}
		kept = append(kept, id)
	}
	s.order = kept
}

// merge joins a line to its connection and returns the connection's record. Lines that are no failure by themselves
// (nofail) wait there; they count when the connection shows a second user, or a failure whose address was not known yet.
// A login that succeeds (mlfgained) forgives what is pending; the end of the connection (mlfforget) drops it.
func (j *Judge) merge(id string, line *record, from source) *record {
	gained := line.fields.Get("mlfgained") != ""
	quiet := gained || line.fields.Get("nofail") != ""
	if gained && line.fields.Get("nofail") == "" {
		line.fields.Set("nofail", line.fields.Get("mlfgained"))
	}
	forget := line.fields.Get("mlfforget") != ""
	line.fields.Delete("mlfforget")
	now := j.detector.Clock.Now.Unix()
	r := line
	if known := j.sessions.get(id, now); known != nil {
		known.absorb(line, gained)
		r = known
		if forget {
			j.sessions.drop(id)
		}
	} else if !forget {
		r = line.lasting()
		r.addUser(r.fields.Get("user"))
		j.Count.Sessions += j.sessions.put(id, r, now)
	}
	if r.pending || len(r.users) > 1 {
		r.pending, quiet, gained = false, false, false
		r.fields.Delete("nofail")
		r.fields.Delete("mlfgained")
	}
	r.count(from, quiet, gained, forget)
	return r
}

// lasting copies a record whose fields are the judge's.
func (r *record) lasting() *record {
	c := *r
	c.fields = append(make(expression.Fields, 0, len(r.fields)+2), r.fields...)
	return &c
}

// absorb overwrites a connection's fields with a new line's.
func (r *record) absorb(line *record, gained bool) {
	r.addUser(line.fields.Get("user"))
	waited := r.fields.Get("nofail") != "" || r.fields.Get("mlfgained") != ""
	r.fields.Delete("nofail")
	r.fields.Delete("mlfgained")
	if gained {
		r.pending = false
	}
	if !waited && !r.pending {
		r.matches, r.dropped = nil, 0 // these were reported
	}
	for _, f := range line.fields {
		r.fields.Set(f.Name, f.Text)
	}
}

// count adds the lines to those that count or to those that wait.
func (r *record) count(from source, quiet, gained, forget bool) {
	switch {
	case !quiet:
		counted := r.matches
		r.matches = nil
		r.keep(r.quiet...)
		r.quiet = nil
		r.keep(counted...)
		if !gained {
			r.keep(from.texts()...)
		}
	case !forget && len(r.quiet) < maxMatches:
		r.quiet = append(r.quiet, from.texts()...)
	}
}
