package measure

import (
	"cmp"
	"fmt"
	"time"

	"picket/incidents"
)

// told tells the case, and the log, what a measure has come to.
func (d *Desk) told(l *life) {
	if d.stats.Moved == nil {
		d.stats.Moved = map[State]uint64{}
	}
	d.stats.Moved[l.State]++
	d.o.Log.Info("measure", "id", l.ID, "name", l.Name, "state", string(l.State), "target", l.Target, "incident", l.Incident, "by", l.By)
	if d.o.Told != nil {
		d.o.Told(&l.Measure)
	}
	if l.Incident == 0 || d.o.Cases == nil || l.State == InProcess && l.DeniedBy == "" { // what it comes to follows
		return
	}
	evidence := l.result
	l.result = nil
	if l.Output.Text != "" && !l.shown {
		l.shown = true
		evidence = append(evidence, incidents.Evidence{
			Time: d.now().UTC(), Kind: "output", Name: fmt.Sprintf("measure %d: %s", l.ID, l.Name), Type: l.Output.Type,
			Data: []byte(l.Output.Text[:min(len(l.Output.Text), incidents.MaxEvidence)]),
		})
	}
	d.o.Cases.Moved(l.Incident, incidents.Entry{Time: d.now().UTC(), Kind: "measure", By: l.actor(), Text: l.Sentence()}, evidence)
}

// Word is the state, with who has brought it about where that was a person: "approved by alice".
func (m *Measure) Word() string {
	switch {
	case m.State == Pending && m.Approved != "" && m.Approved != m.By:
		return "approved by " + m.Approved
	case m.State == Denied && m.DeniedBy != "":
		return m.Error
	case m.State == InProcess && m.DeniedBy != "":
		return "being stopped, " + m.Error
	case m.State == Lifted:
		return "lifted by " + m.LiftedBy
	}
	return string(m.State)
}

// Next is what an operator can do about a measure now; "" when it is over.
func (m *Measure) Next() string {
	switch m.State {
	case PendingApproval:
		return fmt.Sprintf("picket approve %d lets it happen, picket deny %d does not", m.ID, m.ID)
	case Pending:
		return fmt.Sprintf("picket deny %d ends it before %s", m.ID, m.Due.Format(time.RFC3339))
	case InProcess:
		return fmt.Sprintf("picket deny %d stops it", m.ID)
	case Active:
		return fmt.Sprintf("picket lift %d ends it", m.ID)
	}
	return ""
}

// Changed is when a measure came to its state, as far as it is known.
func (m *Measure) Changed() time.Time {
	switch {
	case m.State == Lifted || m.State == Expired:
		return m.Until
	case !m.Ended.IsZero():
		return m.Ended
	case !m.Started.IsZero():
		return m.Started
	}
	return m.Created
}

// actor is who has brought the state about.
func (m *Measure) actor() string {
	switch m.State {
	case Pending:
		return cmp.Or(m.Approved, m.By)
	case Denied, InProcess:
		return cmp.Or(m.DeniedBy, m.By)
	case Lifted:
		return m.LiftedBy
	}
	return m.By
}

// Sentence says in one line what a measure has come to.
func (m *Measure) Sentence() string {
	text := fmt.Sprintf("measure %d: %s", m.ID, m.Name)
	if m.Target != "" {
		text += " " + m.Target
	}
	text += ": " + m.Word()
	switch {
	case m.State == PendingApproval && m.Ask != "":
		text += ": " + m.Ask
	case m.State == Active && !m.Until.IsZero():
		text += " until " + m.Until.Format(time.RFC3339)
		if m.Proof != "" {
			text += ": " + m.Proof
		}
	case m.State == Lifted, m.DeniedBy != "" && (m.State == Denied || m.State == InProcess):
	case m.Error != "":
		text += ": " + m.Error
	case m.Proof != "":
		text += ": " + m.Proof
	}
	return text
}
