package migration

import (
	"net"
	"path/filepath"
	"strconv"
	"strings"

	"picket/rules"
)

// Fate is what becomes of an action of fail2ban.
type Fate struct {
	Action   string `json:"action"`
	Kind     Kind   `json:"kind"`
	Ports    string `json:"ports,omitempty"`    // of a native ban: "22,80:90", "all"
	Protocol string `json:"protocol,omitempty"` // tcp, udp, "tcp,udp", all
	Answer   string `json:"answer,omitempty"`   // as the action has it: reject, drop
	Why      string `json:"why,omitempty"`      // of a refusal, and of what changes
	Unknown  bool   `json:"unknown,omitempty"`  // a port has a name that no service has: the jail can't start
}

// Kind is one of three fates.
type Kind string

// The fates.
const (
	Native  Kind = "native"  // picket bans by itself, with the same ports
	Command Kind = "command" // its commands run as in fail2ban
	Refused Kind = "refused" // it cannot be kept
)

// firewalls are picket's own ban, and the actions of fail2ban that ban in this host's firewall, by pattern of their file's name. What is listed
// before another wins.
var firewalls = []struct {
	pattern string
	all     bool // bans all ports whatever the jail's ports are
}{
	{rules.NativeAction, false}, {"nftables-allports", true}, {"nftables*", false},
	{"iptables*-allports", true}, {"iptables-xt_recent-echo", true}, {"iptables*", false},
	{"firewallcmd*-allports", true}, {"firewallcmd-*", false},
	{"ufw", true}, {"route", true}, {"hostsdeny", true}, {"shorewall*", true},
}

// FateOf tells what becomes of an action.
func FateOf(a *rules.Action) Fate {
	f := Fate{Action: a.Name}
	if a.Script != "" {
		f.script(a.File)
		return f
	}
	for _, w := range firewalls {
		if ok, _ := filepath.Match(w.pattern, a.File); ok {
			f.Kind = Native
			f.Answer, _ = a.Option("blocktype")
			f.scope(a, w.all)
			return f
		}
	}
	f.Kind = Command
	if ban, _ := a.Option("actionban"); strings.TrimSpace(ban) == "" {
		f.Kind, f.Why = Refused, "it has no actionban: nothing would be done"
	}
	return f
}

// script tells what becomes of an action in Python: picket sends smtp.py's mails by itself, and runs none.
func (f *Fate) script(file string) {
	if file == "smtp.py" {
		f.Kind, f.Why = Command, "picket sends its mails by itself, without Python"
		return
	}
	f.Kind, f.Why = Refused, "it is written in Python, which picket does not run (write a command, or picket's own notifications)"
	if file == "badips.py" {
		f.Why = "badips.com has ended its service (take the action out of the jail); picket runs no Python"
	}
}

// scope reads the ports that an action closes.
func (f *Fate) scope(a *rules.Action, all bool) {
	f.Ports, f.Protocol = "all", "all"
	kind, _ := a.Option("type")
	text, _ := a.Option("port")
	if all || kind == "allports" || text == "all" {
		return
	}
	if f.Protocol, _ = a.Option("protocol"); f.Protocol == "" {
		f.Protocol = "tcp"
	}
	ports, unknown := portNumbers(text, f.Protocol)
	switch {
	case len(unknown) > 0: // nft and iptables refuse it, too
		f.Kind, f.Ports, f.Unknown = Refused, text, true
		f.Why = "no service is called " + strings.Join(unknown, ", ") + " (write the port's number in the jail's port=, or name the service in /etc/services)"
	case ports == "" || ports == "0:65535":
		f.Ports = "all"
	default:
		f.Ports = ports
	}
}

// portNumbers reads ports, ranges and names of services, with commas or white space between.
func portNumbers(text, protocol string) (ports string, unknown []string) {
	network, _, _ := strings.Cut(protocol, ",")
	var numbers []string
	for _, word := range strings.FieldsFunc(text, func(r rune) bool { return r == ',' || r == ' ' || r == '\t' || r == '\n' }) {
		if strings.Trim(word, "0123456789:") == "" {
			numbers = append(numbers, word)
			continue
		}
		n, err := net.LookupPort(network, word)
		if err != nil {
			unknown = append(unknown, word)
			continue
		}
		numbers = append(numbers, strconv.Itoa(n))
	}
	return strings.Join(numbers, ","), unknown
}
