package web

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"picket/rules"
)

// JailReport is one jail at work, as "picket jail NAME" shows it.
type JailReport struct {
	Name     string       `json:"name"`
	Filter   string       `json:"filter"`
	Files    []string     `json:"files,omitempty"`   // read now
	Journal  [][]string   `json:"journal,omitempty"` // alternatives of journalctl's matches
	MaxRetry int          `json:"max_retry"`
	Window   int64        `json:"window_seconds"`
	Seconds  float64      `json:"ban_seconds"` // -1: for good
	Longer   bool         `json:"longer"`      // those who come again are banned for longer
	Observe  bool         `json:"observe,omitempty"`
	Idle     bool         `json:"idle,omitempty"`
	Actions  []string     `json:"actions,omitempty"`
	Failing  int          `json:"failing"`  // who has failures that did not lead to a ban yet
	Failures uint64       `json:"failures"` // since the start
	Bans     uint64       `json:"bans"`     // since the start, with those restored
	Lines    LineCounts   `json:"lines"`
	Banned   []JailTicket `json:"banned"`
}

// LineCounts is what became of the lines that a jail has seen.
type LineCounts struct {
	Seen    uint64 `json:"seen"`
	Matched uint64 `json:"matched"`
	Ignored uint64 `json:"ignored"`
	Missed  uint64 `json:"missed"`
	Old     uint64 `json:"old,omitempty"`    // before the window, at the start
	Limits  uint64 `json:"limits,omitempty"` // matches given up at the step limit
}

// JailTicket is one party that a jail has banned.
type JailTicket struct {
	ID       string    `json:"id"`
	Since    time.Time `json:"since"`
	Until    time.Time `json:"until,omitzero"` // zero: for good
	Count    int       `json:"count"`          // the how manieth ban of the party
	Failures int       `json:"failures,omitempty"`
	Matches  []string  `json:"matches,omitempty"`
	Observed bool      `json:"observed,omitempty"`
}

// errNoJails is the answer of a picket that judges no logs.
var errNoJails = errors.New("no jail is at work (logs in picket's configuration says which)")

// JailStarter lets all jails work again that fail2ban-client's stop has stopped. The sensor implements it.
type JailStarter interface {
	StartJails(ctx context.Context) error
}

// jailHandlers answers questions about jails, where the sensor keeps some.
func jailHandlers(mux *http.ServeMux, s Sensor) {
	warden, ok := s.(rules.Warden)
	mux.HandleFunc("GET /v1/jails", func(w http.ResponseWriter, r *http.Request) {
		if !ok {
			reply(w, nil, errNoJails)
			return
		}
		list, err := jailReports(r.Context(), warden)
		reply(w, list, err)
	})
	mux.HandleFunc("GET /v1/jails/{name}", func(w http.ResponseWriter, r *http.Request) {
		if !ok {
			reply(w, nil, errNoJails)
			return
		}
		report, err := warden.Jail(r.Context(), r.PathValue("name"))
		if errors.Is(err, rules.ErrNoJail) {
			err = fmt.Errorf("%w (picket jails lists those at work)", err)
		}
		reply(w, jailReport(&report), err)
	})
	if starter, ok := s.(JailStarter); ok {
		mux.HandleFunc("POST /v1/jails/start", func(w http.ResponseWriter, r *http.Request) {
			reply(w, struct{}{}, starter.StartJails(r.Context()))
		})
	}
}

func jailReports(ctx context.Context, w rules.Warden) ([]JailReport, error) {
	names, err := w.Jails(ctx)
	if err != nil {
		return nil, err
	}
	list := []JailReport{}
	for _, name := range names {
		r, err := w.Jail(ctx, name)
		if errors.Is(err, rules.ErrNoJail) {
			continue // it was stopped in between
		}
		if err != nil {
			return nil, err
		}
		list = append(list, jailReport(&r))
	}
	return list, nil
}

func jailReport(r *rules.Report) JailReport {
	s := &r.Settings
	out := JailReport{
		Name: s.Name, Filter: s.Filter.Name, Files: r.Files, MaxRetry: s.Limits.MaxRetry, Window: s.Limits.Window,
		Seconds: s.Limits.BanSeconds, Longer: s.Limits.Escalation.On, Observe: s.Limits.Observe, Idle: s.Idle,
		Failing: r.Failing, Failures: r.Failures, Bans: r.Bans, Banned: []JailTicket{},
		Lines: LineCounts{
			Seen: r.Lines.Lines, Matched: r.Lines.Matched, Ignored: r.Lines.Ignored, Missed: r.Lines.Missed,
			Old: r.Lines.Old, Limits: r.Lines.Limits,
		},
	}
	if len(s.Logs) == 0 {
		out.Journal = s.Journal
	}
	for i := range s.Actions {
		out.Actions = append(out.Actions, s.Actions[i].Name)
	}
	for _, t := range r.Banned {
		out.Banned = append(out.Banned, JailTicket{
			ID: t.ID, Since: t.Since.UTC(), Until: t.Until.UTC(), Count: t.Count, Failures: t.Failures, Matches: t.Matches, Observed: t.Observed,
		})
	}
	return out
}

// Jails reports all jails at work.
func (c *Client) Jails(ctx context.Context) (l []JailReport, err error) {
	return l, c.do(ctx, "GET", "/v1/jails", nil, &l)
}

// Jail reports one jail.
func (c *Client) Jail(ctx context.Context, name string) (j JailReport, err error) {
	return j, c.do(ctx, "GET", "/v1/jails/"+url.PathEscape(name), nil, &j)
}

// StartJails lets all jails work again that fail2ban-client's stop has stopped.
func (c *Client) StartJails(ctx context.Context) error {
	return c.do(ctx, "POST", "/v1/jails/start", nil, &struct{}{})
}
