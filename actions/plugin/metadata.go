package plugin

import (
	"os"
	"strconv"
	"strings"
	"time"

	"picket/actions/measure"
	"picket/incidents"
)

// Host is what plugins are told of this host.
type Host struct {
	ID   string   `json:"id"`  // /etc/machine-id
	Key  string   `json:"key"` // of the configuration
	FQDN string   `json:"fqdn"`
	Name string   `json:"name"`
	Tags []string `json:"tags"`
}

// ThisHost reads what the host knows of itself.
func ThisHost(key string, tags []string) Host {
	h := Host{Key: key, Tags: tags}
	h.Name, _ = os.Hostname() // a host without a name has none to tell
	h.FQDN = h.Name
	if id, err := os.ReadFile("/etc/machine-id"); err == nil {
		h.ID = strings.TrimSpace(string(id))
	}
	return h
}

// Metadata is what a plugin reads: the fields that monitoring agents hand over to their countermeasures, and our own.
type Metadata struct {
	OutageID     string         `json:"outage_id"`
	AlertLabel   string         `json:"alert_label"`
	Timestamp    int64          `json:"timestamp"` // seconds of Unix time, of the incident's start
	Severity     string         `json:"severity"`
	Reasons      []string       `json:"reasons"`
	ServerID     string         `json:"server_id"`
	ServerKey    string         `json:"server_key"`
	ServerFQDN   string         `json:"server_fqdn"`
	ServerName   string         `json:"server_name"`
	ServerTags   []string       `json:"server_tags"`
	Metrics      []string       `json:"metrics"`
	MetricTags   []string       `json:"metric_tags"`
	Resource     string         `json:"resource"`
	Services     []string       `json:"services"`
	MeasureID    measure.ID     `json:"measure_id"`
	Reason       string         `json:"reason"`
	Policy       string         `json:"policy,omitempty"`
	Attackers    []string       `json:"attackers"`
	Victims      []string       `json:"victims"`
	Users        []string       `json:"users"`
	Tags         []string       `json:"tags"`
	CommunityIDs []string       `json:"community_ids"`
	Processes    []processField `json:"processes"`
}

type processField struct {
	PID  int    `json:"pid"`
	Name string `json:"name"`
	Exe  string `json:"exe"`
	User string `json:"user"`
}

// metadata gathers what an order knows.
func metadata(o *measure.Order, h *Host) Metadata {
	m := Metadata{
		ServerID: h.ID, ServerKey: h.Key, ServerFQDN: h.FQDN, ServerName: h.Name, ServerTags: list(h.Tags),
		Timestamp: o.Measure.Created.Unix(), MeasureID: o.Measure.ID, Reason: o.Measure.Reason, Policy: o.Measure.Policy,
		Reasons: list(nil), Metrics: list(nil), MetricTags: list(nil), Services: list(nil), Attackers: list(nil),
		Victims: list(nil), Users: list(nil), Tags: list(nil), CommunityIDs: list(nil), Processes: []processField{},
	}
	if o.Finding != nil {
		m.Resource = o.Finding.Rule.ID
		if o.Finding.App != "" {
			m.Services = []string{o.Finding.App}
		}
	}
	if i := o.Incident; i != nil {
		m.ofIncident(i)
	}
	return m
}

func (m *Metadata) ofIncident(i *incidents.Incident) {
	m.OutageID, m.AlertLabel = strconv.FormatInt(int64(i.ID), 10), i.Title
	m.Timestamp, m.Severity = i.Opened.Unix(), i.Severity.String()
	m.Users, m.Tags, m.CommunityIDs = list(i.Users), list(i.Tags), list(i.Communities)
	for _, r := range i.Rules {
		m.Reasons = append(m.Reasons, r.Name)
	}
	for _, a := range i.Attackers {
		m.Attackers = append(m.Attackers, a.String())
	}
	for _, v := range i.Victims {
		m.Victims = append(m.Victims, v.Addr.String())
	}
	for _, p := range i.Processes {
		m.Processes = append(m.Processes, processField{p.PID, p.Name, p.Exe, p.User})
	}
}

// list is l, and never null in JSON.
func list(l []string) []string {
	if l == nil {
		return []string{}
	}
	return l
}

// stamp is how plugins and people read a time.
func stamp(t time.Time) string { return t.UTC().Format(time.RFC3339) }
