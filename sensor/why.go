package sensor

import (
	"cmp"
	"context"
	"fmt"
	"net/netip"
	"slices"
	"time"

	"picket/actions"
	"picket/actions/firewall"
	"picket/actions/measure"
	"picket/incidents"
	"picket/outputs/store"
	"picket/outputs/web"
)

// Why implements web.Sensor: everything about one party, gathered from those who know it.
func (s *Sensor) Why(ctx context.Context, p netip.Prefix) (web.Why, error) {
	e, err := s.responder.Explain(ctx, p)
	if err != nil {
		return web.Why{}, err
	}
	if live, bytes, err := firewall.Live(p); err == nil && live > 0 {
		if e.Decision.Blast == nil {
			e.Decision.Blast = &actions.Blast{Parties: 1}
		}
		e.Decision.Blast.Live, e.Decision.Blast.Bytes = live, max(e.Decision.Blast.Bytes, bytes)
	}
	w := web.Why{Party: actions.Text(p), Mode: string(s.config.Load().Mode), Explanation: e}
	for _, b := range e.Bans {
		w.Lifts = append(w.Lifts, lifts(b, time.Now()))
	}
	cases, err := s.casesOf(ctx, p)
	if err != nil {
		return w, err
	}
	for i := range cases {
		w.Incidents = append(w.Incidents, incidentInWhy(&cases[i], p))
	}
	w.Measures, err = s.measuresOf(ctx, p, cases)
	return w, err
}

// lifts tells what would end a ban.
func lifts(b actions.Ban, now time.Time) string {
	command := "picket unban " + actions.Text(b.Prefix)
	if b.Until.IsZero() {
		return command + "; it does not end by itself"
	}
	return fmt.Sprintf("%s; by itself in %s", command, b.Left(now))
}

const (
	maxWhyCases    = 20   // incidents that are told of a party: those with the newest findings
	maxWhyMeasures = 50   // measures of each of them, and of no incident: the newest
	maxWhyLoose    = 2000 // measures of no incident that are looked through, the newest
)

// casesOf lists the incidents in which a party attacks or is attacked, those with the newest findings first.
func (s *Sensor) casesOf(ctx context.Context, p netip.Prefix) ([]incidents.Incident, error) {
	list, _, err := s.store.List(ctx, &incidents.Filter{Attacker: p, Limit: maxWhyCases})
	if err != nil {
		return nil, err
	}
	attacked, _, err := s.store.List(ctx, &incidents.Filter{Victim: p, Limit: maxWhyCases})
	if err != nil {
		return nil, err
	}
	for i := range attacked {
		if !slices.ContainsFunc(list, func(c incidents.Incident) bool { return c.ID == attacked[i].ID }) {
			list = append(list, attacked[i])
		}
	}
	slices.SortFunc(list, func(a, b incidents.Incident) int {
		return cmp.Or(b.Updated.Compare(a.Updated), cmp.Compare(b.ID, a.ID))
	})
	return list[:min(len(list), maxWhyCases)], nil
}

func incidentInWhy(c *incidents.Incident, p netip.Prefix) web.WhyIncident {
	part := "victim"
	if slices.ContainsFunc(c.Attackers, p.Contains) {
		part = "attacker"
	}
	return web.WhyIncident{
		ID: c.ID, Part: part, State: c.State, Severity: c.Severity, Title: c.Title, Findings: c.Findings, Own: c.Own,
		Since: c.Opened, Last: c.Updated,
	}
}

// measuresOf lists the measures of a party's incidents, and those of no incident that are against it.
func (s *Sensor) measuresOf(ctx context.Context, p netip.Prefix, cases []incidents.Incident) (list []web.WhyMeasure, err error) {
	for i := range cases {
		of, err := s.store.Measures(ctx, store.MeasureFilter{Incident: cases[i].ID, Limit: maxWhyMeasures})
		if err != nil {
			return nil, err
		}
		for n := range of {
			list = append(list, s.measureInWhy(&of[n]))
		}
	}
	loose, err := s.store.Measures(ctx, store.MeasureFilter{
		States: []measure.State{measure.Pending, measure.PendingApproval, measure.InProcess, measure.Active}, Limit: maxWhyLoose,
	})
	found := 0
	for i := range loose {
		if m := &loose[i]; m.Incident == 0 && found < maxWhyMeasures && against(m, p) {
			list = append(list, s.measureInWhy(m))
			found++
		}
	}
	return list, err
}

// against tells whether a measure names a party in its arguments.
func against(m *measure.Measure, p netip.Prefix) bool {
	for _, key := range []string{"who", "address", "host"} {
		if q, err := actions.ParsePrefix(m.Args[key]); err == nil && q.Overlaps(p) {
			return true
		}
	}
	return false
}

func (s *Sensor) measureInWhy(m *measure.Measure) web.WhyMeasure {
	w := web.WhyMeasure{
		ID: m.ID, Incident: m.Incident, Name: m.Name, Target: m.Target, State: m.State, Outcome: m.Word(), At: m.Changed(), By: m.By,
		Until: m.Until, Next: m.Next(), Deviated: s.causes.told(subjectOf(m.ID)),
	}
	if m.State == measure.PendingApproval {
		w.Asks = m.Ask
	}
	return w
}
