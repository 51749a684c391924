package migration

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"
	"time"

	"picket/rules"
	"picket/rules/fail2ban"
	"picket/rules/fail2ban/database"
)

// Plan is what picket will do in fail2ban's place.
type Plan struct {
	Dir      string          `json:"dir"`
	Jails    []Jail          `json:"jails"`
	Faults   []string        `json:"faults,omitempty"` // of the configuration, each with file and line
	Database *DatabaseReport `json:"database,omitempty"`
}

// Jail is the plan for one jail.
type Jail struct {
	Name    string   `json:"name"`
	Skipped string   `json:"skipped,omitempty"` // why fail2ban does not run it either
	Filter  string   `json:"filter"`
	Logs    []string `json:"logs,omitempty"`
	Absent  []string `json:"absent,omitempty"` // those of them that are not there now: picket waits for them
	Journal []string `json:"journal,omitempty"`
	Syslog  []string `json:"syslog,omitempty"` // programs whose messages it judges
	Limits  string   `json:"limits"`
	Fates   []Fate   `json:"actions"`
	Refused []string `json:"refused,omitempty"` // options that can't be kept
	Foreign []string `json:"foreign,omitempty"` // why the jail can't be a rule of our own

	settings rules.Settings
}

// DatabaseReport is what fail2ban's database holds.
type DatabaseReport struct {
	File    string         `json:"file"`
	Absent  bool           `json:"absent,omitempty"` // there is none: fail2ban has not run with it yet
	Error   string         `json:"error,omitempty"`
	Bans    map[string]int `json:"bans,omitempty"`    // in force, by jail
	Known   map[string]int `json:"known,omitempty"`   // parties that were banned before, by jail
	Orphans int            `json:"orphans,omitempty"` // bans of jails that are not enabled
	Logs    int            `json:"logs"`              // where fail2ban's position holds
	Moved   int            `json:"moved"`             // rotated since, or gone: read from their beginning
	TakenOn *time.Time     `json:"taken_on,omitempty"`
}

// Read makes the plan for a configuration directory. stateDir is picket's, where the take-over is remembered.
func Read(dir, stateDir string) (*Plan, error) {
	config, err := fail2ban.Load(dir)
	if err != nil {
		return nil, fmt.Errorf("read fail2ban's configuration: %w", err)
	}
	p := &Plan{Dir: config.Dir}
	for _, f := range config.Faults {
		p.Faults = append(p.Faults, f.Error())
	}
	for _, j := range config.Jails {
		p.Jails = append(p.Jails, jailPlan(j))
	}
	if file := config.Server.DBFile; file != "" && !strings.EqualFold(file, "none") && file != ":memory:" {
		p.Database = p.databaseReport(file, stateDir)
	}
	return p, nil
}

func jailPlan(j *fail2ban.Jail) Jail {
	out := Jail{Name: j.Name, Skipped: j.Skipped, Filter: j.Filter.Name}
	if j.Skipped != "" {
		return out
	}
	s, err := rules.SettingsOf(j)
	out.settings = s
	for _, e := range split(err) {
		out.Refused = append(out.Refused, e.Error())
	}
	if _, err := rules.Compile(s.Filter, time.Now()); err != nil {
		for _, e := range split(err) {
			out.Refused = append(out.Refused, e.Error())
		}
	}
	for _, l := range s.Logs {
		out.Logs = append(out.Logs, l.Pattern)
		if found, _ := filepath.Glob(l.Pattern); len(found) == 0 {
			out.Absent = append(out.Absent, l.Pattern)
		}
	}
	for _, m := range s.Journal {
		out.Journal = append(out.Journal, strings.Join(m, " "))
	}
	out.Syslog = s.Syslog
	out.Limits = limitsText(&s.Limits)
	for i := range s.Actions {
		out.Fates = append(out.Fates, FateOf(&s.Actions[i]))
	}
	out.Foreign = foreign(&s, out.Fates)
	return out
}

// split takes joined errors apart.
func split(err error) []error {
	if err == nil {
		return nil
	}
	var joined interface{ Unwrap() []error }
	if errors.As(err, &joined) {
		return joined.Unwrap()
	}
	return []error{err}
}

func limitsText(l *rules.Limits) string {
	text := fmt.Sprintf("after %d failures in %s for %s", l.MaxRetry, Span(float64(l.Window)), Span(l.BanSeconds))
	if l.Escalation.On {
		text += ", longer for those who come again"
		if l.Escalation.MaxSeconds > 0 {
			text += " (at most " + Span(l.Escalation.MaxSeconds) + ")"
		}
	}
	return text
}

// Span writes seconds as people do: 10m, 1d12h; good for those without an end.
func Span(seconds float64) string {
	if seconds < 0 {
		return "good"
	}
	left := int64(seconds)
	text := ""
	for _, u := range []struct {
		name   string
		length int64
	}{{"w", 604800}, {"d", 86400}, {"h", 3600}, {"m", 60}, {"s", 1}} {
		if n := left / u.length; n > 0 {
			text += fmt.Sprintf("%d%s", n, u.name)
			left -= n * u.length
		}
	}
	if text == "" {
		return "0s"
	}
	return text
}

// databaseReport looks into fail2ban's database. That it can't be read is told, not fatal.
func (p *Plan) databaseReport(file, stateDir string) *DatabaseReport {
	r := &DatabaseReport{File: file, Bans: map[string]int{}, Known: map[string]int{}}
	if t, ok := TakenOn(stateDir); ok {
		r.TakenOn = &t
	}
	db, err := database.Read(file)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		r.Absent = true
		return r
	case err != nil:
		r.Error = err.Error()
		return r
	}
	base := map[string]float64{}
	for i := range p.Jails {
		if p.Jails[i].Skipped == "" {
			base[p.Jails[i].Name] = p.Jails[i].settings.Limits.BanSeconds
		}
	}
	now := time.Now().Unix()
	for i := range db.Bans {
		b := &db.Bans[i]
		seconds, enabled := base[b.Jail]
		switch {
		case !enabled:
			r.Orphans++
		case b.Stands(now, seconds):
			r.Bans[b.Jail]++
		default:
			r.Known[b.Jail]++
		}
	}
	r.countLogs(db, base)
	return r
}

func (r *DatabaseReport) countLogs(db *database.Database, jails map[string]float64) {
	for i := range db.Logs {
		l := &db.Logs[i]
		if _, enabled := jails[l.Jail]; !enabled || l.Path == "systemd-journal" {
			continue
		}
		if same, err := l.Current(); err == nil && same {
			r.Logs++
		} else {
			r.Moved++
		}
	}
}
