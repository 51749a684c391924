package main

import (
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"picket/capture/nstest"
)

// sends dials from a host and writes messages, each with one Write: a datagram each where the network has them.
func (s *station) sends(from *nstest.Host, network, address string, messages ...string) {
	s.t.Helper()
	var c net.Conn
	var err error
	from.Do(s.t, func() { c, err = net.Dial(network, address) })
	if err != nil {
		s.t.Fatal(err)
	}
	defer c.Close()
	for _, m := range messages {
		if _, err := io.WriteString(c, m); err != nil {
			s.t.Fatal(err)
		}
	}
}

// failures are five failed logins of an address, each framed as format says.
func failures(format, addr string) (list []string) {
	for i := range 5 {
		list = append(list, fmt.Sprintf(format, 1000+i, addr))
	}
	return list
}

// octets frames messages by their lengths (RFC 6587 section 3.4.1).
func octets(messages []string) (list []string) {
	for _, m := range messages {
		list = append(list, fmt.Sprintf("%d %s", len(m), m))
	}
	return list
}

// TestSyslogBans sends messages over UDP, TCP in both framings, and Unix sockets, as programs and other hosts do: picket's own
// rule and a jail of fail2ban ban by them. Who is not on the list is not heard, and a login that the network tells of
// spares nobody.
func TestSyslogBans(t *testing.T) {
	g := nstest.NewGateway(t)
	s := prepare(t, g, "capture: {passive: {interfaces: [toa]}}\n")
	d := newDoorkeeper(t)
	local := "[door]\nlogpath = syslog:door*\naction = nftables-multiport[port=\"22\"]\n"
	if err := os.WriteFile(filepath.Join(d.dir, "jail.local"), []byte(local), 0o600); err != nil {
		t.Fatal(err)
	}
	s.extend(fmt.Sprintf(`
logs:
  library: [sshd]
  fail2ban: %s
  fail2ban-socket: "off"
  syslog: [udp://0.0.0.0:5514, tcp://0.0.0.0:5514, unix://%s/devlog, unix+stream://%[2]s/stream]
  syslog-from: [%s]
`, d.dir, s.dir, nstest.A4))
	s.start()
	const (
		old    = "<38>Nov 21 12:00:01 forged sshd[%d]: Failed password for root from %s port 4000 ssh2\n"
		modern = "<38>1 2026-11-21T12:00:01.003Z forged sshd %d - - Failed password for root from %s port 4000 ssh2"
		bare   = "<38>Nov 21 12:00:01 sshd[%d]: Failed password for root from %s port 4000 ssh2" // as glibc's syslog(3) writes to /dev/log
	)
	at := nstest.GatewayA4 + ":5514"
	s.sends(g.A, "udp", at, "<38>Nov 21 12:00:01 forged sshd[9]: Accepted password for root from 198.51.100.1 port 4000 ssh2")
	s.sends(g.A, "udp", at, failures(old, "198.51.100.1")...)
	s.sends(g.A, "udp", at, failures(modern, "198.51.100.2")...)
	s.sends(g.A, "tcp", at, failures(old, "198.51.100.3")...)
	s.sends(g.A, "tcp", at, octets(failures(modern, "198.51.100.4"))...)
	s.sends(g.GW, "unixgram", filepath.Join(s.dir, "devlog"), failures(bare, "198.51.100.5")...)
	s.sends(g.GW, "unix", filepath.Join(s.dir, "stream"), failures(bare+"\n", "198.51.100.6")...)
	s.sends(g.A, "udp", at, failures("<13>Nov 21 12:00:01 h door-1[%d]: bad knock from %s", "198.51.100.7")...)
	for i := 1; i <= 7; i++ {
		addr := fmt.Sprintf("198.51.100.%d", i)
		s.until(addr+" is banned", func() bool { return s.holds(addr) })
	}
	s.notHeard(g, at, failures(old, "198.51.100.8"), failures(strings.Replace(old, "sshd", "other", 1), "198.51.100.9"))
	for _, want := range []string{"syslog:sshd, syslog:sshd-session", "syslog:door*"} {
		if out := s.must("jails"); !strings.Contains(out, want) {
			t.Errorf("%q is not in\n%s", want, out)
		}
	}
	s.stop(syscall.SIGTERM)
	if _, err := net.Dial("unixgram", filepath.Join(s.dir, "devlog")); err == nil {
		t.Error("the socket is still there")
	}
}

// notHeard sends what no jail is to judge: from a host that is not on the list, over UDP and TCP, and of another program.
func (s *station) notHeard(g *nstest.Gateway, at string, stranger, other []string) {
	s.t.Helper()
	port := at[strings.LastIndexByte(at, ':'):]
	s.sends(g.B, "udp", nstest.GatewayB4+port, stranger...)
	s.sends(g.B, "tcp", nstest.GatewayB4+port)
	s.sends(g.A, "tcp", at, other...)
	s.until("all is counted", func() bool {
		return strings.Contains(s.must("status"), "syslog   41 messages, 0 cut, 0 dropped by the kernel; refused: 6 senders, 0 connections, 0 broken frames")
	})
	for _, addr := range []string{"198.51.100.8", "198.51.100.9"} {
		if s.holds(addr) {
			s.t.Errorf("%s is banned", addr)
		}
	}
	if out := s.must("metrics"); !strings.Contains(out, `picket_syslog_total{counter="peers-refused"} 6`) {
		s.t.Error(out)
	}
}
