package sensor

import (
	"context"
	"fmt"
	"net/netip"
	"os"
	"strings"
	"time"

	"picket/actions"
	"picket/actions/plugin"
	"picket/capture"
	"picket/incidents"
	"picket/outputs/web"
)

var _ web.Sensor = (*Sensor)(nil)

// Status implements web.Sensor.
func (s *Sensor) Status(ctx context.Context) (web.Status, error) {
	c, set := s.config.Load(), s.rules.Load()
	out := web.Status{
		Version: s.version, PID: os.Getpid(), Since: s.since.UTC(), Mode: string(c.Mode),
		Rules: web.Rules{Loaded: set.Loaded(), Faults: len(set.Refused()), Since: set.At.UTC()},
	}
	for _, p := range s.posts {
		out.Sources = append(out.Sources, p.status())
		out.Flows += p.counts.flows.Load()
		out.Alerts += p.counts.alerts.Load()
		out.Drops += p.counts.drops.Load()
	}
	out.Syslog = s.received()
	out.Unseen, out.Counters = s.unseen(), s.counts()
	for _, j := range s.posted() {
		out.Jails = append(out.Jails, j.status())
	}
	if s.eve != nil {
		n := s.eve.Counters()
		out.EVE = &web.EVE{File: c.EVE.File, Written: n.Written, Dropped: n.Dropped + n.Failed}
	}
	out.Incidents = s.incidentStatus()
	var err error
	if out.Measures, err = s.desk.Stats(ctx); err != nil {
		return out, err
	}
	if out.Messages, err = s.notifier.Stats(ctx); err != nil {
		return out, err
	}
	out.Bans, err = s.responder.Stats(ctx)
	return out, err
}

// unseen is the number of packets that the queue rule counted and no worker saw: bypass and fail-open.
func (s *Sensor) unseen() uint64 {
	table := s.queues.Load()
	if table == nil {
		return 0
	}
	var sources []capture.Source
	for _, p := range s.posts {
		if src := p.source.Load(); src != nil {
			sources = append(sources, *src)
		}
	}
	n, err := table.Unseen(sources...)
	if err != nil {
		s.log.Warn("packets that passed uninspected are not known", "error", err)
	}
	return n
}

func (p *post) stats() capture.Stats {
	if src := p.source.Load(); src != nil {
		return (*src).Stats()
	}
	return capture.Stats{}
}

func (p *post) status() web.Source {
	n := p.stats()
	return web.Source{
		Name: p.name, Packets: n.Received, Bytes: n.Bytes, Dropped: n.Dropped,
		Refused: n.Refused, Restarted: p.restarted.Load(),
	}
}

// counts are the counters of EVE's stats record, by Suricata's names where it has them.
func (s *Sensor) counts() totals {
	t := totals{}
	for _, p := range s.posts {
		t.capture(p.stats())
		t.add(p.counts)
	}
	if s.eve != nil {
		out := s.eve.Counters()
		t["eve.written"], t["eve.dropped"] = out.Written, out.Dropped+out.Failed
	}
	t["bans.lost"] = s.bansLost.Load()
	return t
}

// Ban implements web.Sensor.
func (s *Sensor) Ban(ctx context.Context, q actions.Request) (actions.Ban, error) {
	return s.responder.Ban(ctx, q)
}

// Unban implements web.Sensor.
func (s *Sensor) Unban(ctx context.Context, p netip.Prefix, by string) error {
	return s.responder.Unban(ctx, p, by)
}

// Bans implements web.Sensor.
func (s *Sensor) Bans(ctx context.Context) ([]actions.Ban, error) { return s.responder.Bans(ctx) }

// Reload implements web.Sensor: configuration and rules are read and built whole, then swapped between two
// packets. With any error the old ones stay in force.
func (s *Sensor) Reload(ctx context.Context) (web.Reloaded, error) {
	s.reloading.Lock()
	defer s.reloading.Unlock()
	start := time.Now()
	c, set, err := s.rebuild()
	if err != nil {
		return web.Reloaded{}, err
	}
	gate := c.gateRules()
	if gate.Systems, err = c.openSystems(); err != nil {
		return web.Reloaded{}, err
	}
	policies, faults := c.compilePolicies(s.doers, s.memory)
	if len(faults) > 0 {
		return web.Reloaded{}, faults
	}
	if old := s.rules.Load(); set.Loaded() == 0 && old.Loaded() > 0 {
		return web.Reloaded{}, fmt.Errorf("reload: none of %d rules could be loaded; the old %d stay in force: %w", set.Read, old.Loaded(), ruleErrors(set.Refused()))
	}
	s.config.Store(c)
	s.rules.Store(set)
	s.gate.SetRules(gate)
	s.usePolicies(policies)
	before := s.plan.engine.Load()
	s.plan.use(set)
	if err := s.saveSets(before); err != nil { // sets that the new rules have no use for end here
		s.log.Warn("sets of the old rules were not saved", "error", err)
	}
	out := web.Reloaded{Loaded: set.Loaded(), Took: incidents.Seconds(time.Since(start))}
	for _, f := range set.Refused() {
		out.Faults = append(out.Faults, f.Error())
	}
	list, wrong := plugin.Load(c.Plugins.Dir)
	s.usePlugins(list)
	for _, f := range wrong {
		out.Faults = append(out.Faults, f.Error())
	}
	s.log.Info("rules reloaded", "rules", out.Loaded, "refused", len(out.Faults), "took", out.Took.Duration())
	return out, nil
}

// rebuild reads everything anew without touching what is in force.
func (s *Sensor) rebuild() (*Config, *RuleSet, error) {
	c := s.config.Load()
	if c.path != "" {
		var err error
		if c, err = LoadConfig(c.path); err != nil {
			return nil, nil, err
		}
	}
	c.StateDir = s.state.of(c.StateDir)
	if keys := c.fixed(s.config.Load()); len(keys) > 0 {
		return nil, nil, fmt.Errorf("reload: %s changed: that needs a restart (bans stay meanwhile); nothing was reloaded", strings.Join(keys, ", "))
	}
	read := ReadOptions{Config: c}
	settings, err := read.settings()
	if err != nil {
		return nil, nil, err
	}
	src := c.ruleSources(settings, s.plan.enforce)
	src.previous, src.dataDir = s.plan.engine.Load(), c.setsDir(settings)
	set, err := src.build()
	return c, set, err
}

// Reopen makes the outputs open their files anew (log rotation).
func (s *Sensor) Reopen() {
	if s.eve != nil {
		s.eve.Reopen()
	}
}
