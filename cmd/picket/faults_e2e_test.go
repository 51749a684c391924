package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"picket/actions/measure"
	"picket/capture/nstest"
	"picket/incidents"
)

// plugins makes a folder that the user nobody may enter, with plugins of one shell script each, and the file that the
// scripts write to ($RUNS). more holds further keys of their manifests, by textkey.
func (s *station) plugins(scripts map[string]string, more map[string]string) (dir, runs string) {
	s.t.Helper()
	dir, err := os.MkdirTemp("/tmp", "picket-e2e-plugins-*")
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { os.RemoveAll(dir) })
	runs = filepath.Join(dir, "runs")
	for key, script := range scripts {
		at := filepath.Join(dir, key)
		if err := os.Mkdir(at, 0o755); err != nil {
			s.t.Fatal(err)
		}
		manifest := fmt.Sprintf(`{"name": "a test", "author": "picket", "textkey": %q, "description": "tests", "command": "./run.sh", "environment": {"RUNS": %q}%s}`, key, runs, more[key])
		for name, text := range map[string]string{"run.sh": "#!/bin/sh\n" + script + "\n", "plugin.json": manifest} {
			if err := os.WriteFile(filepath.Join(at, name), []byte(text), 0o755); err != nil {
				s.t.Fatal(err)
			}
		}
	}
	err = os.Chmod(dir, 0o755)
	if err == nil {
		err = os.WriteFile(runs, nil, 0o600)
	}
	if err == nil {
		err = os.Chmod(runs, 0o666)
	}
	if err != nil {
		s.t.Fatal(err)
	}
	return dir, runs
}

// executed counts the lines that plugins have written, which are numbers of measures.
func executed(t *testing.T, runs string) map[measure.ID]int {
	t.Helper()
	text, err := os.ReadFile(runs)
	if err != nil {
		t.Fatal(err)
	}
	times := map[measure.ID]int{}
	for line := range strings.Lines(string(text)) {
		id, err := strconv.ParseInt(strings.TrimSpace(line), 10, 64)
		if err != nil {
			t.Fatalf("%v in %q", err, text)
		}
		times[measure.ID(id)]++
	}
	return times
}

// killedConfig: every finding wants a plugin at once, one after a delay, and one that somebody must approve.
const killedConfig = `
capture: {passive: {interfaces: [toa]}}
plugins: {dir: PLUGINS}
policies:
  list:
    - name: noted
      match: {sid: [2]}
      default:
        - {do: note, each: finding}
        - {do: note, each: finding, delay: 700ms, with: {late: "yes"}}
        - {do: note, each: finding, delay: 1h, approval: yes}
`

const killRounds = 14

// TestKilledAnywhere kills picket with SIGKILL at random moments of many measures' lives. In the end every finding that an
// incident tells of has its measures, once; what was done was done once; approvals and times are what they were.
func TestKilledAnywhere(t *testing.T) {
	t.Parallel()
	g := nstest.NewGateway(t)
	serve(t, g.B, nstest.B4)
	s := prepare(t, g, "")
	dir, runs := s.plugins(map[string]string{"note": `echo "$PICKET_MEASURE" >> "$RUNS"`}, nil)
	s.extend(strings.ReplaceAll(killedConfig, "PLUGINS", dir))
	random := rand.New(rand.NewPCG(4, 2026))

	s.start()
	held := s.sleeper()
	s.must("measures", "run", "renice", "--arg", "pid="+strconv.Itoa(held), "--arg", "nice=7", "--for", "3s")
	s.must("measures", "run", "ban", "--arg", "who=198.51.100.9", "--for", "4s")
	early := s.orders("note", "--delay", "1h")
	approved := map[measure.ID]measure.Measure{}
	for range killRounds {
		if _, err := get(t, g.A, nstest.B4, "/ban-me"); err != nil {
			t.Fatal(err)
		}
		if list := s.measures("--state", string(measure.PendingApproval), "--limit", "1"); len(list) > 0 {
			if _, err := s.picket("approve", fmt.Sprint(list[0].ID)); err == nil {
				approved[list[0].ID] = list[0]
			}
		}
		time.Sleep(time.Duration(random.IntN(250)) * time.Millisecond)
		s.stop(syscall.SIGKILL)
		s.start()
	}
	t.Cleanup(func() {
		if t.Failed() {
			out, _ := s.picket("measures", "--limit", "1000")
			t.Log(out)
		}
	})
	s.until("all is done that is to be done", func() bool {
		return !slices.ContainsFunc(s.measures("--limit", "1000"), func(m measure.Measure) bool {
			return m.State == measure.InProcess || m.State == measure.Pending && m.Delay.Duration() < time.Minute || m.State == measure.Active
		})
	})
	s.judge(runs, early, approved)
	if n := niceOf(t, held); n != 0 {
		t.Errorf("the priority is %d after its time", n)
	}
	if s.holds("198.51.100.9") {
		t.Error("the ban stands after its time")
	}
	s.stop(syscall.SIGTERM)
}

// extend adds to the configuration.
func (s *station) extend(text string) {
	s.t.Helper()
	path := filepath.Join(s.dir, "picket.yaml")
	have, err := os.ReadFile(path)
	if err == nil {
		err = os.WriteFile(path, append(have, text...), 0o600)
	}
	if err != nil {
		s.t.Fatal(err)
	}
}

// orders orders a measure by hand and returns it.
func (s *station) orders(args ...string) measure.Measure {
	s.t.Helper()
	var a struct{ Measure measure.Measure }
	out := s.must(append([]string{"measures", "run", "--json"}, args...)...)
	if err := json.Unmarshal([]byte(out), &a); err != nil || a.Measure.ID == 0 {
		s.t.Fatalf("%v in %s", err, out)
	}
	return a.Measure
}

// sleeper is a process that measures may do things to.
func (s *station) sleeper() int {
	s.t.Helper()
	c := exec.Command("sleep", "1000")
	if err := c.Start(); err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { _ = c.Process.Kill(); _ = c.Wait() })
	return c.Process.Pid
}

func niceOf(t *testing.T, pid int) int {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	_, rest, _ := strings.Cut(string(text), ") ")
	fields := strings.Fields(rest)
	if err != nil || len(fields) < 17 {
		t.Fatalf("%v in %q", err, text)
	}
	n, err := strconv.Atoi(fields[16])
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// judge holds what the plugins have done against the measures and the findings.
func (s *station) judge(runs string, early measure.Measure, approved map[measure.ID]measure.Measure) {
	s.t.Helper()
	done, list := executed(s.t, runs), s.measures("--name", "note", "--limit", "1000")
	of := map[string]int{} // measures of a finding
	states := map[measure.State]int{}
	for _, m := range list {
		states[m.State]++
		if m.Cause != nil {
			of[fmt.Sprint(m.Incident, m.Cause.Time)]++
		}
		switch n := done[m.ID]; {
		case n == 0 && m.Approval && m.State == measure.Skipped && strings.HasPrefix(m.Error, "the same is measure "): // asked once
		case n > 1, m.State == measure.Complete && n != 1, m.State.Over() && m.State != measure.Complete && m.State != measure.Error:
			s.t.Errorf("%s; done %d times", m.Sentence(), n)
		case m.State == measure.Error && !strings.Contains(m.Error, "was running when picket ended"):
			s.t.Errorf("%s", m.Sentence())
		case !m.State.Over() && n > 0:
			s.t.Errorf("done before its time: %s", m.Sentence())
		}
		if was, ok := approved[m.ID]; ok && (m.State != measure.Pending || m.Approved == "" || !m.Due.Equal(was.Due)) {
			s.t.Errorf("approved early: %s, by %q, due %s, was %s", m.Sentence(), m.Approved, m.Due, was.Due)
		}
		if m.ID == early.ID && (m.State != measure.Pending || !m.Due.Equal(early.Due)) {
			s.t.Errorf("ordered with a delay: %s, due %s, was %s", m.Sentence(), m.Due, early.Due)
		}
	}
	findings := 0
	for _, c := range s.cases() {
		var f incidents.File
		if err := json.Unmarshal([]byte(s.must("incidents", "show", fmt.Sprint(c.ID), "--json")), &f); err != nil {
			s.t.Fatal(err)
		}
		for _, e := range f.Timeline {
			if e.Finding == nil {
				continue
			}
			findings++
			if n := of[fmt.Sprint(c.ID, e.Finding.Time)]; n != 3 {
				s.t.Errorf("the finding of %s has %d measures", e.Finding.Time, n)
			}
		}
	}
	s.t.Logf("%d findings, %d measures: %v, %d approved", findings, len(list), states, len(approved))
	if findings < killRounds/2 || len(approved) == 0 {
		s.t.Error("there was too little to lose")
	}
}

// TestDamagedState: the database is damaged, cut off, of a newer picket or locked when picket starts. It says so, keeps
// the file, and protects as before.
func TestDamagedState(t *testing.T) {
	t.Parallel()
	g := nstest.NewGateway(t)
	s := prepare(t, g, "capture: {passive: {interfaces: [toa]}}\n")
	db := filepath.Join(s.dir, "state", "incidents.db")
	for _, c := range []struct {
		name   string
		spoil  func()
		aside  string
		remedy string
		keeps  bool // what waited for approval
	}{
		{"sound", func() {}, "", "", true},
		{"random bytes", func() { s.spoil(db, 0, []byte(strings.Repeat("\xaa\x55", 4096))) }, "damaged", "recover", false},
		{"cut off", func() { _ = os.Truncate(db, 5000) }, "", "", true}, // its log or the journal has what is missing
		{"newer", func() { s.sqlite(db, "PRAGMA user_version = 999") }, "newer", "run the newer picket", false},
		{"foreign", func() { s.sqlite(db, "PRAGMA user_version = 1") }, "foreign", "recover", true},
	} {
		s.start()
		waits := s.orders("top", "--delay", "1h")
		s.must("ban", "203.0.113.99", "--for", "1h")
		s.stop(syscall.SIGTERM)
		c.spoil()
		s.start()
		if !s.holds("203.0.113.99") || !strings.Contains(s.must("bans"), "203.0.113.99") {
			t.Errorf("%s: the ban is lost", c.name)
		}
		s.must("ban", "203.0.113.98", "--for", "1h")
		aside, _ := filepath.Glob(db + "." + c.aside + "-*")
		log, _ := os.ReadFile(filepath.Join(s.dir, "log"))
		if c.aside != "" && (len(aside) == 0 || !strings.Contains(string(log), c.remedy)) {
			t.Errorf("%s: aside %v, told:\n%s", c.name, aside, log)
		}
		kept := slices.ContainsFunc(s.measures(), func(m measure.Measure) bool { return m.ID == waits.ID && m.Due.Equal(waits.Due) })
		if c.keeps && !kept {
			t.Errorf("%s: the measure that waits is lost:\n%s", c.name, log)
		}
		s.must("unban", "203.0.113.98")
		s.stop(syscall.SIGTERM)
	}
}

// spoil writes over a file.
func (s *station) spoil(path string, at int64, text []byte) {
	s.t.Helper()
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		s.t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.WriteAt(text, at); err != nil {
		s.t.Fatal(err)
	}
}

func (s *station) sqlite(path, statement string) {
	s.t.Helper()
	program, err := exec.LookPath("sqlite3")
	if err != nil {
		s.t.Skip("no sqlite3")
	}
	if out, err := exec.Command(program, path, statement).CombinedOutput(); err != nil {
		s.t.Fatalf("%v: %s", err, out)
	}
}

// TestDiskFull: the disk of a running picket fills up, picket is killed and started on it, and there is room again: bans
// are made and kept all the time, and a measure whose state the disk does not take is done later, once.
func TestDiskFull(t *testing.T) {
	t.Parallel()
	g := nstest.NewGateway(t)
	s := prepare(t, g, "capture: {passive: {interfaces: [toa]}}\n")
	dir, runs := s.plugins(map[string]string{"note": `echo "$PICKET_MEASURE" >> "$RUNS"`}, nil)
	s.extend("plugins: {dir: " + dir + "}\n")
	state := filepath.Join(s.dir, "state")
	if err := os.Mkdir(state, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mount("picket", state, "tmpfs", 0, "size=4m"); err != nil {
		t.Skipf("mount a small disk: %v (needs root)", err)
	}
	t.Cleanup(func() { _ = syscall.Unmount(state, syscall.MNT_DETACH) })
	ballast := filepath.Join(state, "captures")
	if err := os.Mkdir(ballast, 0o700); err != nil {
		t.Fatal(err)
	}
	ballast = filepath.Join(ballast, "full")
	fill := func() { _ = os.WriteFile(ballast, make([]byte, 8<<20), 0o600) }

	s.start()
	s.must("ban", "203.0.113.1", "--for", "1h")
	fill()
	s.must("ban", "203.0.113.2", "--for", "1h")
	if !s.holds("203.0.113.2") {
		t.Error("no ban on a full disk")
	}
	waits := s.orders("note", "--delay", "1s")
	time.Sleep(1500 * time.Millisecond) // its time comes and passes
	if err := os.Remove(ballast); err != nil {
		t.Fatal(err)
	}
	s.until("it is done", func() bool { return executed(t, runs)[waits.ID] == 1 })
	s.until("the journal has the ban", func() bool {
		text, _ := os.ReadFile(filepath.Join(state, "bans.journal"))
		return bytes.Contains(text, []byte("203.0.113.2"))
	})
	fill()
	s.stop(syscall.SIGKILL)
	s.start() // on a full disk
	s.must("ban", "203.0.113.3", "--for", "1h")
	if err := os.Remove(ballast); err != nil {
		t.Fatal(err)
	}
	s.stop(syscall.SIGKILL)
	s.start()
	for _, who := range []string{"203.0.113.1", "203.0.113.2", "203.0.113.3"} {
		if !s.holds(who) {
			t.Errorf("the ban of %s is lost", who)
		}
	}
	if m := s.measures("--name", "note"); len(m) != 1 || m[0].State != measure.Complete || executed(t, runs)[waits.ID] != 1 {
		t.Errorf("%+v, done %v", m, executed(t, runs))
	}
	s.stop(syscall.SIGTERM)
}

// postman is where notifications go: an SMTP server and a webhook on the gateway itself, both of which can be away.
type postman struct {
	mu     sync.Mutex
	mails  []string
	bodies []string
	status int
}

func (p *postman) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(io.LimitReader(r.Body, 1<<20))
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.status != http.StatusOK {
		w.Header().Set("Retry-After", "1")
		w.WriteHeader(p.status)
		fmt.Fprintf(w, "no, not with %s", r.Header.Get("X-Key"))
		return
	}
	p.bodies = append(p.bodies, string(body))
}

func (p *postman) got() (mails, bodies []string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.mails), slices.Clone(p.bodies)
}

// smtp takes mails until l is closed.
func (p *postman) smtp(l net.Listener) {
	for {
		c, err := l.Accept()
		if err != nil {
			return
		}
		go p.mail(c)
	}
}

func (p *postman) mail(c net.Conn) {
	defer c.Close()
	say := func(line string) { _, _ = io.WriteString(c, line+"\r\n") }
	say("220 test")
	var text strings.Builder
	data := false
	for in := bufio.NewScanner(c); in.Scan(); {
		switch line := in.Text(); {
		case data && line == ".":
			data = false
			p.mu.Lock()
			p.mails = append(p.mails, text.String())
			p.mu.Unlock()
			say("250 taken")
		case data:
			text.WriteString(line + "\n")
		case strings.HasPrefix(line, "DATA"):
			data = true
			say("354 go")
		case strings.HasPrefix(line, "QUIT"):
			say("221 bye")
			return
		default:
			say("250 ok")
		}
	}
}

const toldConfig = `
capture: {passive: {interfaces: [toa]}}
notifications:
  group-wait: 200ms
  receivers:
    ops: {mail: {host: 127.0.0.1, port: 8025, tls: none, from: picket@example.net, to: [ops@example.net]}}
    hook: {webhook: {url: "http://127.0.0.1:8098/secret-path", headers: {X-Key: "file:SECRET"}}}
policies:
  list:
    - name: told
      match: {sid: [2]}
      default: [{do: notify}]
`

// TestReceiversAway: mail server and webhook are away or refuse, picket is killed meanwhile; each message comes once, and
// the key is told nobody.
func TestReceiversAway(t *testing.T) {
	t.Parallel()
	const key = "hunter2-hunter2"
	g := nstest.NewGateway(t)
	serve(t, g.B, nstest.B4)
	s := prepare(t, g, "")
	s.write("secret", key)
	s.extend(strings.ReplaceAll(toldConfig, "SECRET", filepath.Join(s.dir, "secret")))
	p := &postman{status: http.StatusTooManyRequests}
	web := &http.Server{Handler: p}
	go web.Serve(g.GW.Listen(t, "tcp", "127.0.0.1:8098"))
	t.Cleanup(func() { web.Close() })
	var told strings.Builder
	kept := func() {
		text, err := os.ReadFile(filepath.Join(s.dir, "log"))
		if err != nil {
			t.Fatal(err)
		}
		told.Write(text)
	}

	s.start()
	if _, err := get(t, g.A, nstest.B4, "/ban-me"); err != nil {
		t.Fatal(err)
	}
	s.measure("notify", measure.Complete)
	kept()
	s.stop(syscall.SIGKILL) // told, and nothing sent yet
	s.start()
	s.until("both are tried", func() bool {
		text, _ := os.ReadFile(filepath.Join(s.dir, "log"))
		return bytes.Contains(text, []byte("receiver=ops tries=1")) && bytes.Contains(text, []byte("receiver=hook tries=1"))
	})
	told.WriteString(s.must("status") + s.must("measures", "--json") + s.must("incidents", "show", "1"))
	kept()
	s.stop(syscall.SIGKILL)
	mail := g.GW.Listen(t, "tcp", "127.0.0.1:8025")
	go p.smtp(mail)
	p.mu.Lock()
	p.status = http.StatusOK
	p.mu.Unlock()
	s.start()
	s.until("all is told", func() bool { m, b := p.got(); return len(m) == 1 && len(b) == 1 })
	s.until("the queue is empty", func() bool {
		list, _ := filepath.Glob(filepath.Join(s.dir, "state", "notifications", "*.json"))
		return len(list) == 0
	})
	kept()
	s.stop(syscall.SIGTERM)
	if mails, bodies := p.got(); len(mails) != 1 || len(bodies) != 1 || !strings.Contains(mails[0], "ban me") {
		t.Errorf("%d mails, %d posts: %q", len(mails), len(bodies), mails)
	}
	if strings.Contains(told.String(), key) || strings.Contains(told.String(), "secret-path") {
		t.Errorf("a secret is told:\n%s", told.String())
	}
}
