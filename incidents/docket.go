package incidents

import (
	"net/netip"
	"slices"
	"time"
)

// Bounds of what a case lists. What is over them is counted in Unlisted, and in Suppressed for its timeline.
const (
	maxParties   = 64 // attackers; victims; users; processes; files
	maxRules     = 32
	maxTags      = 32
	maxComms     = 16
	maxEntries   = 1000    // lines of a timeline that findings write; operators and measures may always
	maxProofs    = 64      // pieces of evidence
	maxProof     = 4 << 20 // bytes of evidence
	maxKeys      = 512     // of one case in the index
	maxSeen      = 256     // repeats that are told apart
	quietRepeat  = time.Second
	noteRepeat   = time.Minute
	maxNote      = 4096 // bytes of an operator's note
	maxFindText  = 1024 // bytes of a finding's text
	maxFindLists = 16   // tags of a finding
)

// docket is a case in memory: the incident and what is needed to let it grow. It belongs to the casebook.
//
// The incident's lists are shared with the snapshots that were handed out: they are never changed in place, only
// replaced or appended to beyond their end.
type docket struct {
	Incident
	worst  Severity        // of its findings
	lead   string          // name of its worst rule
	surest map[Stage]uint8 // the best confidence of each stage
	seen   map[sight]sighted
	begun  time.Time // when seen was empty
	keys   []key     // of the index
	heard  time.Time
	lent   bool            // a snapshot was handed out since Rules was copied
	dirty  bool            // counts have changed that the journal does not have
	broken map[string]bool // subjects of deviations that are not repaired
	crowd  key             // what it counts for among the cases that one rule opens against one victim
}

// sight is what makes findings repeats of each other.
type sight struct {
	rule, effect string
	attacker     netip.Addr
}

type sighted struct{ told, noted time.Time }

func newDocket(id ID, f *Finding, now time.Time) *docket {
	return &docket{
		Incident: Incident{ID: id, State: Open, Opened: f.Time, Updated: f.Time, Host: f.Host},
		surest:   map[Stage]uint8{}, seen: map[sight]sighted{}, heard: now,
	}
}

// remember makes a docket of a case that the journal has kept.
func remember(c Incident, now time.Time) *docket {
	d := &docket{Incident: c, surest: map[Stage]uint8{}, seen: map[sight]sighted{}, heard: c.Updated}
	for i := range c.Rules {
		d.weigh(&c.Rules[i])
	}
	if d.heard.After(now) {
		d.heard = now
	}
	return d
}

// take lets the case grow by a finding and tells whether it brings anything new.
func (d *docket) take(f *Finding, now time.Time) (novel bool) {
	d.heard = now
	d.Findings += 1 + f.Repeats
	if f.Time.After(d.Updated) {
		d.Updated = f.Time
	}
	if f.Time.Before(d.Opened) {
		d.Opened = f.Time
	}
	if d.Host == "" {
		d.Host = f.Host
	}
	alone := d.Unlisted == 0
	novel = d.parties(f)
	novel = d.step(f) || novel
	novel = d.rule(f) || novel
	for _, t := range f.Tags {
		novel = list(&d.Tags, t, maxTags, &d.Unlisted) || novel
	}
	if f.CommunityID != "" && len(d.Communities) < maxComms { // of a flood's flows the first ones are enough
		list(&d.Communities, f.CommunityID, maxComms, &d.Unlisted)
	}
	novel = novel || alone && d.Unlisted > 0 // from now on there are more than it lists
	if novel {
		d.gauge()
	}
	d.dirty = true
	return novel
}

// parties notes who is in it.
func (d *docket) parties(f *Finding) (novel bool) {
	if f.Attacker.Addr.IsValid() {
		novel = list(&d.Attackers, f.Attacker.Addr, maxParties, &d.Unlisted)
	}
	if f.Victim.Addr.IsValid() {
		named := f.Victim.Port == 0 && slices.ContainsFunc(d.Victims, func(v Endpoint) bool { return v.Addr == f.Victim.Addr })
		novel = !named && list(&d.Victims, f.Victim, maxParties, &d.Unlisted) || novel
	}
	if f.User != "" {
		novel = list(&d.Users, f.User, maxParties, &d.Unlisted) || novel
	}
	if f.File != "" {
		novel = list(&d.Files, f.File, maxParties, &d.Unlisted) || novel
	}
	if f.Process != nil {
		novel = list(&d.Processes, *f.Process, maxParties, &d.Unlisted) || novel
	}
	return novel
}

// list adds what is not listed yet and tells whether it did; over the bound it is counted.
func list[T comparable](to *[]T, v T, most int, unlisted *uint64) bool {
	if slices.Contains(*to, v) {
		return false
	}
	if len(*to) >= most {
		*unlisted++
		return false
	}
	*to = append(slices.Clip(*to), v)
	return true
}

// step notes how far the intrusion has come.
func (d *docket) step(f *Finding) (novel bool) {
	novel = d.weigh(&RuleCount{Rule: f.Rule, Severity: f.Severity, Confidence: f.Confidence, Stage: f.Stage})
	if f.Stage != NoStage && !slices.Contains(d.Stages, f.Stage) {
		d.Stages, novel = append(slices.Clip(d.Stages), f.Stage), true
	}
	return novel
}

// weigh lets a rule count for severity and confidence.
func (d *docket) weigh(r *RuleCount) (novel bool) {
	if r.Severity > d.worst || d.lead == "" {
		d.worst, d.lead, novel = r.Severity, r.Name, true
	}
	if r.Confidence > d.surest[r.Stage] {
		d.surest[r.Stage], novel = r.Confidence, true
	}
	return novel
}

// rule counts the finding for its rule.
func (d *docket) rule(f *Finding) (novel bool) {
	if d.lent { // the snapshots keep their counts
		d.Rules, d.lent = slices.Clone(d.Rules), false
	}
	for i := range d.Rules {
		r := &d.Rules[i]
		if r.ID == f.Rule.ID && r.Kind == f.Kind {
			r.Count += 1 + f.Repeats
			r.Last = f.Time
			return false
		}
	}
	if len(d.Rules) >= maxRules {
		d.Unlisted++
		return false
	}
	d.Rules = append(d.Rules, RuleCount{
		Rule: f.Rule, Kind: f.Kind, Jail: f.Jail, Severity: f.Severity, Confidence: f.Confidence, Stage: f.Stage,
		Count: 1 + f.Repeats, First: f.Time, Last: f.Time,
	})
	return true
}

// snapshot is the incident as it is now, for others to keep.
func (d *docket) snapshot() Incident {
	d.lent = true
	return d.Incident
}

// repeated tells whether a finding that brings nothing new is to be told as an event, and written into the timeline:
// the first of its kind, then one a second and one a minute.
func (d *docket) repeated(f *Finding, now time.Time) (tell, note bool) {
	s := sight{f.Rule.ID, f.Effect, f.Attacker.Addr}
	last, known := d.seen[s]
	if now.Sub(d.begun) >= noteRepeat && len(d.seen) >= maxSeen {
		clear(d.seen)
		d.begun, known = now, false
	}
	if !known && len(d.seen) >= maxSeen {
		return true, false // too many to remember: policies must hear of each attacker
	}
	tell = now.Sub(last.told) >= quietRepeat || f.Ban != nil
	note = now.Sub(last.noted) >= noteRepeat
	if tell {
		last.told = now
	}
	if note {
		last.noted = now
	}
	d.seen[s] = last
	return tell, note
}

// furthest is the latest stage that was seen.
func (d *docket) furthest() Stage {
	if len(d.Stages) == 0 {
		return NoStage
	}
	return slices.Max(d.Stages)
}

// admit bounds a piece of evidence and tells whether the case has room for it.
func (d *docket) admit(e *Evidence) bool {
	if len(e.Data) > MaxEvidence {
		e.Data = e.Data[:MaxEvidence]
	}
	if d.Proofs >= maxProofs || d.ProofBytes+int64(len(e.Data)) > maxProof {
		return false
	}
	d.Proofs++
	d.ProofBytes += int64(len(e.Data))
	return true
}
