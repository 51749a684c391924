package sensor

import (
	"context"
	"fmt"
	"sync"
	"time"

	"picket/actions"
	"picket/actions/measure"
	"picket/actions/ruleset"
	"picket/actions/shape"
	"picket/incidents"
)

// A deviation is a difference between what a measure or a ban wants and what is there. It is counted (picket status), told
// in the log, in picket why, and as a finding: those that one program has caused are one incident, which is resolved when
// everything is in force again.

// causes remembers who has caused a deviation that is not repaired yet: its repair must find the same incident.
type causes struct {
	mu   sync.Mutex
	of   map[string]string // by subject
	last map[string]string // the last deviation of each subject, in words
}

// maxCauses bounds the subjects that are remembered. Of one beyond it the repair may open an incident of its own, and why
// does not tell of it.
const maxCauses = 1024

// of the subject's deviation: who did it, else the subject itself.
func (c *causes) find(subject, by string, repaired bool) string {
	c.mu.Lock()
	defer c.mu.Unlock()
	cause, known := c.of[subject]
	switch {
	case known:
	case by != "":
		cause = "changed by " + by
	default:
		cause = subject
	}
	if repaired {
		delete(c.of, subject)
	} else if len(c.of) < maxCauses {
		if c.of == nil {
			c.of = map[string]string{}
		}
		c.of[subject] = cause
	}
	return cause
}

// tells keeps the last deviation of a subject for those who ask why.
func (c *causes) tells(subject, text string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.last == nil {
		c.last = map[string]string{}
	}
	if _, known := c.last[subject]; known || len(c.last) < maxCauses {
		c.last[subject] = text
	}
}

// told is the last deviation of a subject, "" for none in this run.
func (c *causes) told(subject string) string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.last[subject]
}

// subjectOf names a measure as the subject of a deviation.
func subjectOf(id measure.ID) string { return fmt.Sprintf("measure %d", id) }

// deviationFinding is a deviation as a case sees it.
func (s *Sensor) deviationFinding(subject, by, failed string) *incidents.Finding {
	f := &incidents.Finding{
		Time: time.Now().UTC(), Kind: incidents.Deviation, Severity: incidents.Medium, Confidence: 90, Host: s.host,
		Drift: &incidents.Drift{Subject: subject, Cause: s.causes.find(subject, by, failed == ""), Repaired: failed == ""},
	}
	if failed != "" {
		f.Severity = incidents.High
	}
	return f
}

// deviated tells of a measure that has lost its effect.
func (s *Sensor) deviated(v *measure.Deviation) {
	failed := ""
	if v.Failed != nil {
		failed = v.Failed.Error()
	}
	f := s.deviationFinding(subjectOf(v.Measure.ID), v.By, failed)
	f.Rule = incidents.Rule{ID: "measure:" + v.Measure.Name, Name: "a measure has lost its effect"}
	f.Text = v.String()
	s.causes.tells(subjectOf(v.Measure.ID), f.Time.Format(time.RFC3339)+" "+f.Text)
	s.book.Offer(f)
}

// repaired tells of bans that the kernel did not hold as it should. The responder calls it.
func (s *Sensor) repaired(d actions.Damage) {
	f := s.deviationFinding("bans", d.By, d.Failed)
	f.Rule = incidents.Rule{ID: "measure:ban", Name: "bans were taken out of the kernel"}
	f.Text = d.What + "; restored"
	if d.Failed != "" {
		f.Text = d.What + "; not restored: " + d.Failed
	}
	s.book.Offer(f)
}

// watchShapes has a measure proven at once whose table another program has changed.
func (s *Sensor) watchShapes(ctx context.Context) {
	shape.Watch(ctx, s.bansPort, s.log, func(id measure.ID, c *ruleset.Change) { s.desk.Suspect(id, c.Text(), c.By.Name) })
}
