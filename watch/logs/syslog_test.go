package logs

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"picket/watch"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// noon is when messages without a date are received.
var noon = time.Date(2026, 11, 21, 12, 0, 1, 5e8, time.UTC)

func TestParseSyslog(t *testing.T) {
	type want struct {
		Priority                                  int
		Stamp, Host, App, PID, ID, SD, Text, Line string
	}
	tests := map[string]want{
		"<34>Oct 11 22:14:15 mymachine su: 'su root' failed": {34, "Oct 11 22:14:15", "mymachine", "su", "", "", "", "'su root' failed",
			"Oct 11 22:14:15 mymachine su: 'su root' failed"},
		"<38>Nov  9 01:02:03 sshd[812]: Failed password": {38, "Nov  9 01:02:03", "", "sshd", "812", "", "", "Failed password",
			"Nov  9 01:02:03 here sshd[812]: Failed password"},
		"<0>2026-11-21T03:04:05.678+01:00 gate kernel: up": {0, "2026-11-21T03:04:05.678+01:00", "gate", "kernel", "", "", "", "up",
			"2026-11-21T03:04:05.678+01:00 gate kernel: up"},
		"Use the BFG!": {-1, "", "", "", "", "", "", "Use the BFG!",
			"2026-11-21T12:00:01.500000+00:00 here Use the BFG!"},
		"<999>x": {-1, "", "", "", "", "", "", "<999>x", "2026-11-21T12:00:01.500000+00:00 here <999>x"},
		"<13>app: a\nb\x00": {13, "", "", "app", "", "", "", "a\nb\x00",
			"2026-11-21T12:00:01.500000+00:00 here app: a#012b#000"},
		"<34>1 2003-10-11T22:14:15.003Z mymachine.example.com su - ID47 - \xef\xbb\xbf'su root' failed": {34, "2003-10-11T22:14:15.003Z",
			"mymachine.example.com", "su", "", "ID47", "", "'su root' failed", "2003-10-11T22:14:15.003Z mymachine.example.com su: 'su root' failed"},
		`<165>1 2003-08-24T05:14:15.000003-07:00 192.0.2.1 myproc 8710 - [a@1 k="v\"]x"][b] text [c]`: {165, "2003-08-24T05:14:15.000003-07:00",
			"192.0.2.1", "myproc", "8710", "", `[a@1 k="v\"]x"][b]`, "text [c]", "2003-08-24T05:14:15.000003-07:00 192.0.2.1 myproc[8710]: text [c]"},
		"<165>1 - - - - - -": {165, "", "", "", "", "", "", "", "2026-11-21T12:00:01.500000+00:00 here"},
		"<165>1 - - a - - [open x": {165, "", "", "", "", "", "", "1 - - a - - [open x",
			"2026-11-21T12:00:01.500000+00:00 here 1 - - a - - [open x"},
	}
	for in, w := range tests {
		m := parseSyslog([]byte(in))
		got := want{m.priority, string(m.stamp), string(m.host), string(m.app), string(m.pid), string(m.id), string(m.structured), string(m.text),
			string(m.appendLine(nil, "here", noon))}
		if diff := cmp.Diff(w, got); diff != "" {
			t.Errorf("%q (-want +got):\n%s", in, diff)
		}
	}
}

func readFrames(r io.Reader, limit int) (msgs []string, cut uint64, err error) {
	f := newFrames(r, limit)
	for {
		msg, err := f.next()
		if err != nil {
			if errors.Is(err, io.EOF) {
				err = nil
			}
			return msgs, f.cut, err
		}
		msgs = append(msgs, string(msg))
	}
}

func TestFrames(t *testing.T) {
	tests := map[string]struct {
		in   string
		want []string
		cut  uint64
		err  error
	}{
		"lines":             {"<1>a\n<2>b\r\n\n<3>c", []string{"<1>a", "<2>b\r", "<3>c"}, 0, nil},
		"counted":           {"4 <1>a6 <2>b\nc5 <3>dd", []string{"<1>a", "<2>b\nc", "<3>dd"}, 0, nil},
		"mixed":             {"4 <1>a<2>b\n4 <3>c\n", []string{"<1>a", "<2>b", "<3>c"}, 0, nil},
		"NUL":               {"<1>a\x00<2>b\x00", []string{"<1>a", "<2>b"}, 0, nil},
		"long line":         {strings.Repeat("x", 50) + "\n<1>a\n", []string{strings.Repeat("x", 16), "<1>a"}, 1, nil},
		"long counted":      {"50 " + strings.Repeat("x", 50) + "4 <1>a", []string{strings.Repeat("x", 16), "<1>a"}, 1, nil},
		"no length":         {"12x", nil, 0, errFraming},
		"impossible length": {"99999999999999999999 x", nil, 0, errFraming},
		"torn":              {"9 <1>a", nil, 0, io.ErrUnexpectedEOF},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			got, cut, err := readFrames(strings.NewReader(tt.in), 16)
			if diff := cmp.Diff(tt.want, got); diff != "" || cut != tt.cut || !errors.Is(err, tt.err) {
				t.Errorf("cut %d, error %v\n%s", cut, err, diff)
			}
			rapid.Check(t, func(r *rapid.T) {
				cuts := rapid.SliceOfN(rapid.IntRange(1, 9), 0, 60).Draw(r, "cuts")
				divided, _, _ := readFrames(&pieces{[]byte(tt.in), cuts}, 16)
				if diff := cmp.Diff(got, divided); diff != "" {
					r.Fatal(diff)
				}
			})
		})
	}
}

func FuzzSyslog(f *testing.F) {
	f.Add([]byte("<34>1 2003-10-11T22:14:15.003Z h su - ID47 [a b=\"c\"] x\n"), uint16(4))
	f.Add([]byte("10 <34>Oct 114 <1>a<2>b\x00"), uint16(4))
	f.Add([]byte("<38>Nov  9 01:02:03 sshd[812]: Failed\n"), uint16(9))
	f.Fuzz(func(t *testing.T, data []byte, cut uint16) {
		whole, _, err := readFrames(bytes.NewReader(data), 128)
		divided, _, errDivided := readFrames(&pieces{data, []int{int(cut), 1, 1, 1}}, 128)
		if diff := cmp.Diff(whole, divided); diff != "" || (err == nil) != (errDivided == nil) {
			t.Fatalf("%v, divided %v\n%s", err, errDivided, diff)
		}
		for _, msg := range append(whole, string(data)) {
			m := parseSyslog([]byte(msg))
			if line := m.appendLine(nil, "here", noon); bytes.ContainsAny(line, "\n\r\x00") || len(line) > 4*len(msg)+48 {
				t.Fatalf("%q gives line %q", msg, line)
			}
		}
	})
}

func TestSyslogReceives(t *testing.T) {
	dir := t.TempDir()
	gram, stream := filepath.Join(dir, "log"), filepath.Join(dir, "stream")
	s, err := NewSyslog(SyslogConfig{Name: "syslog", Host: "here",
		Listen: []string{"udp://127.0.0.1:0", "tcp://127.0.0.1:0", "unix://" + gram, "unix+stream://" + stream}})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	out, done := make(chan *watch.Batch), make(chan error, 1)
	go func() { done <- s.Run(ctx, out) }()
	for i, network := range []string{"udp", "tcp", "unixgram", "unix"} {
		conn, err := net.Dial(network, s.Addrs()[i].String())
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(conn, "<38>Nov 21 01:02:0%d gate sshd[1]: Failed over %s\n", i, network)
		conn.Close()
	}
	got := map[string]string{}
	for len(got) < 4 {
		b := <-out
		for i := range b.Observations {
			o := &b.Observations[i]
			peer, _ := o.Field("peer")
			got[string(o.Line)] = o.Host() + " " + string(peer)
		}
		b.Release()
	}
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
	want := map[string]string{
		"Nov 21 01:02:00 gate sshd[1]: Failed over udp":      "gate 127.0.0.1",
		"Nov 21 01:02:01 gate sshd[1]: Failed over tcp":      "gate 127.0.0.1",
		"Nov 21 01:02:02 gate sshd[1]: Failed over unixgram": "gate ",
		"Nov 21 01:02:03 gate sshd[1]: Failed over unix":     "gate ",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// TestSyslogFlood: more comes over UDP than the judge takes. What there was no room for is counted.
func TestSyslogFlood(t *testing.T) {
	t.Parallel()
	s, err := NewSyslog(SyslogConfig{Name: "syslog", Listen: []string{"udp://127.0.0.1:0"}})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	out, done := make(chan *watch.Batch), make(chan error, 1)
	go func() { done <- s.Run(ctx, out) }()
	conn, err := net.Dial("udp", s.Addrs()[0].String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	sent := uint64(0)
	send := func() {
		sent++
		if _, err := conn.Write([]byte("<38>Nov 21 01:02:03 gate sshd[1]: " + strings.Repeat("x", 1000))); err != nil {
			t.Fatal(err)
		}
	}
	for range 20000 {
		send()
	}
	go func() {
		for b := range out {
			b.Release()
		}
	}()
	await(t, "every message to be received or counted", func() bool {
		send() // tells what was dropped before it
		return counter(s, "messages-dropped") > 0 && counter(s, "messages")+counter(s, "messages-dropped") >= sent-1
	})
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
	close(out)
	t.Logf("of %d messages %d dropped", sent, counter(s, "messages-dropped"))
}

// TestSyslogWaits sends more over TCP than the batches hold while nobody reads: the lines wait, and none is lost.
func TestSyslogWaits(t *testing.T) {
	t.Parallel()
	s, err := NewSyslog(SyslogConfig{Name: "syslog", Listen: []string{"tcp://127.0.0.1:0"}})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	out, done := make(chan *watch.Batch), make(chan error, 1)
	go func() { done <- s.Run(ctx, out) }()
	const n = 20000
	go func() {
		conn, err := net.Dial("tcp", s.Addrs()[0].String())
		if err != nil {
			t.Error(err)
			return
		}
		defer conn.Close()
		for i := range n {
			fmt.Fprintf(conn, "<38>2026-11-21T12:00:00Z %08d sshd: the judge reads the second word\n", i)
		}
	}()
	await(t, "the first messages", func() bool { return counter(s, "messages") > 1 })
	j := newJudge()
	relay := make(chan struct{})
	go func() {
		defer close(relay)
		for b := range out {
			j.out <- b
		}
	}()
	await(t, "all messages", func() bool { return j.count() == n })
	cancel()
	<-done
	close(out)
	<-relay
	close(j.out)
	<-j.done
	j.complete(t, n)
	if !j.order {
		t.Error("messages out of order")
	}
}

func TestSyslogAdmits(t *testing.T) {
	s := &Syslog{cfg: SyslogConfig{}}
	remote := &net.UDPAddr{IP: net.ParseIP("192.0.2.7"), Port: 1}
	if _, ok := s.admit(remote); ok {
		t.Error("a remote peer was admitted without being allowed")
	}
	if _, ok := s.admit(&net.TCPAddr{IP: net.ParseIP("::1")}); !ok {
		t.Error("loopback was refused")
	}
	s.cfg.Allow = []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")}
	if peer, ok := s.admit(remote); !ok || peer != "192.0.2.7" {
		t.Errorf("%q %v", peer, ok)
	}
	if n := s.count.refused.Load(); n != 1 {
		t.Errorf("refused %d", n)
	}
}

func TestParseSyslogAddress(t *testing.T) {
	for text, want := range map[string]SyslogAddress{
		"udp://127.0.0.1:514":           {Network: "udp", Address: "127.0.0.1:514"},
		"udp://:514":                    {Network: "udp", Address: ":514"},
		"tcp://[::1]:601":               {Network: "tcp", Address: "[::1]:601"},
		"unix:///run/x/log":             {Network: "unixgram", Address: "/run/x/log", Mode: 0o600},
		"unix+stream:///run/x?mode=660": {Network: "unix", Address: "/run/x", Mode: 0o660},
	} {
		got, err := ParseSyslogAddress(text)
		if diff := cmp.Diff(want, got); diff != "" || err != nil {
			t.Errorf("%s: %v\n%s", text, err, diff)
		}
		if here := text != "udp://:514"; got.Local() != here {
			t.Errorf("%s: local %v", text, !here)
		}
	}
	for _, text := range []string{"514", "sctp://x", "udp://nowhere.invalid:1", "udp://127.0.0.1", "tcp://:99999", "unix://log", "unix:///x?mode=999",
		"unix:///" + strings.Repeat("x", 107)} {
		if a, err := ParseSyslogAddress(text); err == nil {
			t.Errorf("%s is %+v", text, a)
		}
	}
}

// TestSyslogSockets: all that can't be opened is told at once, nothing else is removed for a socket, and it goes with its owner.
func TestSyslogSockets(t *testing.T) {
	dir := t.TempDir()
	file, path := filepath.Join(dir, "file"), filepath.Join(dir, "new", "log")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	s, err := NewSyslog(SyslogConfig{Name: "s", Listen: []string{"unix://" + path + "?mode=622"}})
	if err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o622 {
		t.Errorf("%v, %v", info, err)
	}
	_, err = NewSyslog(SyslogConfig{Name: "s", Listen: []string{"unix://" + file, "unix+stream://" + path}})
	if err == nil || !strings.Contains(err.Error(), file+": the file is there and is no socket") || !strings.Contains(err.Error(), "another program listens there") {
		t.Error(err)
	}
	s.Close()
	if _, err := os.Stat(path); err == nil {
		t.Error("the socket was left behind")
	}
}
