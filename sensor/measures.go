package sensor

import (
	"context"
	"log/slog"
	"maps"
	"path/filepath"
	"slices"
	"time"

	"picket/actions"
	"picket/actions/firewall"
	"picket/actions/flag"
	"picket/actions/measure"
	"picket/actions/notify"
	"picket/actions/policy"
	"picket/actions/process"
	"picket/actions/recon"
	"picket/actions/shape"
	"picket/incidents"
	"picket/outputs/store"
	"picket/outputs/web"
)

// MeasuresConfig bounds what is done at once.
type MeasuresConfig struct {
	Workers int `yaml:"workers"` // measures in process at once
	Max     int `yaml:"max"`     // measures that may wait for their time or for approval

	Prove time.Duration `yaml:"prove-interval"` // how often a standing measure is proven anew
}

func (v *validation) measures(c *MeasuresConfig) {
	v.check(c.Workers >= 1 && c.Workers <= 256, "measures.workers", "8 is usual, 1 to 256", "%d workers", c.Workers)
	v.check(c.Prove >= time.Second && c.Prove <= 24*time.Hour, "measures.prove-interval", "1m is usual, 1s to 24h", "%s", c.Prove)
	v.check(c.Max >= 16 && c.Max <= 1<<20, "measures.max", "16384 is usual, 16 to 1048576", "%d measures", c.Max)
}

// doersToCheck serve to check configurations only: they must plan nothing and do nothing.
func (c *Config) doersToCheck() measure.Doers {
	return c.doers(nil, nil, nil, slog.New(slog.DiscardHandler))
}

// doers are all kinds of measures.
func (c *Config) doers(r *actions.Responder, g *actions.Gate, n *notify.Notifier, log *slog.Logger) measure.Doers {
	all := measure.Doers{
		"ban":   measure.Ban{Responder: r},
		"unban": measure.Unban{Responder: r},
	}
	maps.Copy(all, recon.Doers(filepath.Join(c.StateDir, "captures")))
	maps.Copy(all, process.Doers(g, log))
	maps.Copy(all, shape.Doers(g))
	maps.Copy(all, flag.Doers())
	all[notify.DoerName] = &notify.Doer{Names: c.Notifications.Names(), Notifier: n}
	maps.Copy(all, c.pluginDoers(all, func(err error) { log.Warn("plugin left out", "fault", err) }))
	return all
}

// prepareMeasures opens what policies remember, compiles them, and takes up the measures of the last run.
func (s *Sensor) prepareMeasures(o *RunOptions) (err error) {
	c := o.Config
	if s.memory, err = policy.OpenMemory(c.StateDir); err != nil {
		return err
	}
	s.notifier, err = notify.New(notify.Options{Config: c.Notifications, Dir: filepath.Join(c.StateDir, "notifications"), Log: s.log})
	if err != nil {
		return err
	}
	s.doers = c.doers(s.responder, s.gate, s.notifier, s.log)
	set, faults := c.compilePolicies(s.doers, s.memory)
	if len(faults) > 0 {
		return faults
	}
	s.tellUnable(set)
	s.desk, err = measure.NewDesk(measure.Options{
		Doers: s.doers, Gate: &measure.HostGate{Responder: s.responder, Gate: s.gate, Live: firewall.Live}, Store: s.store, Cases: s.book, Told: s.notifier.Measure,
		Order: s.responder.Offer, Workers: c.Measures.Workers, Max: c.Measures.Max, Log: s.log,
		Prove: c.Measures.Prove, Deviated: s.deviated,
	})
	if err != nil {
		return err
	}
	set.Reconcile(s.responder.Standing())
	s.usePolicies(set)
	s.plan.findings.atOnce = s.banAtOnce
	s.unsettled, err = s.store.Latest(context.Background(), maxReplayed, replayWindow)
	return err
}

const (
	// replayWindow is how long before its last word a picket that was killed may have heard of findings that its
	// measures did not know of yet. They mostly do after some milliseconds.
	replayWindow = time.Minute
	// maxReplayed bounds them: no more events wait at the desk.
	maxReplayed = 4096
)

// settle hands the last findings of the run before to the measures, which may not have known of them.
func (s *Sensor) settle(ctx context.Context) {
	list := s.unsettled
	s.unsettled = nil
	known := map[incidents.ID][]measure.Measure{}
	for i := range list {
		e := &list[i]
		id := e.Incident.ID
		var err error
		if _, read := known[id]; !read {
			known[id], err = s.store.Measures(ctx, store.MeasureFilter{Incident: id, Limit: maxReplayed})
		}
		if err == nil {
			err = s.desk.Replay(ctx, e, known[id])
		}
		if err != nil {
			s.log.Warn("a finding of before the start may lack its measures", "incident", id, "error", err)
			return
		}
	}
}

// tellUnable says which measures of the policies this host cannot do.
func (s *Sensor) tellUnable(set *policy.Set) {
	for name, err := range set.Unable(s.doers) {
		s.log.Warn("a policy wants a measure that this host cannot do", "measure", name, "why", err)
	}
}

// usePolicies swaps the policies.
func (s *Sensor) usePolicies(set *policy.Set) {
	s.policies.Store(set)
	s.desk.SetPolicies(set)
}

// banAtOnce orders the bans that a finding wants and that need nothing else.
func (s *Sensor) banAtOnce(f *incidents.Finding) int {
	lost := s.desk.BanAtOnce(f)
	s.bansLost.Add(uint64(lost))
	return lost
}

// ordered gives a judge's own ban the number by which its measure joins the finding's case.
func (s *Sensor) ordered(f *incidents.Finding, q *actions.Request) {
	q.Order = s.desk.NewOrder()
	f.Orders = append(f.Orders, q.Order)
}

// decide hands what has happened to a case to the measures.
func (s *Sensor) decide(e *incidents.Event) {
	if err := s.desk.Event(context.Background(), e); err != nil {
		s.log.Warn("no measures for an incident", "incident", e.Incident.ID, "error", err)
	}
}

// Measures implements web.Sensor.
func (s *Sensor) Measures() web.Measures {
	return struct {
		*measure.Desk
		archive
		explainer
	}{s.desk, archive{s.store}, explainer{s}}
}

// archive is where measures are found again.
type archive struct{ store *store.Store }

// List implements web.Measures.
func (a archive) List(ctx context.Context, f store.MeasureFilter) ([]measure.Measure, error) {
	return a.store.Measures(ctx, f)
}

// Show implements web.Measures.
func (a archive) Show(ctx context.Context, id measure.ID) (*measure.Measure, error) {
	return a.store.Measure(ctx, id)
}

// explainer tells what policies would do.
type explainer struct{ sensor *Sensor }

// maxExplained bounds the findings of a case that policies are held against: the newest of each rule.
const maxExplained = 16

// Explain implements web.Measures: what the policies in force would do about an incident's findings if they came now.
func (x explainer) Explain(ctx context.Context, id incidents.ID) (list []web.PolicyTest, err error) {
	file, err := x.sensor.store.Incident(ctx, id)
	if err != nil {
		return nil, err
	}
	seen := map[string]bool{}
	for _, e := range slices.Backward(file.Timeline) {
		if e.Finding == nil || seen[e.Finding.Rule.ID] || len(list) == maxExplained {
			continue
		}
		seen[e.Finding.Rule.ID] = true
		test := web.PolicyTest{Finding: *e.Finding, Reports: x.sensor.policies.Load().Explain(e.Finding, &file.Incident)}
		list = append(list, test)
	}
	return list, nil
}
