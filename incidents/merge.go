package incidents

import (
	"fmt"
	"slices"
	"time"
)

// Two cases turn out to be one when a finding belongs to both: the address that one knows as attacker holds the process that
// the other one beacons with. The older number stays. It takes the parties, counts, timeline and evidence of the other, which
// is closed and names it; whoever asks for the other's measures or writes into it is led on. Findings may come in any order
// (a log is read late, an alert waits for its process), so a later step may have opened its case before the earlier ones were
// known.

// maxAbsorbed bounds the cases that one case takes in; what would be more stays apart.
const maxAbsorbed = 64

// gather finds all cases that a finding belongs to, the best first; see match for the order.
func (c *Casebook) gather(f *Finding) (list []*docket) {
	if f.Kind == Manual {
		return nil
	}
	add := func(d *docket) {
		if d != nil && c.living(d) && !slices.Contains(list, d) {
			list = append(list, d)
		}
	}
	var buf [8]key
	for _, k := range strongKeys(buf[:0], f) {
		add(c.index[k])
	}
	if d := c.chain(f); len(list) == 0 || d != nil && d.furthest() >= Foothold {
		add(d)
	}
	if len(list) > 0 { // a login of nobody who is known does not explain what a host does
		add(c.unexplained(f))
	}
	return list
}

// first is the case that a finding belongs to best, nil when there is none. Nothing is merged.
func (c *Casebook) first(f *Finding) *docket {
	if list := c.gather(f); len(list) > 0 {
		return list[0]
	}
	return nil
}

// explained finds the case that begins with a late step on a host into which the party of a finding is known to have logged
// in before.
func (c *Casebook) explained(f *Finding) *docket {
	if f.Kind == Login || f.Kind == Manual || f.Stage == NoStage {
		return nil
	}
	for _, login := range c.logins.of(f) {
		if d := c.unexplained(login); d != nil {
			return d
		}
	}
	return nil
}

// headless is how long a case may have been without a beginning that a login explains.
const headless = 24 * time.Hour

// unexplained finds the case that begins with a late step on a host, when f is how somebody got in there before.
func (c *Casebook) unexplained(f *Finding) *docket {
	if f.Stage != Foothold {
		return nil
	}
	for _, k := range []key{{kind: byVictim, addr: f.Victim.Addr}, {kind: byHost, text: f.Host}} {
		d := c.index[k]
		if d == nil || k.kind == byHost && f.Host == "" || !c.living(d) || len(d.Stages) == 0 || slices.Min(d.Stages) < Execution {
			continue
		}
		if after := d.Opened.Sub(f.Time); after >= 0 && after <= headless {
			return d
		}
	}
	return nil
}

// join makes one case of those that a finding belongs to. Operators' cases stay apart: they have said what belongs in them.
func (c *Casebook) join(list []*docket, now time.Time) (into *docket, merged []merger) {
	if len(list) == 0 {
		return nil, nil
	}
	into = slices.MinFunc(list, func(a, b *docket) int { return int(a.ID - b.ID) })
	for _, d := range list {
		if d == into || len(into.Absorbed)+1+len(d.Absorbed) > maxAbsorbed || into.byHand() || d.byHand() {
			continue
		}
		merged = append(merged, c.merge(into, d, now))
	}
	if len(merged) == 0 {
		return list[0], nil
	}
	return into, merged
}

func (d *docket) byHand() bool {
	return slices.ContainsFunc(d.Rules, func(r RuleCount) bool { return r.Kind == Manual })
}

// merger is what a merge has to write and tell.
type merger struct {
	into, from         Incident // as they are then
	intoEntry, fromEnd Entry
}

// merge lets a case take another one in. The caller holds the lock.
func (c *Casebook) merge(into, from *docket, now time.Time) merger {
	now = now.UTC()
	if into.State == Resolved && from.State != Resolved {
		c.reopened(into, "", "", now)
	}
	if from.State == Acknowledged && into.State == Open {
		into.State, into.Assignee = Acknowledged, from.Assignee
	}
	into.absorb(&from.Incident)
	for stage, sure := range from.surest {
		into.surest[stage] = max(into.surest[stage], sure)
	}
	if from.worst > into.worst {
		into.worst, into.lead = from.worst, from.lead
	}
	into.gauge()
	into.lent, into.heard = false, now
	c.inherit(into, from)
	if from.State != Resolved {
		c.resolve(from, "", "", now)
	}
	from.Merged = into.ID
	c.count.merged.Add(1)
	m := merger{
		intoEntry: Entry{Time: now, Kind: "merged", Text: fmt.Sprintf("incident %d turned out to be part of this: %s", from.ID, from.Title)},
		fromEnd:   Entry{Time: now, Kind: "merged", Text: fmt.Sprintf("part of incident %d: %s", into.ID, into.Title)},
	}
	into.Entries++
	m.from, m.into = from.snapshot(), into.snapshot()
	c.drop(from)
	for _, id := range into.Absorbed {
		c.merged[id] = into.ID
	}
	return m
}

// inherit makes a case findable by the keys of the one that it has taken in.
func (c *Casebook) inherit(into, from *docket) {
	for _, k := range from.keys {
		if c.index[k] == from && len(into.keys) < maxKeys {
			c.index[k] = into
			into.keys = append(into.keys, k)
		}
	}
	for subject := range from.broken {
		if into.broken == nil {
			into.broken = map[string]bool{}
		}
		into.broken[subject] = true
	}
}

// absorb adds what another case lists and has counted.
func (d *docket) absorb(o *Incident) {
	d.Absorbed = append(append(slices.Clip(d.Absorbed), o.ID), o.Absorbed...)
	d.Findings, d.Suppressed, d.Own, d.Unlisted = d.Findings+o.Findings, d.Suppressed+o.Suppressed, d.Own+o.Own, d.Unlisted+o.Unlisted
	d.Entries, d.Proofs, d.ProofBytes = d.Entries+o.Entries, d.Proofs+o.Proofs, d.ProofBytes+o.ProofBytes
	if o.Opened.Before(d.Opened) {
		d.Opened = o.Opened
	}
	if o.Updated.After(d.Updated) {
		d.Updated = o.Updated
	}
	if d.Host == "" {
		d.Host = o.Host
	}
	absorbList(&d.Attackers, o.Attackers, maxParties, &d.Unlisted)
	absorbList(&d.Victims, o.Victims, maxParties, &d.Unlisted)
	absorbList(&d.Users, o.Users, maxParties, &d.Unlisted)
	absorbList(&d.Processes, o.Processes, maxParties, &d.Unlisted)
	absorbList(&d.Files, o.Files, maxParties, &d.Unlisted)
	absorbList(&d.Tags, o.Tags, maxTags, &d.Unlisted)
	absorbList(&d.Communities, o.Communities, maxComms, &d.Unlisted)
	absorbList(&d.Stages, o.Stages, len(stages), &d.Unlisted)
	d.absorbRules(o.Rules)
}

func absorbList[T comparable](to *[]T, from []T, most int, unlisted *uint64) {
	for _, v := range from {
		list(to, v, most, unlisted)
	}
}

func (d *docket) absorbRules(rules []RuleCount) {
	all := slices.Clone(d.Rules) // snapshots keep their counts
	for _, r := range rules {
		i := slices.IndexFunc(all, func(have RuleCount) bool { return have.ID == r.ID && have.Kind == r.Kind })
		switch {
		case i >= 0:
			have := &all[i]
			have.Count += r.Count
			if r.First.Before(have.First) {
				have.First = r.First
			}
			if r.Last.After(have.Last) {
				have.Last = r.Last
			}
		case len(all) < maxRules:
			all = append(all, r)
		default:
			d.Unlisted++
		}
	}
	d.Rules = all
}

// tellMerged writes merges down and tells of them: of the case that is no more, that it was resolved. Its measures that wait
// for people go on waiting; they are skipped when the case that took it in is resolved.
func (c *Casebook) tellMerged(list []merger) {
	for i := range list {
		m := &list[i]
		if err := c.journal.Keep(&Change{Incident: m.into, Entries: []Entry{m.intoEntry}}); err != nil {
			c.count.unkept.Add(1)
		}
		if err := c.journal.Keep(&Change{Incident: m.from, Entries: []Entry{m.fromEnd}}); err != nil {
			c.count.unkept.Add(1)
		}
		c.tell(Event{Kind: WasMerged, Incident: m.from, Was: m.from.Severity})
	}
}

// tellResolved tells of the end of a case, and so of all that were merged into it.
func (c *Casebook) tellResolved(i Incident) {
	c.tell(Event{Kind: WasResolved, Incident: i, Was: i.Severity})
	for _, id := range i.Absorbed {
		part := i
		part.ID, part.Merged = id, i.ID
		c.tell(Event{Kind: WasResolved, Incident: part, Was: i.Severity})
	}
}

// current is the number of the case that has taken in another, or the number itself. The caller holds the lock.
func (c *Casebook) current(id ID) ID {
	if into, merged := c.merged[id]; merged {
		return into
	}
	return id
}
