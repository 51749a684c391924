package shell

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"

	"picket/rules"
)

// Runner runs the commands of one jail, in order, in a goroutine of its own.
type Runner struct {
	// Allowed is asked right before every command that acts on a party, and with the zero prefix before an action is
	// started: the gate. Its error says why nothing is run.
	Allowed func(netip.Prefix) error
	// Tell is told what fail2ban would log, in its words.
	Tell func(level, text string)
	// Lookup answers the tags ip-host and fq-hostname; nil leaves them as they are.
	Lookup func(name string, a netip.Addr) string
	// Count answers the tags jail.banned, jail.banned_total, jail.found and jail.found_total; nil leaves them.
	Count func(name string) (uint64, bool)

	jail    string
	actions []*action
	checked time.Time       // when the environments were looked at the last time
	acted   map[string]bool // IDs for which the commands were run: only those are unbanned
	mu      sync.Mutex
	queue   []job
	lost    uint64
	wake    chan struct{}
	closed  bool
	over    chan struct{}
}

// job is something to be done about one ban.
type job struct {
	ticket rules.Ticket
	kind   jobKind
}

type jobKind uint8

const (
	jobBan jobKind = iota
	jobUnban
	jobProlong
	jobCheck
)

// maxJobs bounds what waits for slow commands; more is counted and told, not run.
const maxJobs = 100_000

// New returns the runner of a jail's actions, those that are commands. Start lets it work.
func New(jail string, list []rules.Action) *Runner {
	r := &Runner{jail: jail, acted: map[string]bool{}, wake: make(chan struct{}, 1), over: make(chan struct{})}
	for i := range list {
		r.actions = append(r.actions, newAction(jail, &list[i]))
	}
	return r
}

// Start lets the runner work once before is closed, which may be nil: first it starts the actions that don't wait for
// their first ban.
func (r *Runner) Start(before <-chan struct{}) {
	go func() {
		defer close(r.over)
		if before != nil {
			<-before
		}
		r.run()
	}()
}

// Ban queues the commands for a party that is banned.
func (r *Runner) Ban(t rules.Ticket) { r.put(job{ticket: t}) }

// Unban queues the commands for the end of a ban.
func (r *Runner) Unban(t rules.Ticket) { r.put(job{ticket: t, kind: jobUnban}) }

// Prolong queues the commands for a ban that lasts longer than its commands were told, or than the jail's bans do: those
// actions that have an actionprolong.
func (r *Runner) Prolong(t rules.Ticket) { r.put(job{ticket: t, kind: jobProlong}) }

// Check queues a look at the actions' environments, since somebody fails whose ban stands. Where one is gone it is made anew,
// and the party is banned in it again, by actionreban if the action has that.
func (r *Runner) Check(t rules.Ticket) { r.put(job{ticket: t, kind: jobCheck}) }

func (r *Runner) put(j job) {
	r.mu.Lock()
	full := len(r.queue) >= maxJobs
	if full {
		r.lost++
	} else if !r.closed {
		r.queue = append(r.queue, j)
	}
	lost := r.lost
	r.mu.Unlock()
	if full && lost&(lost-1) == 0 { // told at 1, 2, 4, 8 …
		r.tell("ERROR", fmt.Sprintf("commands are too slow: %d bans wait, %d had to be left out", maxJobs, lost))
	}
	r.signal()
}

func (r *Runner) signal() {
	select {
	case r.wake <- struct{}{}:
	default:
	}
}

// Stop has the runner undo what its actions have done (actionflush, or actionunban of each party) and stop them; bans
// that still wait are left out. It returns at once; the channel is closed when all is over. The bans of the ledger stand.
func (r *Runner) Stop() <-chan struct{} {
	r.mu.Lock()
	r.closed = true
	r.mu.Unlock()
	r.signal()
	return r.over
}

func (r *Runner) run() {
	r.begin()
	tickets := map[string]rules.Ticket{}
	for {
		j, closed, ok := r.next()
		switch {
		case ok && !(closed && j.kind != jobUnban):
			r.do(&j, tickets)
		case ok: // a ban that would be undone at once
		case closed:
			r.end(tickets)
			return
		default:
			<-r.wake
		}
	}
}

// next takes the next job off the queue.
func (r *Runner) next() (j job, closed, ok bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.queue) == 0 {
		r.queue = nil
		return job{}, r.closed, false
	}
	j = r.queue[0]
	r.queue = r.queue[1:]
	return j, r.closed, true
}

// begin starts what is not started on demand. In observe mode nothing is.
func (r *Runner) begin() {
	if r.Allowed(netip.Prefix{}) != nil {
		return
	}
	for _, a := range r.actions {
		for _, family := range a.families {
			if a.onDemand {
				continue
			}
			if err := r.start(a, family); err != nil {
				r.tell("ERROR", fmt.Sprintf("Failed to start jail '%s' action '%s': %v", r.jail, a.name, err))
			}
		}
	}
}

func (r *Runner) do(j *job, tickets map[string]rules.Ticket) {
	id := j.ticket.ID
	if j.kind == jobUnban {
		if r.acted[id] {
			r.each(&j.ticket, "unban")
			delete(r.acted, id)
			delete(tickets, id)
		}
		return
	}
	if err := r.Allowed(j.ticket.Prefix); err != nil {
		r.tell("INFO", fmt.Sprintf("no commands for %s: %v", id, err))
		return
	}
	switch j.kind {
	case jobBan:
		r.acted[id] = true
		tickets[id] = j.ticket
		r.each(&j.ticket, "ban")
	case jobProlong:
		if r.acted[id] {
			tickets[id] = j.ticket
			r.prolong(&j.ticket)
		}
	case jobCheck:
		if r.acted[id] {
			r.check(&j.ticket)
		}
	}
}

// each runs one operation of every action for a party.
func (r *Runner) each(t *rules.Ticket, operation string) {
	dynamic := r.values(t)
	for _, a := range r.actions {
		if t.Restored && a.noRestored {
			continue
		}
		family := a.startedAs(familyOf(t))
		err := error(nil)
		if operation == "ban" {
			err = r.start(a, family)
			a.banned[family] = true
			a.epochOf[t.ID] = a.epoch
		} else {
			delete(a.epochOf, t.ID)
		}
		if err == nil {
			err = r.operate(a, "action"+operation, familyOf(t), dynamic)
		}
		if err != nil {
			r.tell("ERROR", fmt.Sprintf("Failed to execute %s jail '%s' action '%s': %v", operation, r.jail, a.name, err))
		}
	}
}

// prolong tells the actions that want to know that a ban lasts longer.
func (r *Runner) prolong(t *rules.Ticket) {
	dynamic := r.values(t)
	for _, a := range r.actions {
		if text, _ := a.option("actionprolong", familyOf(t)); strings.TrimSpace(text) == "" || t.Restored && a.noRestored {
			continue
		}
		if err := r.operate(a, "actionprolong", familyOf(t), dynamic); err != nil {
			r.tell("ERROR", fmt.Sprintf("Failed to execute ban jail '%s' action '%s': %v", r.jail, a.name, err))
		}
	}
}

// checkEvery is how often the environments are looked at.
const checkEvery = 3 * time.Second

// check looks at the environments of the actions, and bans a party again in those that were made anew since its ban.
func (r *Runner) check(t *rules.Ticket) {
	look := time.Since(r.checked) > checkEvery
	if look {
		r.checked = time.Now()
	}
	dynamic := r.values(t)
	for _, a := range r.actions {
		if look {
			r.invariants(a)
		}
		if a.epochOf[t.ID] == a.epoch || t.Restored && a.noRestored {
			continue
		}
		a.epochOf[t.ID] = a.epoch
		r.tell("NOTICE", fmt.Sprintf("Reban %s, action '%s'", t.ID, a.name))
		operation := "actionreban"
		if text, _ := a.option(operation, familyOf(t)); strings.TrimSpace(text) == "" {
			operation = "actionban"
		}
		if err := r.operate(a, operation, familyOf(t), dynamic); err != nil {
			r.tell("ERROR", fmt.Sprintf("Failed to execute reban jail '%s' action '%s': %v", r.jail, a.name, err))
		}
	}
}

// invariants runs the check of an action's started environments and makes those anew that are gone.
func (r *Runner) invariants(a *action) {
	for _, family := range a.families {
		check, err := a.compose("actioncheck", family, r.environment(family))
		if err != nil || check.text == "" || !a.started[family] || execute(check, a.timeout) == nil {
			continue
		}
		r.tell("ERROR", "Invariant check failed. Trying to restore a sane environment")
		if err := r.restore(a, family); err != nil {
			r.tell("CRITICAL", "Unable to restore environment")
		}
	}
}

// end undoes what every action has done, and stops them, the last one first.
func (r *Runner) end(tickets map[string]rules.Ticket) {
	for _, a := range r.actions {
		r.undo(a, tickets)
	}
	for _, a := range slices.Backward(r.actions) {
		for _, family := range r.distinct(a, "actionstop") {
			if err := r.operate(a, "actionstop", family, r.environment(family)); err != nil {
				r.tell("ERROR", fmt.Sprintf("Failed to stop jail '%s' action '%s': %v", r.jail, a.name, err))
			}
		}
		clear(a.started)
	}
}

// undo flushes an action's bans, or takes each back where it has no actionflush.
func (r *Runner) undo(a *action, tickets map[string]rules.Ticket) {
	for _, family := range r.distinct(a, "actionflush") {
		if err := r.operate(a, "actionflush", family, r.environment(family)); err != nil {
			r.tell("ERROR", fmt.Sprintf("Failed to flush bans in jail '%s' action '%s': %v", r.jail, a.name, err))
		}
	}
	for _, t := range tickets {
		family := a.startedAs(familyOf(&t))
		flush, _ := a.option("actionflush", family)
		if flush != "" || !a.started[family] || !a.banned[family] || t.Restored && a.noRestored {
			continue
		}
		if err := r.operate(a, "actionunban", familyOf(&t), r.values(&t)); err != nil {
			r.tell("ERROR", fmt.Sprintf("Failed to execute unban jail '%s' action '%s': %v", r.jail, a.name, err))
		}
	}
}

// distinct are the families for which an action is started and has something else to run than for the family before.
func (r *Runner) distinct(a *action, operation string) (families []string) {
	var last string
	for _, family := range a.families {
		if !a.started[family] {
			continue
		}
		c, err := a.compose(operation, family, r.environment(family))
		if len(families) == 0 || err != nil || c.text != last {
			families = append(families, family)
		}
		last = c.text
	}
	return families
}

func (r *Runner) tell(level, text string) {
	if r.Tell != nil {
		r.Tell(level, text)
	}
}
