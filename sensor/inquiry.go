package sensor

import (
	"context"

	"picket/rules"
)

// Some failures can't be judged at once: a name server must be asked for the addresses of a host name (usedns, names in
// ignoreip), or a command of the administrator's whether the party is to be ignored. Such a failure is held, somebody else
// asks, and the judge goes on with other lines:
//
//   - Failures of one party stay in order: while one is held, the next ones wait behind it.
//   - Held failures are written down with the position behind their lines: kill -9 loses none, and none counts twice.
//   - At most maxHeld are held. Then the judge waits for an answer, and the lines wait in their files.

const (
	maxHeld   = 1024
	maxAskers = 8 // inquiries at once
)

// inquiries are the failures of all jails that are held. The judge owns them.
type inquiries struct {
	held    map[heldKey][]*heldFailure // by party, in order: the first is asked about
	count   int
	last    uint64 // the number of the last
	askers  chan struct{}
	answers chan inquiryAnswer
}

type heldKey struct {
	post *jailPost
	id   string
}

// heldFailure is one of them, as it is written down; without a failure it says that it is judged.
type heldFailure struct {
	Number  uint64         `json:"number"`
	Failure *rules.Failure `json:"failure,omitempty"`
	At      int64          `json:"at,omitempty"` // when its line came, Unix seconds
}

// inquiryAnswer is what was found out about a party: names are in the resolver by then.
type inquiryAnswer struct {
	key      heldKey
	commands map[string]bool // what the ignorecommand has said, by its keys
}

func newInquiries() inquiries {
	return inquiries{held: map[heldKey][]*heldFailure{}, askers: make(chan struct{}, maxAskers), answers: make(chan inquiryAnswer, maxHeld)}
}

// hold takes a failure of a party that must be asked about; false: it can be judged.
func (j *judgeOfLines) hold(post *jailPost, f *rules.Failure, now int64) bool {
	q, key := &j.inquiries, heldKey{post, f.ID}
	if len(q.held[key]) == 0 && !j.sensor.mustAsk(post, f) {
		return false
	}
	for q.count >= maxHeld {
		j.answered(context.Background(), <-q.answers)
	}
	q.last++
	h := &heldFailure{Number: q.last, Failure: f, At: now}
	post.noted(note{Held: h})
	j.wait(key, h)
	return true
}

// wait puts a failure behind those of its party, and has asked about it if it is the first.
func (j *judgeOfLines) wait(key heldKey, h *heldFailure) {
	q := &j.inquiries
	q.held[key] = append(q.held[key], h)
	q.count++
	if len(q.held[key]) == 1 {
		j.inquire(key, h)
	}
}

// inquire asks about one failure in a goroutine of its own, of which few work at once.
func (j *judgeOfLines) inquire(key heldKey, h *heldFailure) {
	q, s, command := &j.inquiries, j.sensor, key.post.command
	f := *h.Failure
	names := key.post.spared.Names(f.ID, f.Addr)
	byName := key.post.isName(&f)
	go func() {
		q.askers <- struct{}{}
		defer func() { <-q.askers }()
		for _, name := range names {
			s.resolver.resolve(name)
		}
		parties := []rules.Failure{f}
		if byName {
			parties = nil
			for _, a := range s.resolver.resolve(f.Host) {
				one := f
				one.Addr, one.ID = a, a.String()
				parties = append(parties, one)
			}
		}
		a := inquiryAnswer{key: key}
		if command != nil {
			a.commands = map[string]bool{}
			for i := range parties {
				a.commands[command.key(&parties[i])] = command.run(&parties[i])
			}
		}
		q.answers <- a
	}()
}

// answered judges a failure about which enough is known now, and those behind it as far as that goes.
func (j *judgeOfLines) answered(ctx context.Context, a inquiryAnswer) {
	post, command := a.key.post, a.key.post.command
	for k, yes := range a.commands {
		if command != nil {
			command.learn(k, yes)
		}
	}
	j.release(ctx, a.key)
	if command != nil {
		for k := range a.commands {
			command.forget(k)
		}
	}
	for list := j.inquiries.held[a.key]; len(list) > 0; list = j.inquiries.held[a.key] {
		if j.sensor.mustAsk(post, list[0].Failure) {
			j.inquire(a.key, list[0])
			return
		}
		j.release(ctx, a.key)
	}
}

// release judges the first failure that is held of a party.
func (j *judgeOfLines) release(ctx context.Context, key heldKey) {
	q, post := &j.inquiries, key.post
	list := q.held[key]
	h := list[0]
	if q.held[key] = list[1:]; len(list) == 1 {
		delete(q.held, key)
	}
	q.count--
	post.noted(note{Held: &heldFailure{Number: h.Number}})
	for b, ok := post.jail.Count(h.Failure, h.At); ok; b, ok = post.jail.More() {
		j.breach(ctx, post, &b)
	}
}

// mustAsk tells whether somebody must be asked before a failure can be judged.
func (s *Sensor) mustAsk(post *jailPost, f *rules.Failure) bool {
	if post.isName(f) {
		if _, fresh := s.resolver.known(f.Host); !fresh {
			return true
		}
		for _, a := range s.resolver.addresses(f.Host) {
			one := *f
			one.Addr, one.ID = a, a.String()
			if s.mustAsk(post, &one) {
				return true
			}
		}
		return false
	}
	for _, name := range post.spared.Names(f.ID, f.Addr) {
		if _, fresh := s.resolver.known(name); !fresh {
			return true
		}
	}
	return post.command != nil && !post.command.fresh(f) && !post.spared.Contains(f.ID, f.Addr)
}

// isName tells whether a failure counts against the addresses of its host name.
func (j *jailPost) isName(f *rules.Failure) bool {
	return j.byName && !f.Addr.IsValid() && f.Host != "" && f.ID == f.Host
}

// resume holds the failures that were held when picket was stopped, in their order.
func (j *judgeOfLines) resume(post *jailPost) {
	for _, h := range post.wasHeld {
		if h != nil && h.Failure != nil {
			j.wait(heldKey{post, h.Failure.ID}, h)
		}
	}
	post.wasHeld = nil
}

// recallHeld takes up what was written down of held failures.
func (j *jailPost) recallHeld(h *heldFailure, q *inquiries) {
	q.last = max(q.last, h.Number)
	if h.Failure != nil {
		j.wasHeld = append(j.wasHeld, h)
		return
	}
	for i, earlier := range j.wasHeld {
		if earlier.Number == h.Number {
			j.wasHeld = append(j.wasHeld[:i], j.wasHeld[i+1:]...)
			return
		}
	}
}

// every appends the held failures of a jail, in order within a party.
func (q *inquiries) every(to []byte, post *jailPost) []byte {
	for _, h := range post.wasHeld {
		to = appendNote(to, &note{Memory: rules.Memory{Jail: post.name}, Held: h})
	}
	for key, list := range q.held {
		for _, h := range list {
			if key.post == post {
				to = appendNote(to, &note{Memory: rules.Memory{Jail: post.name}, Held: h})
			}
		}
	}
	return to
}
