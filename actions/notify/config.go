package notify

import (
	"errors"
	"fmt"
	"maps"
	"net/url"
	"os"
	"slices"
	"strings"
	"time"

	"picket/incidents"
)

// Config says who is told, and how. It is the section notifications of the configuration.
type Config struct {
	GroupWait time.Duration       `yaml:"group-wait"`      // what comes within this time after the first becomes one message
	Repeat    time.Duration       `yaml:"repeat-interval"` // an incident that is open still is told again; 0: never
	MaxAge    time.Duration       `yaml:"max-age"`         // a message that could not be delivered for so long is given up
	Receivers map[string]Receiver `yaml:"receivers"`
}

// Default is the configuration of a picket that was told nothing.
func Default() Config {
	return Config{GroupWait: 10 * time.Second, Repeat: 4 * time.Hour, MaxAge: 24 * time.Hour}
}

// Names lists the receivers.
func (c *Config) Names() []string { return slices.Sorted(maps.Keys(c.Receivers)) }

// Receiver is one place where messages go. Exactly one of its kinds is set.
type Receiver struct {
	Mail         *Mail         `yaml:"mail"`
	Slack        *Slack        `yaml:"slack"`
	Webhook      *Webhook      `yaml:"webhook"`
	Alertmanager *Alertmanager `yaml:"alertmanager"`
	Syslog       *Syslog       `yaml:"syslog"`
	Wall         *WallConfig   `yaml:"wall"`

	MinSeverity incidents.Severity `yaml:"min-severity"` // less is not told
	Resolved    *bool              `yaml:"resolved"`     // tell when the incident is resolved; yes if not given
	Quiet       []QuietHours       `yaml:"quiet"`
}

// QuietHours hold back what is less severe than Except until they are over.
type QuietHours struct {
	From   Clock              `yaml:"from"` // "22:00"
	To     Clock              `yaml:"to"`   // "06:30"; before From: on the next day
	Zone   string             `yaml:"zone"` // "Europe/Berlin"; empty: the host's
	Except incidents.Severity `yaml:"except"`
}

// Mail goes through an outside SMTP server.
type Mail struct {
	Host     string   `yaml:"host"`
	Port     int      `yaml:"port"` // 0: 587
	TLS      string   `yaml:"tls"`  // starttls (default), implicit, none
	CAFile   string   `yaml:"ca-file"`
	User     string   `yaml:"user"`
	Password Secret   `yaml:"password"`
	From     string   `yaml:"from"`
	To       []string `yaml:"to"`
}

// Slack posts with a bot's token, one thread for each incident; with an incoming webhook alone there are no threads.
type Slack struct {
	Token   Secret `yaml:"token"`
	Channel string `yaml:"channel"`
	Webhook Secret `yaml:"webhook"`
	API     string `yaml:"api"` // empty: https://slack.com/api
}

// Webhook posts the message as JSON.
type Webhook struct {
	URL     string            `yaml:"url"`
	Headers map[string]Secret `yaml:"headers"`
}

// Alertmanager speaks its API v2.
type Alertmanager struct {
	URL    string            `yaml:"url"` // http://alertmanager:9093
	User   string            `yaml:"user"`
	Pass   Secret            `yaml:"password"`
	Labels map[string]string `yaml:"labels"`
}

// Syslog writes to a syslog server; without an address to the host's own.
type Syslog struct {
	Network  string `yaml:"network"` // udp, tcp; empty: local
	Address  string `yaml:"address"`
	Facility string `yaml:"facility"` // daemon if not given
}

// WallConfig writes to all terminals.
type WallConfig struct{}

// Secret names where a secret is: "file:/etc/picket/smtp.password" or "env:SMTP_PASSWORD". The secret itself is read
// when it is used, and never kept, printed or logged.
type Secret string

// UnmarshalText refuses a secret that stands in the configuration itself.
func (s *Secret) UnmarshalText(b []byte) error {
	text := string(b)
	if !strings.HasPrefix(text, "file:") && !strings.HasPrefix(text, "env:") {
		return errors.New("a secret does not stand in the configuration: write file:/path or env:NAME")
	}
	*s = Secret(text)
	return nil
}

// maxSecret bounds a secret's file.
const maxSecret = 64 << 10

// Value reads the secret; without one it is "".
func (s Secret) Value() (string, error) {
	if path, ok := strings.CutPrefix(string(s), "file:"); ok {
		text, err := os.ReadFile(path)
		if err != nil {
			return "", fmt.Errorf("read a secret: %w", err)
		}
		return strings.TrimRight(string(text[:min(len(text), maxSecret)]), "\r\n"), nil
	}
	if name, ok := strings.CutPrefix(string(s), "env:"); ok {
		value := os.Getenv(name)
		if value == "" {
			return "", fmt.Errorf("read a secret: the environment has no %s", name)
		}
		return value, nil
	}
	return "", nil
}

// Clock is a time of day in minutes.
type Clock int

// UnmarshalText reads "22:30".
func (c *Clock) UnmarshalText(b []byte) error {
	t, err := time.Parse("15:04", string(b))
	if err != nil {
		return fmt.Errorf("%q is not a time of day (write 22:30)", b)
	}
	*c = Clock(t.Hour()*60 + t.Minute())
	return nil
}

// MarshalText writes "22:30".
func (c Clock) MarshalText() ([]byte, error) { return fmt.Appendf(nil, "%02d:%02d", c/60, c%60), nil }

// Fault is what is wrong with a value: where, below notifications, and why.
type Fault struct{ Key, Cause, Hint string }

// Check finds everything that is wrong with values of the right kind.
func (c *Config) Check() (faults []Fault) {
	for name, r := range c.Receivers {
		key := "receivers." + name
		if n := r.kinds(); n != 1 {
			faults = append(faults, Fault{key, fmt.Sprintf("%d kinds are given", n), "give one of mail, slack, webhook, alertmanager, syslog, wall"})
		}
		for _, f := range r.check() {
			faults = append(faults, Fault{key + "." + f.Key, f.Cause, f.Hint})
		}
		for i, q := range r.Quiet {
			if _, err := time.LoadLocation(q.Zone); err != nil {
				faults = append(faults, Fault{fmt.Sprintf("%s.quiet[%d].zone", key, i), err.Error(), "write Europe/Berlin, UTC"})
			}
		}
	}
	return faults
}

func (r *Receiver) kinds() (n int) {
	for _, set := range []bool{r.Mail != nil, r.Slack != nil, r.Webhook != nil, r.Alertmanager != nil, r.Syslog != nil, r.Wall != nil} {
		if set {
			n++
		}
	}
	return n
}

func (r *Receiver) check() (faults []Fault) {
	want := func(ok bool, key, cause, hint string) {
		if !ok {
			faults = append(faults, Fault{key, cause, hint})
		}
	}
	if m := r.Mail; m != nil {
		want(m.Host != "", "mail.host", "is missing", "the SMTP server's name")
		want(m.From != "", "mail.from", "is missing", "picket@example.net")
		want(len(m.To) > 0, "mail.to", "is missing", "[ops@example.net]")
		want(m.TLS == "" || m.TLS == "starttls" || m.TLS == "implicit" || m.TLS == "none", "mail.tls", m.TLS+" is not known", "starttls, implicit or none")
		want(m.TLS != "none" || m.Password == "", "mail.password", "would be sent in the clear", "set tls to starttls or implicit")
	}
	if s := r.Slack; s != nil {
		want(s.Webhook != "" || s.Token != "" && s.Channel != "", "slack", "neither token and channel nor webhook are given", "a bot token makes threads possible")
	}
	if w := r.Webhook; w != nil {
		want(isURL(w.URL), "webhook.url", w.URL+" is no URL", "https://example.net/hook")
	}
	if a := r.Alertmanager; a != nil {
		want(isURL(a.URL), "alertmanager.url", a.URL+" is no URL", "http://alertmanager:9093")
	}
	if s := r.Syslog; s != nil {
		want((s.Network == "") == (s.Address == ""), "syslog", "network and address belong together", "network: udp, address: 192.0.2.1:514")
		_, known := facilities[s.Facility]
		want(known, "syslog.facility", s.Facility+" is not known", "daemon, auth, local0 …")
	}
	return faults
}

func isURL(text string) bool {
	u, err := url.Parse(text)
	return err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Host != ""
}

// tells whether the resolution of an incident is told.
func (r *Receiver) resolved() bool { return r.Resolved == nil || *r.Resolved }

// heldUntil is the end of the quiet hours that hold back a severity at a moment; zero: it goes at once.
func (r *Receiver) heldUntil(s incidents.Severity, now time.Time) time.Time {
	for _, q := range r.Quiet {
		if end, in := q.end(now); in && (q.Except == incidents.Info || s < q.Except) {
			return end
		}
	}
	return time.Time{}
}

// end is when the quiet hours that run at a moment are over.
func (q *QuietHours) end(now time.Time) (time.Time, bool) {
	zone, err := time.LoadLocation(q.Zone)
	if q.Zone == "" || err != nil {
		zone = time.Local
	}
	now = now.In(zone)
	at := Clock(now.Hour()*60 + now.Minute())
	in := q.From <= at && at < q.To
	if q.To <= q.From {
		in = at >= q.From || at < q.To
	}
	if !in {
		return time.Time{}, false
	}
	end := time.Date(now.Year(), now.Month(), now.Day(), int(q.To)/60, int(q.To)%60, 0, 0, zone)
	if !end.After(now) {
		end = end.AddDate(0, 0, 1)
	}
	return end, true
}
