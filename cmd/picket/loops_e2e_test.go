package main

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"picket/actions/measure"
	"picket/capture/nstest"
)

const loopsConfig = `
capture: {passive: {interfaces: [toa]}}
gate: {private: allow, bans-per-minute: 5}
plugins: {dir: PLUGINS}
logs: {adjust: {sshd: {logs: [LOG], observe: yes, limits: {failures: 1}}}}
notifications:
  group-wait: 100ms
  receivers: {hook: {webhook: {url: "http://127.0.0.1:8097/"}}}
policies:
  list:
    - name: loop
      match: {jail: [sshd]}
      default:
        - {do: ban, for: 1h}
        - {do: again, each: finding}
        - {do: notify, each: finding}
`

// failedLogin is a line that breaks the rule sshd.
func failedLogin(at time.Time, from string) string {
	return fmt.Sprintf("%s gw sshd[7]: Failed password for root from %s port 40022 ssh2\n", at.UTC().Format("Jan _2 15:04:05"), from)
}

// appendTo writes a line to a log.
func appendTo(t *testing.T, path, line string) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0)
	if err == nil {
		_, err = f.WriteString(line)
		f.Close()
	}
	if err != nil {
		t.Error(err)
	}
}

// TestLoops: what picket does brings about the very lines that it answers: a plugin writes failures of twenty parties into
// the log that has started it, and whoever is notified has that logged as one more. Once set off, all of it comes to rest:
// the plugin has its max_frequency, bans their budget, notifications their repeat interval.
func TestLoops(t *testing.T) {
	t.Parallel()
	g := nstest.NewGateway(t)
	s := prepare(t, g, "")
	dir, runs := s.plugins(map[string]string{"again": `echo "$PICKET_MEASURE" >> "$RUNS"
i=1; while [ $i -le 20 ]; do echo "$(LC_ALL=C date -u '+%b %e %H:%M:%S') gw sshd[7]: Failed password for root from 198.51.100.$i port 40022 ssh2"; i=$((i+1)); done >> "$(dirname "$RUNS")/auth.log"`},
		map[string]string{"again": `, "max_frequency": "1h"`})
	log := filepath.Join(dir, "auth.log")
	if err := os.WriteFile(log, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(log, 0o666); err != nil {
		t.Fatal(err)
	}
	s.swap("gate: {private: allow}\n", "")
	s.extend(strings.NewReplacer("PLUGINS", dir, "LOG", log).Replace(loopsConfig))
	var mu sync.Mutex
	told := 0
	hook := &http.Server{Handler: http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		mu.Lock()
		defer mu.Unlock()
		if told++; told < 1000 {
			appendTo(t, log, failedLogin(time.Now(), "203.0.113.200"))
		}
	})}
	go hook.Serve(g.GW.Listen(t, "tcp", "127.0.0.1:8097"))
	t.Cleanup(func() { hook.Close() })

	s.start()
	appendTo(t, log, failedLogin(time.Now(), "203.0.113.200"))
	refused := func() (n int) {
		for _, m := range s.measures("--name", "again", "--limit", "500") {
			if m.State == measure.Error && strings.Contains(m.Error, "max_frequency") {
				n++
			}
		}
		return n
	}
	s.until("the plugin's own lines have asked for it", func() bool { return refused() >= 20 })
	s.until("the budget has made bans wait", func() bool {
		return len(s.measures("--name", "ban", "--state", string(measure.PendingApproval))) >= 15
	})
	before := ""
	s.until("all is at rest", func() bool {
		mu.Lock()
		now := fmt.Sprint(told, " messages, ", len(s.measures("--limit", "1000")), " measures")
		mu.Unlock()
		still := now == before
		before = now
		time.Sleep(2 * time.Second) // longer than any of it takes for one more turn
		return still
	})
	if n := len(executed(t, runs)); n != 1 {
		t.Errorf("the plugin ran %d times", n)
	}
	if n := strings.Count(s.must("bans"), "policy loop"); n == 0 || n > 5 {
		t.Errorf("%d bans, 5 a minute are allowed:\n%s", n, s.must("bans"))
	}
	if told > 3*21 { // of each party's incident, of its plugin's first refusal, and of a ban that waits for approval
		t.Errorf("%s", before)
	}
	t.Log(before)
	s.stop(syscall.SIGTERM)
}

// swap changes a line of the configuration.
func (s *station) swap(old, with string) {
	s.t.Helper()
	path := filepath.Join(s.dir, "picket.yaml")
	text, err := os.ReadFile(path)
	if err != nil || !strings.Contains(string(text), old) {
		s.t.Fatal(err, old)
	}
	s.write("picket.yaml", strings.Replace(string(text), old, with, 1))
}

// TestOwnBlockFeedsNoCase: who is banned tries on, and the rule that has banned him sees it. That is counted with his
// case; it is no finding, and no measure follows from it.
func TestOwnBlockFeedsNoCase(t *testing.T) {
	t.Parallel()
	g := nstest.NewGateway(t)
	serve(t, g.B, nstest.B4)
	s := prepare(t, g, `
capture: {passive: {interfaces: [toa]}}
policies:
  list:
    - name: once
      match: {sid: [9]}
      default: [{do: ban, for: 1h}, {do: sockets, each: finding}]
`)
	s.write("test.rules", `alert tcp any any -> any 80 (msg:"somebody knocks"; flags:S; classtype:attempted-recon; sid:9;)`+"\n")
	s.start()
	_, _ = get(t, g.A, nstest.B4, "/")
	s.until("he is banned", func() bool { return s.holds(nstest.A4) })
	s.measure("sockets", measure.Complete)
	before := s.cases()[0]
	for range 3 {
		if c, err := g.A.Dial(t, "tcp", net.JoinHostPort(nstest.B4, "80")); err == nil {
			c.Close()
			t.Error("the ban has no effect")
		}
	}
	s.until("his tries are counted", func() bool { return s.cases()[0].Own > before.Own })
	after := s.cases()
	if len(after) != 1 || after[0].Findings != before.Findings || len(s.measures("--name", "sockets")) != 1 {
		t.Errorf("%d cases, findings %d, then %d:\n%s", len(after), before.Findings, after[0].Findings, s.must("measures"))
	}
	s.stop(syscall.SIGTERM)
}
