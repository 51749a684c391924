package sensor

import (
	"bytes"
	"context"
	"net/netip"
	"strconv"
	"time"

	"picket/incidents"
	"picket/watch"
	"picket/watch/logins"
)

// login is a successful login that a line of sshd's tells.
type login struct {
	user, method string
	from         netip.AddrPort
}

// sshLogin reads "… sshd[123]: Accepted publickey for bob from 192.0.2.1 port 4711 ssh2". What stands before the program's
// name is the log's; the first program's name counts, so that nobody can put the words into a user name. It allocates
// only when the line is a login.
func sshLogin(line []byte) (l login, ok bool) {
	rest, ok := message(line)
	if !ok {
		return login{}, false
	}
	rest, ok = bytes.CutPrefix(rest, []byte("Accepted "))
	if !ok {
		return login{}, false
	}
	method, rest, ok1 := bytes.Cut(rest, []byte(" for "))
	from := bytes.LastIndex(rest, []byte(" from "))
	if !ok1 || from < 0 || bytes.IndexByte(method, ' ') >= 0 {
		return login{}, false
	}
	words := bytes.Fields(rest[from+len(" from "):])
	if len(words) < 3 || string(words[1]) != "port" {
		return login{}, false
	}
	addr, err1 := netip.ParseAddr(string(words[0]))
	port, err2 := strconv.ParseUint(string(words[2]), 10, 16)
	if err1 != nil || err2 != nil {
		return login{}, false
	}
	return login{user: string(rest[:from]), method: string(method), from: netip.AddrPortFrom(addr.Unmap(), uint16(port))}, true
}

// message is what sshd has written, if the line is sshd's: the program is the first word that ends in "]:" or ":" behind
// the date and the host.
func message(line []byte) ([]byte, bool) {
	end := bytes.Index(line, []byte("]: "))
	if end < 0 {
		return nil, false
	}
	head := line[:end]
	name := head[bytes.LastIndexByte(head, ' ')+1:]
	program, _, _ := bytes.Cut(name, []byte{'['})
	if string(program) != "sshd" && string(program) != "sshd-session" {
		return nil, false
	}
	return line[end+len("]: "):], true
}

// ofNow tells whether a line begins with a date of this moment, as syslog daemons write it: "Nov 21 05:00:00" or RFC 3339.
func ofNow(line []byte, now time.Time) bool {
	word, _, _ := bytes.Cut(line, []byte{' '})
	if at, err := time.Parse(time.RFC3339Nano, string(word)); err == nil {
		return now.Sub(at).Abs() < freshLine
	}
	if len(line) < len(time.Stamp) {
		return false
	}
	at, err := time.ParseInLocation(time.Stamp, string(line[:len(time.Stamp)]), now.Location())
	return err == nil && now.Sub(at.AddDate(now.Year(), 0, 0)).Abs() < freshLine
}

// freshLine is the age up to which a line tells of a login that may have no session yet.
const freshLine = 10 * time.Second

const (
	// maxPastLogins and pastLogins bound what the gate is told at the start of logins of before.
	maxPastLogins = 4096
	pastLogins    = 30 * 24 * time.Hour
)

// recallLogins tells the gate's history who has logged in before this start, as this host's records tell: whoever works here
// has something to lose by a ban.
func (s *Sensor) recallLogins() {
	list, from, err := logins.Past(maxPastLogins)
	if err != nil {
		s.log.Debug("logins of before the start are not known", "from", from, "error", err)
	}
	since := time.Now().Add(-pastLogins)
	for i := range list {
		if l := &list[i]; l.Addr.IsValid() && l.At.After(since) {
			s.gate.History().Login(l.Addr, l.At.UnixNano(), incidents.Printable(l.User))
		}
	}
}

// vouchFor tells the gate's history, and its list of sessions, of a login on this host.
func (s *Sensor) vouchFor(l *login, at time.Time) {
	s.gate.History().Login(l.from.Addr(), at.UnixNano(), l.user)
	if now := time.Now(); now.Sub(at) < freshLine {
		s.gate.LoggedIn(l.from.Addr(), now)
	}
}

// noteLogin tells the gate's history and the casebook of a login that a line tells: no breach, but a step of a chain
// when it comes after an attack. A log that picket is not done catching up with (an attack may keep it from that for
// long) may tell of old ones: then the line's own date decides. A line from the network is no reason to spare anyone: it
// tells of another host, or is forged.
func (s *Sensor) noteLogin(ctx context.Context, o *watch.Observation, live bool) {
	l, ok := sshLogin(o.Line)
	if !ok || l.user == "" || !live && !ofNow(o.Line, time.Now()) {
		return
	}
	at := time.Now().UTC()
	if o.When != 0 {
		at = time.Unix(0, o.When).UTC()
	}
	if !overNetwork(o) {
		s.vouchFor(&l, at)
	}
	f := &incidents.Finding{
		Time: at, Kind: incidents.Login, Rule: incidents.Rule{ID: "sshd:login", Name: "login by ssh"}, Severity: incidents.Info,
		Confidence: 50, Stage: incidents.Foothold, Attacker: incidents.Endpoint{Addr: l.from.Addr(), Port: l.from.Port()},
		Host: o.Host(), User: l.user, Proto: "tcp", App: "ssh", Text: l.method,
		Evidence: []incidents.Evidence{{Time: at, Kind: "line", Name: "login", Type: "text/plain", Data: append([]byte(nil), o.Line...)}},
	}
	if f.Host == "" {
		f.Host = s.host
	}
	s.found(ctx, f)
}
