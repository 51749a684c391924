package sensor

import (
	"fmt"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"picket/actions"
)

// GateConfig is the operator's part of the gate in front of every measure.
type GateConfig struct {
	Private     Answer   `yaml:"private"`         // bans in private ranges: ask, allow, refuse
	FlowShare   float64  `yaml:"flow-share"`      // percent of all answered flows; who carries more is asked about; 0: off
	PerMinute   int      `yaml:"bans-per-minute"` // more are asked about; 0: any
	ClientShare float64  `yaml:"client-share"`    // percent of the known clients, banned within an hour; more are asked about; 0: any
	Upstreams   []string `yaml:"upstreams"`       // names and addresses that this host depends on: never banned
	Processes   []string `yaml:"processes"`       // names of processes that are never touched, beside the built-in list
	ASNDatabase string   `yaml:"asn-database"`    // MMDB file for AS numbers in bans.allow
}

// Answer is how the gate answers where it is left to the operator.
type Answer string

// UnmarshalText accepts ask, allow and refuse.
func (a *Answer) UnmarshalText(b []byte) error {
	return oneOf((*string)(a), string(b), "ask", "allow", "refuse")
}

func (a Answer) ruling() actions.Ruling {
	switch a {
	case "allow":
		return actions.Allowed
	case "refuse":
		return actions.Refused
	}
	return actions.AskFirst
}

// Party is somebody on an allow list: an address, a prefix, an autonomous system (AS64500) or a DNS name.
type Party struct {
	Prefix netip.Prefix
	System uint32 // 0: none
	Name   string
}

// UnmarshalText reads 192.0.2.1, 2001:db8::/32, AS64500 or vpn.example.net.
func (p *Party) UnmarshalText(b []byte) error {
	text := string(b)
	if prefix, err := actions.ParsePrefix(text); err == nil {
		p.Prefix = prefix
		return nil
	}
	if n, ok := strings.CutPrefix(strings.ToUpper(text), "AS"); ok {
		if v, err := strconv.ParseUint(n, 10, 32); err == nil && v > 0 {
			p.System = uint32(v)
			return nil
		}
	}
	if !isName(text) {
		return fmt.Errorf("%q is no address, prefix, AS number or DNS name", text)
	}
	p.Name = text
	return nil
}

// MarshalText is the party as it was written.
func (p Party) MarshalText() ([]byte, error) {
	switch {
	case p.Name != "":
		return []byte(p.Name), nil
	case p.System != 0:
		return fmt.Appendf(nil, "AS%d", p.System), nil
	}
	return []byte(actions.Text(p.Prefix)), nil
}

// isName tells whether text can be a DNS name (RFC 1123) and is no mistyped address: its last label has a letter.
func isName(text string) bool {
	labels := strings.Split(strings.TrimSuffix(text, "."), ".")
	for _, l := range labels {
		if l == "" || len(l) > 63 || strings.Trim(l, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_") != "" {
			return false
		}
	}
	last := labels[len(labels)-1]
	return len(text) <= 253 && len(labels) > 1 && strings.ContainsAny(strings.ToLower(last), "abcdefghijklmnopqrstuvwxyz")
}

// gateRules is the operator's part of the gate as the configuration has it.
func (c *Config) gateRules() actions.Rules {
	r := actions.Rules{
		Private: c.Gate.Private.ruling(), FlowShare: c.Gate.FlowShare / 100,
		PerMinute: c.Gate.PerMinute, ClientShare: c.Gate.ClientShare / 100, Processes: c.Gate.Processes,
	}
	r.Names = actions.TimeNames()
	for _, p := range c.Bans.Allow {
		switch {
		case p.Name != "":
			r.Names = append(r.Names, actions.NamedParty{Name: p.Name, Why: "on the allow list (" + p.Name + ")"})
		case p.Prefix.IsValid():
			r.Allow = append(r.Allow, p.Prefix)
		}
	}
	for _, u := range c.Gate.Upstreams {
		r.Names = append(r.Names, actions.NamedParty{Name: u, Why: "an upstream of this host (" + u + ")"})
	}
	for _, u := range proxies(os.Getenv, proxyLines()) {
		r.Names = append(r.Names, actions.NamedParty{Name: u, Why: "a proxy of this host (" + u + ")"})
	}
	return r
}

// proxies are the hosts of the proxies that picket's environment names, and those that lines of configurations do:
// "http_proxy=URL", and apt's "Acquire::http::Proxy "URL";".
func proxies(env func(string) string, lines []string) (hosts []string) {
	keys := []string{"http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"}
	var found []string
	for _, key := range keys {
		found = append(found, env(key))
	}
	for _, line := range lines {
		line = strings.TrimPrefix(strings.TrimSpace(line), "export ")
		if key, value, ok := strings.Cut(line, "="); ok && slices.Contains(keys, key) {
			found = append(found, strings.Trim(value, "\"'"))
		}
		if words := strings.Fields(line); len(words) == 2 && strings.HasPrefix(words[0], "Acquire::") && strings.HasSuffix(words[0], "::Proxy") {
			found = append(found, strings.Trim(words[1], "\";"))
		}
	}
	for _, f := range found {
		if u, err := url.Parse(f); err == nil && u.Hostname() != "" && !slices.Contains(hosts, u.Hostname()) {
			hosts = append(hosts, u.Hostname())
		}
	}
	return hosts
}

// proxyLines are the lines of the files in which this host's proxies are named.
func proxyLines() (lines []string) {
	files, _ := filepath.Glob("/etc/apt/apt.conf.d/*") // the pattern is right
	for _, file := range append(files, "/etc/environment", "/etc/apt/apt.conf") {
		text, _ := os.ReadFile(file) // most are not there, and root's
		lines = slices.AppendSeq(lines, strings.Lines(string(text)))
	}
	return lines
}

// systems are the AS numbers of the allow list.
func (c *BansConfig) systems() (numbers []uint32) {
	for _, p := range c.Allow {
		if p.System != 0 {
			numbers = append(numbers, p.System)
		}
	}
	return numbers
}

// openSystems opens the database that the AS numbers of the allow list need; nil without any.
func (c *Config) openSystems() (*actions.Systems, error) {
	numbers := c.Bans.systems()
	if len(numbers) == 0 {
		return nil, nil
	}
	if c.Gate.ASNDatabase == "" {
		return nil, fmt.Errorf("bans.allow names AS%d: gate.asn-database must name an MMDB file that says who is in it", numbers[0])
	}
	return actions.OpenSystems(c.Gate.ASNDatabase, numbers)
}

// prepareGate opens the gate with its record of decisions.
func (s *Sensor) prepareGate(c *Config) (err error) {
	rules := c.gateRules()
	if rules.Systems, err = c.openSystems(); err != nil {
		return err
	}
	s.gate = actions.NewGate(c.Mode != Enforce, rules, actions.ThisHost(), func(err error) {
		s.log.Warn("who must not be banned is known in part only", "error", err)
	})
	if s.decisions, err = actions.OpenDecisions(c.StateDir); err != nil {
		return err
	}
	s.gate.KeepDecisions(s.decisions)
	s.plan.history = s.gate.History()
	s.recallLogins()
	return nil
}

// gate checks what the gate's values must be.
func (v *validation) gate(g *GateConfig) {
	v.check(g.FlowShare >= 0 && g.FlowShare <= 100, "gate.flow-share", "percent, 25 is usual, 0 switches it off", "%g is no share", g.FlowShare)
	v.check(g.ClientShare >= 0 && g.ClientShare <= 100, "gate.client-share", "percent, 10 is usual, 0 switches it off", "%g is no share", g.ClientShare)
	v.check(g.PerMinute >= 0, "gate.bans-per-minute", "20000 is usual, 0 switches it off", "%d bans", g.PerMinute)
	v.check(len(v.c.Bans.systems()) == 0 || g.ASNDatabase != "", "bans.allow", "name an MMDB file in gate.asn-database", "AS numbers need a database")
	for i, u := range g.Upstreams {
		_, err := netip.ParseAddr(u)
		v.check(err == nil || isName(u), fmt.Sprintf("gate.upstreams[%d]", i), "a DNS name or an address", "%q is neither", u)
	}
}
