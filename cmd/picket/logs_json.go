package main

import (
	"encoding/json"
	"io"
	"time"

	"picket/rules"
)

// scanSummary is a scan's statistics for programs.
type scanSummary struct {
	Lines       uint64          `json:"lines"`
	Matched     uint64          `json:"matched"`
	Ignored     uint64          `json:"ignored"`
	Missed      uint64          `json:"missed"`
	Undated     uint64          `json:"undated"`
	Limits      uint64          `json:"limits,omitempty"` // matches given up at the step limit
	Failures    int             `json:"failures"`
	Expressions []expressionHit `json:"expressions"`
	Ignores     []expressionHit `json:"ignores"`
	Dates       []expressionHit `json:"dates"`
	Parties     []expressionHit `json:"parties"` // those with the most failures
	MatchedText []string        `json:"matched_lines,omitempty"`
	MissedText  []string        `json:"missed_lines,omitempty"`
	Seconds     float64         `json:"seconds"`
}

// expressionHit is something that lines were counted by.
type expressionHit struct {
	Text string `json:"text"`
	Hits uint64 `json:"hits"`
}

// worstParties is how many parties a report names.
const worstParties = 10

// summary is what a report prints.
func (r *report) summary(filter *rules.Filter, j *rules.Judge, took time.Duration) scanSummary {
	c := &j.Count
	s := scanSummary{
		Lines: c.Lines, Matched: c.Matched, Ignored: c.Ignored, Missed: c.Missed, Undated: c.Undated, Limits: c.Limits,
		Failures: r.failures, Expressions: []expressionHit{}, Ignores: []expressionHit{}, Dates: []expressionHit{}, Parties: []expressionHit{},
		MatchedText: r.matched, MissedText: r.missed, Seconds: took.Seconds(),
	}
	for i, e := range filter.Expressions() {
		s.Expressions = append(s.Expressions, expressionHit{e.String(), c.Expressions[i]})
	}
	for i, e := range filter.Ignores() {
		s.Ignores = append(s.Ignores, expressionHit{e.String(), c.Ignores[i]})
	}
	for _, h := range j.DateHits() {
		s.Dates = append(s.Dates, expressionHit{h.Name, h.Hits})
	}
	for _, id := range r.worst(worstParties) {
		s.Parties = append(s.Parties, expressionHit{id, uint64(r.by[id])})
	}
	return s
}

// explained is how a filter judges one line, for programs.
type explained struct {
	Line     string            `json:"line"`
	Prefixed bool              `json:"prefixed"` // the prefix expression matches, or there is none
	Prefix   map[string]string `json:"prefix,omitempty"`
	Hits     []explainedHit    `json:"hits"`
	Ignored  []string          `json:"ignored"` // ignore expressions that match
}

type explainedHit struct {
	Number int               `json:"number"` // of the expression, from 1
	Text   string            `json:"text"`
	ID     string            `json:"id,omitempty"`
	Time   time.Time         `json:"time"`
	NoFail bool              `json:"nofail,omitempty"`  // no failure by itself
	Waits  bool              `json:"pending,omitempty"` // for a line that says whose failure it is
	Fields map[string]string `json:"fields"`
}

// explanation tries all expressions on a line.
func explanation(f *rules.Filter, j *rules.Judge, line string, nanos int64) explained {
	t := j.Try([]byte(line), nanos, true)
	e := explained{Line: line, Prefixed: t.Prefixed, Prefix: takenGroups(t.Prefix), Hits: []explainedHit{}, Ignored: []string{}}
	for i := range t.Hits {
		h := &t.Hits[i]
		e.Hits = append(e.Hits, explainedHit{
			Number: h.Expression + 1, Text: f.Expressions()[h.Expression].String(), ID: h.ID, Time: time.Unix(0, h.Nanos),
			NoFail: h.NoFail, Waits: h.Pending, Fields: takenGroups(h.Groups),
		})
	}
	for _, i := range t.Ignored {
		e.Ignored = append(e.Ignored, f.Ignores()[i].String())
	}
	return e
}

func takenGroups(groups []rules.Group) map[string]string {
	m := map[string]string{}
	for _, g := range groups {
		if g.Taken {
			m[g.Name] = g.Text
		}
	}
	return m
}

func writeJSON(w io.Writer, v any) error {
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	enc.SetEscapeHTML(false)
	return enc.Encode(v)
}
