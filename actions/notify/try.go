package notify

import (
	"context"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"time"

	"picket/incidents"
)

// Trial is how a test of one receiver has ended.
type Trial struct {
	Receiver string
	Took     time.Duration
	Err      error
}

// Try sends a message that says it is a test to receivers, all of them without names, one after the other. It goes past the
// queue, grouping, quiet hours and severities; nothing of it is kept. by is who tests.
func Try(ctx context.Context, c *Config, by string, names ...string) (list []Trial, err error) {
	if len(names) == 0 {
		names = c.Names()
	}
	for _, name := range names {
		if _, known := c.Receivers[name]; !known {
			return nil, fmt.Errorf("receiver %q is not configured (known: %s)", name, strings.Join(slices.Sorted(maps.Keys(c.Receivers)), ", "))
		}
	}
	for _, name := range names {
		r := c.Receivers[name]
		within, cancel := context.WithTimeout(ctx, sendWithin)
		start := time.Now()
		err := newSender(&r, &threads{}).send(within, trial(name, by, start.UTC()))
		cancel()
		list = append(list, Trial{name, time.Since(start), err})
	}
	return list, nil
}

// trial is the message. Its incident, which there is not, ends a minute later, so that an Alertmanager forgets it.
func trial(receiver, by string, now time.Time) *Message {
	host, _ := os.Hostname() // a host without a name has none to tell
	title := "test: picket on " + host + " can tell you of incidents"
	return &Message{
		ID: "test", Receiver: receiver, Kind: "test", Title: title, Severity: incidents.Info, Time: now, Host: host,
		Text: fmt.Sprintf("%s tests receiver %s. Nothing has happened, and nothing is to be done.\n", by, receiver),
		Incident: &incidents.Incident{
			State: incidents.Resolved, Title: title, Severity: incidents.Info, Opened: now, Updated: now, Closed: now.Add(time.Minute), Rules: []incidents.RuleCount{},
		},
	}
}

// Kind is what a receiver is, and where its messages go, without anything secret.
func (r *Receiver) Kind() string {
	switch {
	case r.Mail != nil:
		return "mail to " + strings.Join(r.Mail.To, ", ")
	case r.Slack != nil && r.Slack.Token != "":
		return "slack " + r.Slack.Channel
	case r.Slack != nil:
		return "slack, an incoming webhook"
	case r.Webhook != nil:
		return "webhook" // its URL is a secret
	case r.Alertmanager != nil:
		return "alertmanager"
	case r.Syslog != nil:
		return strings.TrimSpace("syslog " + r.Syslog.Address)
	}
	return "wall"
}
