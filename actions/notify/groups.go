package notify

import (
	"time"

	"picket/actions/measure"
	"picket/incidents"
)

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
	first    *Message  // that gathers findings until its time: it is in the queue, and on disk, from the start
	due      time.Time // of a repeat; zero: nothing new
	whole    bool      // it was told of as another that turned out to be part of it
	told     time.Time // when the last message went into the queue; zero: never
	// failed is when it was told last that a measure of a name came to nothing. The same again within the repeat interval
	// is not news, and may be what telling of it has brought about.
	failed map[string]time.Time
}

// news tells whether a measure's state is worth a message.
func (n *Notifier) news(g *group, m *measure.Measure) bool {
	if m.State != measure.Error && m.State != measure.Skipped && (m.State != measure.Denied || m.DeniedBy != "") {
		return true
	}
	what, now := m.Name+" "+string(m.State), n.now()
	if last, told := g.failed[what]; told && (n.config.Repeat <= 0 || now.Sub(last) < n.config.Repeat) {
		return false
	}
	if g.failed == nil {
		g.failed = map[string]time.Time{}
	}
	g.failed[what] = now
	return true
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
	g.incident, g.findings, g.whole = *i, g.findings+1, false
	if extra != "" {
		g.extra = extra
	}
	switch {
	case g.first != nil:
		g.first.about(i, g.findings, g.extra)
		n.write(g.first)
	case !g.due.IsZero(): // a repeat waits already
	case g.told.IsZero():
		g.first = opened(i, "incident", g.findings, g.extra)
		n.queue(receiver, g.first, n.now().Add(n.config.GroupWait))
	case n.config.Repeat > 0:
		g.due = g.told.Add(n.config.Repeat)
	}
}

// merge lets those who were told of an incident hear of the measures of the one that it turned out to be part of, in the same
// thread. They were not told of that one: its end is told as the end of the part.
func (n *Notifier) merge(from, into incidents.ID) {
	n.threads.join(from, into)
	for _, name := range n.config.Names() {
		g, told := n.groups[key{name, from}]
		if _, known := n.groups[key{name, into}]; !told || known {
			continue
		}
		if len(n.groups) >= maxGroups {
			n.forget()
		}
		whole := &group{incident: g.incident, whole: true}
		whole.incident.ID = into
		n.groups[key{name, into}], n.changed = whole, true
	}
}

// gone notes that a message leaves: it gathers no more.
func (n *Notifier) gone(m *Message) {
	k := key{m.Receiver, incidentOf(m)}
	if g := n.groups[k]; g != nil && g.first == m {
		g.first, g.told, g.findings, g.extra = nil, n.now(), 0, ""
		n.changed = true
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

// due repeats incidents that have grown, or are open still.
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
	i := g.incident
	n.queue(k.receiver, opened(&i, "repeat", g.findings, g.extra), n.now())
	g.told, g.due, g.findings, g.extra = n.now(), time.Time{}, 0, ""
	n.changed = true
}

// resolve ends a group: nobody is told of a resolution who was not told of the incident.
func (n *Notifier) resolve(k key, g *group) {
	r := n.config.Receivers[k.receiver]
	if g.first != nil {
		g.first.After = r.heldUntil(g.first.Severity, n.now())
		n.gone(g.first)
	}
	if r.resolved() && !g.told.IsZero() {
		i := g.incident
		n.queue(k.receiver, resolved(&i), n.now())
	}
	delete(n.groups, k)
	n.changed = true
}
