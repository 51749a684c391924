package sensor

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"os"
	"slices"
	"sync/atomic"
	"time"

	"picket/actions"
	"picket/incidents"
	"picket/outputs/store"
	"picket/outputs/web"
	"picket/rules"
)

// IncidentsConfig says how findings become incidents and how long those are kept.
type IncidentsConfig struct {
	Severity incidents.Severity `yaml:"severity"`     // a finding below it opens no incident, it only joins one
	Quiet    time.Duration      `yaml:"quiet"`        // an open incident is resolved this long after its last finding
	Idle     time.Duration      `yaml:"acknowledged"` // an acknowledged one
	Reopen   time.Duration      `yaml:"reopen"`       // a resolved incident that goes on within this time is reopened
	Max      int                `yaml:"max"`          // incidents in memory: open, acknowledged and lately resolved
	Record   time.Duration      `yaml:"record"`       // packets of a flow are kept this long after an alert, as evidence
	Before   Size               `yaml:"before"`       // and so many bytes of it before the alert; 0: none
	Keep     time.Duration      `yaml:"keep"`         // a resolved incident is forgotten this long after its last finding
	Size     Size               `yaml:"size"`         // of the database; past it the oldest resolved incidents go first
}

func defaultIncidents() IncidentsConfig {
	const day = 24 * time.Hour
	return IncidentsConfig{
		Severity: incidents.Low, Quiet: time.Hour, Idle: 7 * day, Reopen: day, Max: 4096, Record: 10 * time.Second, Before: 16 << 10, Keep: 90 * day, Size: 1 << 30,
	}
}

func (v *validation) incidents(c *IncidentsConfig) {
	v.check(c.Quiet >= time.Minute, "incidents.quiet", "1h is usual", "%s is shorter than the pauses of an attack", c.Quiet)
	v.check(c.Idle >= c.Quiet, "incidents.acknowledged", "168h is usual", "an acknowledged incident would be resolved before an open one")
	v.check(c.Reopen >= time.Minute, "incidents.reopen", "24h is usual", "%s is shorter than the pauses of an attack", c.Reopen)
	v.check(c.Max >= 16 && c.Max <= 1<<20, "incidents.max", "4096 is usual, 16 to 1048576", "%d incidents", c.Max)
	v.check(c.Record >= 0 && c.Record <= 10*time.Minute, "incidents.record", "10s is usual, 0s switches it off", "%s is no time for a recording", c.Record)
	v.check(c.Before <= maxTapeBytes/2, "incidents.before", "16KiB is usual, up to 32KiB, 0 switches it off", "%d bytes are no part of a recording of 64 KiB", c.Before)
	v.check(c.Keep >= time.Hour, "incidents.keep", "2160h is usual", "%s leaves no time to read an incident", c.Keep)
	v.check(c.Size >= 16<<20, "incidents.size", "1GiB is usual", "%d bytes are no room for a database", c.Size)
}

// prepareIncidents opens the database and the casebook. Nothing is found before the workers start.
func (s *Sensor) prepareIncidents(o *RunOptions) (err error) {
	c := &o.Config.Incidents
	s.store, err = store.Open(store.Options{Dir: o.Config.StateDir, Keep: c.Keep, Max: int64(c.Size), Log: s.log})
	if err != nil {
		return err
	}
	s.book, err = incidents.New(incidents.Options{
		Journal: s.store, Tell: s.event, Max: c.Max, Least: c.Severity, Quiet: c.Quiet, Idle: c.Idle, Reopen: c.Reopen, Log: s.log,
	})
	if err != nil {
		return err
	}
	s.host, err = os.Hostname()
	if err != nil {
		return fmt.Errorf("read this host's name: %w", err)
	}
	s.plan.findings = &findingDesk{book: s.book, local: s.locals.has, host: s.host, record: c.Record, before: int(c.Before)}
	s.plan.findings.processes = newAttributor(s.plan.findings.tell)
	s.plan.findings.processes.loggedIn = func(from netip.Addr, user string) bool { return s.gate.History().LoggedIn(from, user) }
	return s.locals.read()
}

// event hands what has happened to a case to those who act on it and tell it.
func (s *Sensor) event(e incidents.Event) {
	level, c := s.log.Debug, &e.Incident
	if e.Kind != incidents.Grew && e.Kind != incidents.MeasureMoved || c.Severity > e.Was {
		level = s.log.Info
	}
	s.decide(&e)
	s.notifier.Incident(&e)
	level("incident "+string(e.Kind), "incident", c.ID, "severity", c.Severity, "confidence", c.Confidence, "title", incidents.Printable(c.Title))
}

// banned tells the casebook what is blocked: what the block itself causes feeds no case. The responder calls it.
func (s *Sensor) banned(c actions.Change) {
	if s.desk != nil { // nil while the responder starts
		s.desk.Changed(c)
	}
	if s.judge != nil && c.Ban.Jail != "" {
		s.judge.news.put(c)
	}
	switch c.Kind {
	case actions.BanMade, actions.BanRenewed:
		s.blocks(c.Ban)
	case actions.BanLifted, actions.BanExpired:
		s.book.Unblocked(c.Ban.Prefix, c.Ban.Jail)
	}
}

// blocks tells the casebook of a ban that is in force.
func (s *Sensor) blocks(b actions.Ban) {
	if b.Observed {
		return
	}
	block := incidents.Block{Prefix: b.Prefix, Since: b.Since, Jail: b.Jail}
	if b.Scope.Ports != "" {
		block.Covers = covers(b.Scope)
	}
	s.book.Blocked(block)
}

// covers tells which ports a scope refuses.
func covers(s actions.Scope) func(proto string, port uint16) bool {
	terms := s.Terms()
	return func(proto string, port uint16) bool {
		return slices.ContainsFunc(terms, func(t actions.Term) bool {
			if t.Protocol != proto && t.Protocol != "any" {
				return false
			}
			return len(t.Ports) == 0 || slices.ContainsFunc(t.Ports, func(r actions.PortRange) bool { return r.First <= port && port <= r.Last })
		})
	}
}

// knowBlocks tells the casebook and the measures of the bans that stood before this run.
func (s *Sensor) knowBlocks(ctx context.Context) {
	list, err := s.responder.Bans(ctx)
	if err == nil {
		err = s.desk.Adopt(ctx, list, s.since)
	}
	if err != nil {
		s.log.Warn("the casebook and the measures do not know all bans that stand", "error", err)
	}
	for _, b := range list {
		s.blocks(b)
	}
}

// found hands what a line has brought to the casebook and waits until it is kept: its lines are read again otherwise.
func (s *Sensor) found(ctx context.Context, f *incidents.Finding) {
	if _, err := s.book.Submit(ctx, f); err != nil {
		s.log.Error("what was found is in no incident", "rule", f.Rule.Name, "finding", f.Line(), "error", err)
	}
}

// breachFinding is a breach as a case sees it. Somebody who fails to get in is a medium matter, who has been banned
// before a high one.
func (s *Sensor) breachFinding(b *rules.Breach) *incidents.Finding {
	f := &incidents.Finding{
		Time: time.Unix(b.At, 0).UTC(), Kind: incidents.Breach, Rule: incidents.Rule{ID: b.Jail, Name: "jail " + b.Jail},
		Severity: incidents.Medium, Confidence: 80, Stage: incidents.Access, Host: s.host, Jail: b.Jail, Text: b.Reason(),
	}
	if b.Before > 0 {
		f.Severity = incidents.High
	}
	if now := time.Now().UTC(); f.Time.After(now) { // a log's clock may be ahead of ours
		f.Time = now
	}
	if b.Prefix.IsValid() {
		f.Attacker.Addr = b.Prefix.Addr()
		if !b.Observe {
			f.Ban = &incidents.WantedBan{Prefix: b.Prefix, For: incidents.Seconds(banTime(b.Seconds))}
		}
	} else {
		f.User = b.ID
	}
	f.Evidence = []incidents.Evidence{linesEvidence(f.Time, b)}
	return f
}

// linesEvidence is the lines that led to a breach, as many as fit.
func linesEvidence(at time.Time, b *rules.Breach) incidents.Evidence {
	e := incidents.Evidence{Time: at, Kind: "line", Name: "lines of jail " + b.Jail, Type: "text/plain"}
	for _, line := range b.Matches {
		if len(e.Data)+len(line) >= incidents.MaxEvidence {
			break
		}
		e.Data = append(append(e.Data, line...), '\n')
	}
	return e
}

// locals are this host's addresses, as last read.
type locals struct {
	of atomic.Pointer[map[netip.Addr]bool]
}

func (l *locals) has(a netip.Addr) bool {
	m := l.of.Load()
	return m != nil && (*m)[a]
}

func (l *locals) read() error {
	list, err := net.InterfaceAddrs()
	if err != nil {
		return fmt.Errorf("read this host's addresses: %w", err)
	}
	m := make(map[netip.Addr]bool, len(list))
	for _, a := range list {
		if p, err := netip.ParsePrefix(a.String()); err == nil {
			m[p.Addr().Unmap().WithZone("")] = true
		}
	}
	l.of.Store(&m)
	return nil
}

// keepLocals reads this host's addresses again from time to time.
func (s *Sensor) keepLocals(ctx context.Context) {
	ticks := time.NewTicker(10 * time.Second)
	defer ticks.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticks.C:
			if err := s.locals.read(); err != nil {
				s.log.Warn("whose host an address is may be told wrongly", "error", err)
			}
		}
	}
}

// Cases implements web.Sensor.
func (s *Sensor) Cases() web.Cases {
	return struct {
		*store.Store
		*incidents.Casebook
	}{s.store, s.book}
}

func (s *Sensor) incidentStatus() *web.Incidents {
	return &web.Incidents{Stats: s.book.Stats(), Store: s.store.Stats()}
}
