package library

// Rule is one file: what a failure looks like in the log of one service, and what follows.
type Rule struct {
	Name     string   `yaml:"name"` // of the jail
	About    string   `yaml:"about"`
	Logs     []string `yaml:"logs"`      // paths with wildcards
	Journal  []string `yaml:"journal"`   // alternatives, each of one or several of journalctl's matches: _COMM=sshd _UID=0
	Syslog   []string `yaml:"syslog"`    // programs whose messages are judged when picket receives syslog: sshd, ovpn-*
	Encoding string   `yaml:"encoding"`  // of the logs; "" finds out
	Zone     string   `yaml:"time-zone"` // of dates that name none; "" for the host's
	Ports    []string `yaml:"ports"`     // what a ban closes: 22, 8000:8080; none: all
	Protocol []string `yaml:"protocols"` // tcp when only ports are given
	Dates    string   `yaml:"dates"`     // date pattern; "" for the default ones
	Prefix   string   `yaml:"prefix"`    // what every line must match; its <F-CONTENT> is what failures see
	Failures []string `yaml:"failures"`  // the first that matches wins; <F-NAME>…</F-NAME> names a field
	Ignore   []string `yaml:"ignore"`    // lines that are no failure after all
	Lines    int      `yaml:"lines"`     // that one expression may span
	Limits   Limits   `yaml:"limits"`
	Observe  bool     `yaml:"observe"` // tell, ban nobody
	Hit      []Sample `yaml:"hit"`
	Miss     []string `yaml:"miss"`
}

// Limits says when failures are too many, and what follows. Spans are as in 10m, 1h30m, 1d, or seconds.
type Limits struct {
	Failures   int        `yaml:"failures"`
	Within     Span       `yaml:"within"`
	Ban        Span       `yaml:"ban"`         // -1: for good
	Count      string     `yaml:"count"`       // by what failures count together: address or user
	PrefixIPv4 int        `yaml:"prefix-ipv4"` // addresses of one network count together: the length of it
	PrefixIPv6 int        `yaml:"prefix-ipv6"`
	Ignore     []string   `yaml:"ignore"` // addresses and networks that never count, names, file:/path of such a list
	Crowd      Crowd      `yaml:"crowd"`
	Escalation Escalation `yaml:"escalation"`
}

// Crowd bans a network when so many of its addresses breach.
type Crowd struct {
	Addresses  int  `yaml:"addresses"`
	Within     Span `yaml:"within"`
	PrefixIPv4 int  `yaml:"prefix-ipv4"`
	PrefixIPv6 int  `yaml:"prefix-ipv6"`
}

// Escalation makes the bans of those who come again longer: doubled each time, or by multipliers.
type Escalation struct {
	Increment   bool      `yaml:"increment"`
	Factor      float64   `yaml:"factor"`
	Multipliers []float64 `yaml:"multipliers"`
	Max         Span      `yaml:"max"`
	Jitter      Span      `yaml:"jitter"` // at most so much is added by chance
}

// Span is a time span as it is written; "" is the default.
type Span string

// Sample is a line and what must be found in it.
type Sample struct {
	Line string `yaml:"line"`
	ID   string `yaml:"id"`
	User string `yaml:"user"` // "" if it does not matter
}

// Fault is something in a rule that cannot work.
type Fault struct {
	Key   string // where: "failures[2]"
	Cause string
	Hint  string
}

func (f *Fault) Error() string {
	text := f.Key + ": " + f.Cause
	if f.Hint != "" {
		text += " (" + f.Hint + ")"
	}
	return text
}
