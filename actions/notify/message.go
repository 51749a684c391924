package notify

import (
	"fmt"
	"net/netip"
	"strings"
	"time"

	"picket/actions/measure"
	"picket/incidents"
)

// Message is what one receiver is told, once.
type Message struct {
	ID       string              `json:"id"` // the name of its file
	Receiver string              `json:"receiver"`
	Kind     string              `json:"kind"` // "incident", "repeat", "resolved", "measure", "test"
	Title    string              `json:"title"`
	Text     string              `json:"text"`
	Severity incidents.Severity  `json:"severity"`
	Time     time.Time           `json:"time"`
	After    time.Time           `json:"after,omitzero"` // not to be sent before
	Incident *incidents.Incident `json:"incident,omitempty"`
	Measure  *measure.Measure    `json:"measure,omitempty"`
	Findings uint64              `json:"findings,omitempty"` // that are in this message
	Extra    string              `json:"extra,omitempty"`    // the measure's own words
	Host     string              `json:"host"`
	Tries    int                 `json:"tries,omitempty"`
	Error    string              `json:"error,omitempty"` // of the last try

	unsaved bool // the disk did not take it
}

// maxText bounds a message's text; a measure's whole output stays with the incident.
const maxText = 16 << 10

// opened is the message about an incident that is open.
func opened(i *incidents.Incident, kind string, findings uint64, extra string) *Message {
	m := &Message{Kind: kind}
	m.about(i, findings, extra)
	return m
}

// about makes the message tell of an incident as it is now.
func (m *Message) about(of *incidents.Incident, findings uint64, extra string) {
	i := *of
	m.Severity, m.Incident, m.Findings, m.Extra = i.Severity, &i, findings, extra
	m.Title = fmt.Sprintf("[%s] incident %d: %s", i.Severity, i.ID, i.Title)
	var t strings.Builder
	if m.Kind == "repeat" {
		fmt.Fprintf(&t, "It is open since %s.\n", i.Opened.UTC().Format(time.RFC3339))
	}
	if extra != "" {
		fmt.Fprintf(&t, "%s\n\n", extra)
	}
	if findings > 1 {
		fmt.Fprintf(&t, "%d findings are in this message.\n", findings)
	}
	describe(&t, &i)
	m.Text = t.String()
}

// describe writes what is known of an incident, one thing a line.
func describe(t *strings.Builder, i *incidents.Incident) {
	line := func(name string, values []string) {
		if len(values) > 0 {
			fmt.Fprintf(t, "%-11s %s\n", name, strings.Join(values, ", "))
		}
	}
	line("attackers", texts(i.Attackers))
	var victims, rules, processes []string
	for _, v := range i.Victims {
		if v.Port != 0 {
			victims = append(victims, netip.AddrPortFrom(v.Addr, v.Port).String())
		} else if v.Addr.IsValid() {
			victims = append(victims, v.Addr.String())
		}
	}
	for _, r := range i.Rules {
		rules = append(rules, fmt.Sprintf("%s (%s, %d×)", r.Name, r.ID, r.Count))
	}
	for _, p := range i.Processes {
		processes = append(processes, fmt.Sprintf("%d %s", p.PID, p.Name))
	}
	line("victims", victims)
	line("users", i.Users)
	line("processes", processes)
	line("rules", rules)
	line("tags", i.Tags)
	fmt.Fprintf(t, "%-11s %d since %s, the last %s\n", "findings", i.Findings, i.Opened.UTC().Format(time.RFC3339), i.Updated.UTC().Format(time.RFC3339))
	fmt.Fprintf(t, "%-11s picket incidents show %d\n", "more", i.ID)
}

func texts(list []netip.Addr) (out []string) {
	for _, a := range list {
		out = append(out, a.String())
	}
	return out
}

// resolved is the message that ends an incident.
func resolved(i *incidents.Incident) *Message {
	var t strings.Builder
	fmt.Fprintf(&t, "It was resolved at %s.\n", i.Closed.UTC().Format(time.RFC3339))
	describe(&t, i)
	return &Message{
		Kind: "resolved", Severity: i.Severity, Incident: i, Text: t.String(),
		Title: fmt.Sprintf("[resolved] incident %d: %s", i.ID, i.Title),
	}
}

// ofMeasure is the message about a measure that has come to a state people want to know of.
func ofMeasure(m *measure.Measure, severity incidents.Severity) *Message {
	var t strings.Builder
	fmt.Fprintf(&t, "%s (%s)\n", m.Target, m.Reason)
	switch m.State {
	case measure.PendingApproval:
		fmt.Fprintf(&t, "%s\npicket approve %d lets it happen, picket deny %d does not.\n", m.Ask, m.ID, m.ID)
	case measure.Error, measure.Denied, measure.Skipped:
		fmt.Fprintf(&t, "%s\n", m.Error)
	default:
		fmt.Fprintf(&t, "%s\n", m.Proof)
		if next := m.Next(); next != "" {
			fmt.Fprintf(&t, "%s\n", next)
		}
	}
	if m.Output.Text != "" {
		fmt.Fprintf(&t, "\n%s\n", m.Output.Text[:min(len(m.Output.Text), maxText)])
	}
	return &Message{
		Kind: "measure", Severity: severity, Measure: m, Text: t.String(),
		Title: fmt.Sprintf("measure %d (%s): %s", m.ID, m.Name, m.Word()),
	}
}
