package rules

import (
	"net/netip"
	"time"

	"picket/rules/dates"
	"picket/watch"
)

// Jail is a filter and limits at work on one kind of log: lines in, breaches out. It belongs to one goroutine.
type Jail struct {
	// Resolve returns the addresses of a host name, which then count in its place (usedns); nil: the name counts.
	Resolve func(name string) []netip.Addr
	// Hold takes a failure that can't be judged yet, because somebody must be asked about its party, and returns true; it
	// is given back to Count. now is the clock's, in Unix seconds. nil: nothing is held.
	Hold func(f *Failure, now int64) bool
	more []Breach

	judge   *Judge
	engine  *Engine
	clock   dates.Clock
	sources map[sourceKey]*Judge
	last    *watch.Origin // whose judge is lastOne
	lastOne *Judge
}

// sourceKey names a file over its rotations, which may come with new origins.
type sourceKey struct{ source, path, host string }

// maxSources bounds the judges of a jail: one for each file that its logs name.
const maxSources = 10_000

// NewJail returns a jail without failures. zone is the one of dates that name none; nil for the host's.
func NewJail(f *Filter, l Limits, zone *time.Location) *Jail {
	j := &Jail{engine: NewEngine(l), clock: dates.Clock{Zone: zone}, sources: map[sourceKey]*Judge{}}
	j.judge = NewJudge(f, j.clock)
	return j
}

// Refilter puts another filter and zone in force. What the old filter knew of connections and dates is forgotten; the
// engine goes on.
func (j *Jail) Refilter(f *Filter, zone *time.Location) {
	j.clock = dates.Clock{Zone: zone}
	j.judge = NewJudge(f, j.clock)
	j.sources, j.last, j.lastOne = map[sourceKey]*Judge{}, nil, nil
}

// Lines returns what became of the lines that the jail has seen.
func (j *Jail) Lines() Counters {
	all := j.judge.Count
	for _, judge := range j.sources {
		c := &judge.Count
		all.Lines, all.Ignored, all.Matched, all.Missed = all.Lines+c.Lines, all.Ignored+c.Ignored, all.Matched+c.Matched, all.Missed+c.Missed
		all.Undated, all.Cut, all.Old, all.Restamped = all.Undated+c.Undated, all.Cut+c.Cut, all.Old+c.Old, all.Restamped+c.Restamped
		all.Limits, all.Sessions = all.Limits+c.Limits, all.Sessions+c.Sessions
	}
	return all
}

// Engine returns what counts the jail's failures.
func (j *Jail) Engine() *Engine { return j.engine }

// Observe judges a line; the breach is valid if ok. Lines of different files are judged apart: each has its own dates,
// connections and buffers. The line is not kept.
func (j *Jail) Observe(o *watch.Observation, phase Phase) (b Breach, ok bool) {
	if o.Kind != watch.Line {
		return Breach{}, false
	}
	judge := j.source(o.Origin)
	if now := time.Unix(0, o.Time); now.Unix() != judge.detector.Clock.Now.Unix() {
		c := j.clock
		c.Now = now
		judge.SetClock(c)
	}
	judge.SetPhase(phase, j.engine.limits.Window)
	var f Failure
	if o.When != 0 {
		f, _, ok = judge.At(o.Line, o.When)
	} else {
		f, _, ok = judge.Line(o.Line)
	}
	if !ok {
		return Breach{}, false
	}
	if now := o.Time / 1e9; j.Hold == nil || !j.Hold(&f, now) {
		return j.Count(&f, now)
	}
	return Breach{}, false
}

// Count counts a failure against its party, or against every address of the name that stands for it. Of several breaches
// the first is returned, the others by More.
func (j *Jail) Count(f *Failure, now int64) (b Breach, ok bool) {
	if j.Resolve == nil || f.Addr.IsValid() || f.Host == "" || f.ID != f.Host {
		return j.engine.Add(f, now)
	}
	for _, a := range j.Resolve(f.Host) {
		one := *f
		one.Addr, one.ID = a, a.String()
		if b, ok := j.engine.Add(&one, now); ok {
			j.more = append(j.more, b)
		}
	}
	return j.More()
}

// More returns a breach that the last line has led to besides the one that was returned.
func (j *Jail) More() (b Breach, ok bool) {
	if len(j.more) == 0 {
		return Breach{}, false
	}
	b = j.more[0]
	j.more = j.more[1:]
	return b, true
}

// source returns the judge of an origin. Beyond the bound origins share one.
func (j *Jail) source(o *watch.Origin) *Judge {
	if o == nil {
		return j.judge
	}
	if j.last != o {
		j.last, j.lastOne = o, j.find(sourceKey{o.Source, o.Path, o.Host})
	}
	return j.lastOne
}

func (j *Jail) find(k sourceKey) *Judge {
	if have, ok := j.sources[k]; ok {
		return have
	}
	if len(j.sources) >= maxSources {
		return j.judge
	}
	judge := NewJudge(j.judge.filter, j.clock)
	j.sources[k] = judge
	return judge
}
