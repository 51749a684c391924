package notify

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"
)

// line is what waits for one receiver.
type line struct {
	waiting []*Message // in order
	sending bool       // the first that may go is on its way
	tries   int        // in a row that have failed
	after   time.Time  // the receiver is not tried before
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
