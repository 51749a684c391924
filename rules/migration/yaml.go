package migration

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"

	"picket/rules/library"
)

// ruleYAML writes a rule as people write them: keys that say nothing are left out, expressions stand in single quotes, where
// YAML leaves backslashes alone.
func ruleYAML(r *library.Rule) []byte {
	w := &ruleWriter{}
	w.text("", "name", r.Name)
	w.text("", "about", r.About)
	w.list("", "logs", r.Logs)
	w.list("", "journal", r.Journal)
	w.list("", "syslog", r.Syslog)
	w.text("", "encoding", r.Encoding)
	w.text("", "time-zone", r.Zone)
	w.list("", "ports", r.Ports)
	w.list("", "protocols", r.Protocol)
	w.text("", "dates", r.Dates)
	w.text("", "prefix", r.Prefix)
	w.list("", "failures", r.Failures)
	w.list("", "ignore", r.Ignore)
	w.number("", "lines", float64(r.Lines))
	w.limits(&r.Limits)
	return w.Bytes()
}

type ruleWriter struct{ bytes.Buffer }

func (w *ruleWriter) limits(l *library.Limits) {
	w.WriteString("limits:\n")
	w.number("  ", "failures", float64(l.Failures))
	w.text("  ", "within", string(l.Within))
	w.text("  ", "ban", string(l.Ban))
	w.number("  ", "prefix-ipv6", float64(l.PrefixIPv6))
	w.list("  ", "ignore", l.Ignore)
	e := &l.Escalation
	if !e.Increment {
		return
	}
	w.WriteString("  escalation:\n    increment: true\n")
	w.number("    ", "factor", e.Factor)
	if len(e.Multipliers) > 0 {
		w.WriteString("    multipliers: " + strings.ReplaceAll(fmt.Sprint(e.Multipliers), " ", ", ") + "\n")
	}
	w.text("    ", "max", string(e.Max))
	w.text("    ", "jitter", string(e.Jitter))
}

func (w *ruleWriter) text(indent, key, text string) {
	if text != "" {
		fmt.Fprintf(w, "%s%s: %s\n", indent, key, quoted(text))
	}
}

func (w *ruleWriter) number(indent, key string, n float64) {
	if n != 0 {
		fmt.Fprintf(w, "%s%s: %v\n", indent, key, n)
	}
}

func (w *ruleWriter) list(indent, key string, list []string) {
	if len(list) == 0 {
		return
	}
	fmt.Fprintf(w, "%s%s:\n", indent, key)
	for _, text := range list {
		fmt.Fprintf(w, "%s  - %s\n", indent, quoted(text))
	}
}

// quoted writes a text in single quotes, or as JSON does if it holds what does not fit a line.
func quoted(text string) string {
	if !strings.ContainsFunc(text, func(r rune) bool { return r < ' ' || r == 0x7f }) {
		return "'" + strings.ReplaceAll(text, "'", "''") + "'"
	}
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(text); err != nil { // a string always has a form
		return "''"
	}
	return strings.TrimSuffix(b.String(), "\n")
}
