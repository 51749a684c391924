package sensor

import (
	"cmp"
	"encoding"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/goccy/go-yaml"

	"picket/actions/notify"
	"picket/actions/policy"
	"picket/outputs/eve"
	"picket/rules/library"
	"picket/sensor/strict"
	"picket/sensor/suricata"
	"picket/signatures/language"
)

// Config is everything an operator can say to picket, one YAML file (docs/configuration.md). Default is in
// force for what the file leaves out; Suricata.File adds the detection settings of an existing suricata.yaml.
type Config struct {
	Mode          Mode             `yaml:"mode"`      // observe: see and tell; enforce: also drop, reject and ban
	StateDir      string           `yaml:"state-dir"` // bans and counters that survive a restart
	Socket        string           `yaml:"socket"`    // control socket of picket status, ban, reload ...
	Workers       int              `yaml:"workers"`   // packet workers for each ring or file; 0: one per core
	Capture       CaptureConfig    `yaml:"capture"`
	Signatures    SignaturesConfig `yaml:"signatures"`
	Suricata      SuricataConfig   `yaml:"suricata"`
	EVE           EVEConfig        `yaml:"eve"`
	Logs          LogsConfig       `yaml:"logs"`
	Bans          BansConfig       `yaml:"bans"`
	Gate          GateConfig       `yaml:"gate"`
	Incidents     IncidentsConfig  `yaml:"incidents"`
	Policies      policy.Config    `yaml:"policies"`
	Measures      MeasuresConfig   `yaml:"measures"`
	Plugins       PluginsConfig    `yaml:"plugins"`
	Notifications notify.Config    `yaml:"notifications"`
	Metrics       MetricsConfig    `yaml:"metrics"`

	path   string
	places strict.Places
}

// Mode says whether picket may touch traffic.
type Mode string

// The modes.
const (
	Observe Mode = "observe"
	Enforce Mode = "enforce"
)

// UnmarshalText accepts observe and enforce.
func (m *Mode) UnmarshalText(b []byte) error {
	return oneOf((*string)(m), string(b), "observe", "enforce")
}

func oneOf(to *string, text string, words ...string) error {
	for _, w := range words {
		if text == w {
			*to = w
			return nil
		}
	}
	return fmt.Errorf("%q is none of %s", text, strings.Join(words, ", "))
}

// CaptureConfig says where packets come from. With neither Inline nor Passive, picket listens passively on the
// interfaces that hold a default route.
type CaptureConfig struct {
	Passive PassiveConfig `yaml:"passive"`
	Inline  InlineConfig  `yaml:"inline"`
}

// PassiveConfig is an IDS on AF_PACKET rings.
type PassiveConfig struct {
	Interfaces  []string `yaml:"interfaces"`
	Promiscuous bool     `yaml:"promiscuous"`
	Ring        Size     `yaml:"ring"` // memory of one ring
}

// InlineConfig is an IPS on NFQUEUE.
type InlineConfig struct {
	Enabled    bool          `yaml:"enabled"`
	Hooks      []Hook        `yaml:"hooks"`      // forward, input, output
	Queue      uint16        `yaml:"queue"`      // number of the first queue
	Queues     uint16        `yaml:"queues"`     // how many, one worker each; 0: one per core
	Bypass     bool          `yaml:"bypass"`     // traffic passes while picket is not running
	FailOpen   bool          `yaml:"fail-open"`  // traffic passes uninspected when the queue is full
	Length     uint32        `yaml:"length"`     // packets that may wait in a queue
	Watchdog   time.Duration `yaml:"watchdog"`   // a queue whose worker hangs this long is closed
	Interfaces []string      `yaml:"interfaces"` // only traffic that came in here; empty: all
	Offload    bool          `yaml:"offload"`    // flows that need no more inspection leave the queue
	OffloadBit uint8         `yaml:"offload-bit"`
	Install    bool          `yaml:"install"` // install the queue rule; no: the operator's own rules queue
}

// Hook is a netfilter hook.
type Hook string

// UnmarshalText accepts forward, input and output.
func (h *Hook) UnmarshalText(b []byte) error {
	return oneOf((*string)(h), string(b), "forward", "input", "output")
}

// Size is a number of bytes written with a unit: 64MiB.
type Size uint64

// UnmarshalText reads bytes with kb, mb, gb, KiB, MiB, GiB.
func (s *Size) UnmarshalText(b []byte) error {
	v, ok := suricata.ParseSize(string(b))
	if !ok {
		return fmt.Errorf("%q is not a size (write 512KiB, 64MiB or 1GiB)", b)
	}
	*s = Size(v)
	return nil
}

// SignaturesConfig says which rules judge.
type SignaturesConfig struct {
	Files          []string          `yaml:"files"`   // globs of rule files
	Library        bool              `yaml:"library"` // picket's own rules
	Addresses      map[string]string `yaml:"addresses"`
	Ports          map[string]string `yaml:"ports"`
	Classification string            `yaml:"classification"`
	References     string            `yaml:"references"`
	Threshold      string            `yaml:"threshold"`
}

// SuricataConfig takes detection settings over from Suricata.
type SuricataConfig struct {
	File string   `yaml:"file"`
	Set  []string `yaml:"set"` // "stream.midstream=true", as --set
}

// EVEConfig is the EVE JSON output.
type EVEConfig struct {
	Enabled     bool          `yaml:"enabled"`
	File        string        `yaml:"file"`
	Types       []string      `yaml:"types"` // empty: all
	CommunityID bool          `yaml:"community-id"`
	Queue       int           `yaml:"queue"` // records that may wait for the disk
	Stats       time.Duration `yaml:"stats-interval"`
}

// LogsConfig says which logs are judged, in fail2ban's place.
type LogsConfig struct {
	Fail2ban string `yaml:"fail2ban"` // folder of its configuration (/etc/fail2ban): its enabled jails work here
	// Socket is where fail2ban's clients are answered: a path, "off", or "" for the one that fail2ban.conf names.
	Socket   string `yaml:"fail2ban-socket"`
	TakeOver bool   `yaml:"take-over"` // once, at the first start: bans and their counts from fail2ban's own database

	// BanLog is the file where bans are written down in fail2ban's words: a path, "off", or "" for the log that
	// fail2ban.conf names.
	BanLog string `yaml:"ban-log"`

	Rules   []string            `yaml:"rules"`   // globs of rule files in our own form
	Library []string            `yaml:"library"` // shipped rules by name; discovered: those whose log is on this host
	Adjust  map[string]LogRules `yaml:"adjust"`  // what is different here, by the name of a shipped rule

	Syslog     []string `yaml:"syslog"`      // where messages are received: udp://127.0.0.1:514, unix:///run/picket/log
	SyslogFrom []Party  `yaml:"syslog-from"` // who may send over UDP and TCP; empty: this host
}

// LogRules is what an operator may say of a shipped rule without writing one.
type LogRules struct {
	Logs    []string       `yaml:"logs"`
	Journal []string       `yaml:"journal"`
	Syslog  []string       `yaml:"syslog"`
	Ports   []string       `yaml:"ports"`
	Limits  library.Limits `yaml:"limits"`
	Observe bool           `yaml:"observe"`
}

// BansConfig says who may be banned and what bans.
type BansConfig struct {
	Allow    []Party     `yaml:"allow"` // never banned, beside this host, its gateways, resolvers and sessions
	Policies []BanPolicy `yaml:"policies"`
	Devices  []string    `yaml:"devices"` // interfaces with an ingress chain; empty: those with a default route
	Max      int         `yaml:"max"`     // bans that may stand at once
}

// BanPolicy bans the source of alerts. A policy with several selectors wants all of them.
type BanPolicy struct {
	SID       []uint32      `yaml:"sid"`
	Classtype []string      `yaml:"classtype"`
	Severity  uint8         `yaml:"severity"` // this one and more severe (1 is the most)
	For       time.Duration `yaml:"for"`
	V4Prefix  uint8         `yaml:"prefix4"` // ban the whole /N of an IPv4 source
	V6Prefix  uint8         `yaml:"prefix6"`
}

var (
	_ encoding.TextUnmarshaler = (*Mode)(nil)
	_ encoding.TextUnmarshaler = (*Size)(nil)
	_ encoding.TextUnmarshaler = (*Party)(nil)
)

// Default is the configuration of a picket that was told nothing: passive, observing, harmless.
func Default() *Config {
	return &Config{
		Mode:     Observe,
		StateDir: "/var/lib/picket",
		Socket:   "/run/picket/control.sock",
		Capture: CaptureConfig{
			Passive: PassiveConfig{Ring: 32 << 20},
			Inline: InlineConfig{
				Hooks: []Hook{"forward"}, Bypass: true, FailOpen: true, Length: 4096,
				Watchdog: 2 * time.Second, Offload: true, OffloadBit: 16, Install: true,
			},
		},
		Signatures:    SignaturesConfig{Library: true},
		Logs:          LogsConfig{Library: []string{"sshd"}},
		EVE:           EVEConfig{File: "eve.json", CommunityID: true, Queue: 65536, Stats: 8 * time.Second},
		Bans:          BansConfig{Max: 1 << 20},
		Gate:          GateConfig{Private: "ask", FlowShare: 25, PerMinute: 20000, ClientShare: 10},
		Incidents:     defaultIncidents(),
		Policies:      policy.Config{Mode: policy.Enforce},
		Measures:      MeasuresConfig{Workers: 8, Max: 16384, Prove: time.Minute},
		Plugins:       defaultPlugins(),
		Notifications: notify.Default(),
	}
}

// LoadConfig reads a configuration file and reports all its faults at once.
func LoadConfig(path string) (*Config, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read configuration: %w", err)
	}
	return ParseConfig(path, text)
}

// ParseConfig is LoadConfig on text; path names it in faults and is where relative names begin.
func ParseConfig(path string, text []byte) (*Config, error) {
	c := Default()
	c.path = path
	places, faults := strict.Decode(path, text, c)
	c.places = places
	c.Logs.settle(places)
	faults = append(faults, c.validate(faults)...)
	if len(faults) > 0 {
		slices.SortStableFunc(faults, func(a, b strict.Fault) int { return cmp.Or(cmp.Compare(a.File, b.File), a.Line-b.Line, a.Col-b.Col) })
		return nil, faults
	}
	return c, nil
}

// Validate lists every fault that a value of the right kind can still have.
func (c *Config) Validate() strict.Faults { return c.validate(nil) }

// validate is Validate without what is in told already: a value that could not be read is one fault, not two.
func (c *Config) validate(told strict.Faults) strict.Faults {
	v := validation{c: c, told: map[string]bool{}}
	for _, f := range told {
		v.told[f.Key] = true
	}
	v.check(c.Workers >= 0 && c.Workers <= 256, "workers", "0 to 256", "%d workers", c.Workers)
	v.check(c.StateDir != "", "state-dir", "name a folder", "is empty")
	in := &c.Capture.Inline
	v.check(!in.Enabled || len(in.Hooks) > 0, "capture.inline.hooks", "forward for a gateway, input and output for a host", "no hook is given")
	v.check(int(in.Queue)+int(in.Queues) <= 65536, "capture.inline.queues", "queues are numbered 0 to 65535", "queues %d to %d", in.Queue, int(in.Queue)+int(in.Queues)-1)
	v.check(in.OffloadBit < 32, "capture.inline.offload-bit", "0 to 31", "bit %d is not in a mark", in.OffloadBit)
	v.check(in.Length > 0, "capture.inline.length", "4096 is usual", "a queue of no packets drops all")
	v.check(in.Watchdog == 0 || in.Watchdog >= 100*time.Millisecond, "capture.inline.watchdog", "2s is usual, 0 switches it off", "%s is shorter than a busy moment", in.Watchdog)
	v.check(c.Capture.Passive.Ring >= 1<<20, "capture.passive.ring", "32MiB is usual", "%d bytes are no ring", c.Capture.Passive.Ring)
	v.check(c.EVE.Queue > 0, "eve.queue", "65536 is usual", "no room for records")
	for i, name := range c.EVE.Types {
		v.check(slices.Contains(eve.Events(), name), fmt.Sprintf("eve.types[%d]", i), nearest(name, eve.Events()), "there are no records of type %q", name)
	}
	v.check(c.Bans.Max > 0, "bans.max", "1048576 is usual", "no ban may stand")
	v.gate(&c.Gate)
	v.incidents(&c.Incidents)
	v.measures(&c.Measures)
	v.plugins(&c.Plugins)
	v.metrics(&c.Metrics)
	for _, f := range c.Notifications.Check() {
		v.check(false, "notifications."+f.Key, f.Hint, "%s", f.Cause)
	}
	for i := range c.Bans.Policies {
		v.policy(fmt.Sprintf("bans.policies[%d]", i), &c.Bans.Policies[i])
	}
	v.logRules()
	v.syslog(&c.Logs)
	for i, pattern := range c.Signatures.Files {
		_, err := filepath.Match(pattern, "")
		v.check(err == nil, fmt.Sprintf("signatures.files[%d]", i), "[ and ] must match", "%q is not a file name pattern", pattern)
	}
	v.policies()
	return v.faults
}

type validation struct {
	c      *Config
	told   map[string]bool // keys whose fault is known
	faults strict.Faults
}

func (v *validation) check(ok bool, key, hint, cause string, args ...any) {
	if ok || v.told[key] {
		return
	}
	v.faults = append(v.faults, v.c.places.Fault(v.c.path, key, fmt.Sprintf(cause, args...), hint))
}

func (v *validation) policy(key string, p *BanPolicy) {
	v.check(len(p.SID)+len(p.Classtype) > 0 || p.Severity > 0, key, "give sid, classtype or severity", "selects every alert")
	v.check(p.For > 0, key+".for", "write for: 1h", "no time is given")
	v.check(p.V4Prefix <= 32, key+".prefix4", "24 bans the /24", "an IPv4 prefix has at most 32 bits")
	v.check(p.V6Prefix <= 128, key+".prefix6", "64 bans the /64", "an IPv6 prefix has at most 128 bits")
}

// workers is how many packet workers a source gets.
func (c *Config) workers() int {
	if c.Workers > 0 {
		return c.Workers
	}
	return runtime.NumCPU()
}

// vars are the rule variables in force: defaults, then suricata.yaml, then picket's own.
func (c *Config) vars(s *suricata.Settings) language.Vars {
	v := language.DefaultVars()
	overlay(v.Address, s.Map("vars.address-groups"))
	overlay(v.Port, s.Map("vars.port-groups"))
	overlay(v.Address, c.Signatures.Addresses)
	overlay(v.Port, c.Signatures.Ports)
	return v
}

func overlay(to, from map[string]string) {
	for k, v := range from {
		to[k] = v
	}
}

// queues is the number of queues, one worker each.
func (c *InlineConfig) queues() uint16 {
	if c.Queues > 0 {
		return c.Queues
	}
	return uint16(runtime.NumCPU())
}

// mark is the bit that takes a connection out of the queue.
func (c *InlineConfig) mark() uint32 { return 1 << c.OffloadBit }

// Text is the whole configuration that is in force, as YAML that can be read back.
func (c *Config) Text() string {
	text, err := yaml.Marshal(c)
	if err != nil {
		return fmt.Sprintf("# the configuration cannot be printed: %v\n", err)
	}
	return string(text)
}

// fixed lists the keys that differ from another configuration and can't be changed while picket is at work.
func (c *Config) fixed(o *Config) (keys []string) {
	for _, k := range []struct {
		key  string
		same bool
	}{
		{"mode", c.Mode == o.Mode},
		{"state-dir", c.StateDir == o.StateDir},
		{"socket", c.Socket == o.Socket},
		{"workers", c.Workers == o.Workers},
		{"capture", reflect.DeepEqual(c.Capture, o.Capture)},
		{"logs", reflect.DeepEqual(c.Logs, o.Logs)},
		{"eve", reflect.DeepEqual(c.EVE, o.EVE)},
		{"incidents", c.Incidents == o.Incidents},
		{"measures", c.Measures == o.Measures},
		{"plugins", reflect.DeepEqual(c.Plugins, o.Plugins)},
		{"notifications", reflect.DeepEqual(c.Notifications, o.Notifications)},
		{"metrics", c.Metrics == o.Metrics},
		{"bans.devices", slices.Equal(c.Bans.Devices, o.Bans.Devices)},
	} {
		if !k.same {
			keys = append(keys, k.key)
		}
	}
	return keys
}
