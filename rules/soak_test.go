package rules

import (
	"fmt"
	"os"
	"runtime"
	"testing"
	"time"

	"picket/rules/dates"
	"picket/watch"
)

// TestManyAddresses: a log in which every line is the failure of another address, IPv4 and IPv6 by turns, takes no more
// memory than what the bounds allow, and what was forgotten is counted. PICKET_SOAK makes it ten million addresses.
func TestManyAddresses(t *testing.T) {
	lines, most := maxCounters+50_000, uint64(400<<20)
	if os.Getenv("PICKET_SOAK") != "" {
		lines = 10_000_000
	}
	filter, err := Compile(Definition{Name: "many", FailRegex: []string{`^ sshd\[\d+\]: Failed password for \S+ from <ADDR> port \d+ ssh2$`}}, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	j := NewJail(filter, Limits{Jail: "many", MaxRetry: 5, Window: 3600, MaxMatches: 5, PrefixIPv6: 64, Crowd: Crowd{Addresses: 3, Window: 3600, PrefixIPv4: 24, PrefixIPv6: 48}}, time.UTC)
	o := watch.Observation{Kind: watch.Line, Origin: &watch.Origin{Source: "files", Path: "/x"}}
	begin := time.Now()
	for i := range lines {
		at := begin.Add(time.Duration(i) * 20 * time.Microsecond)
		from := fmt.Sprintf("%d.%d.%d.%d", 1+i>>24, i>>16&255, i>>8&255, i&255)
		if i%2 == 1 {
			from = fmt.Sprintf("2001:db8:%x:%x::1", i>>16, i&0xffff)
		}
		o.Time = at.UnixNano()
		o.Line = fmt.Appendf(o.Line[:0], "%s sshd[7]: Failed password for root from %s port 4711 ssh2", at.UTC().Format("2006-01-02T15:04:05"), from)
		if _, ok := j.Observe(&o, Scanning); ok {
			t.Fatal("a single failure is a breach")
		}
	}
	e := j.Engine()
	if e.Count.Failures != uint64(lines) || e.Count.Evicted != uint64(lines-maxCounters) || e.Failing(o.Time/1e9) != maxCounters {
		t.Errorf("%+v, %d failing; want %d failures and all but %d evicted", e.Count, e.Failing(o.Time/1e9), lines, maxCounters)
	}
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	t.Logf("%d addresses: %d MiB, %d forgotten", lines, m.HeapAlloc>>20, e.Count.Evicted)
	if m.HeapAlloc > most {
		t.Errorf("%d MiB in use", m.HeapAlloc>>20)
	}
	runtime.KeepAlive(j)
}

// TestHostileLinesEnd: lines made to keep expressions busy end at the step limit, are counted, and the next line is judged
// as ever.
func TestHostileLinesEnd(t *testing.T) {
	f := kitFilter(t, "sshd", map[string]string{"mode": "aggressive"})
	j := NewJudge(f, dates.Clock{Now: time.Now(), Zone: time.UTC})
	for _, line := range hostileLines() {
		j.Line(line)
	}
	good := time.Now().UTC().Format("Jan _2 15:04:05") + " srv sshd[1]: Failed password for root from 192.0.2.9 port 22 ssh2"
	if got, _, ok := j.Line([]byte(good)); !ok || got.ID != "192.0.2.9" {
		t.Errorf("after hostile lines: %v %q", ok, got.ID)
	}
}

// hostileLines are as long as a judged line can be, and begin as something that an expression looks for.
func hostileLines() [][]byte {
	fill := func(head, part string) []byte {
		line := []byte(time.Now().UTC().Format("Jan _2 15:04:05") + " srv sshd[1]: " + head)
		for len(line) < MaxLine {
			line = append(line, part...)
		}
		return line
	}
	return [][]byte{
		fill("Failed password for invalid user ", " from 192.0.2.1 port 1 ssh2"),
		fill("Failed password for ", " "),
		fill("Invalid user ", "a from b from "),
		fill("Failed password for x from ", "1:"),
		fill("Unable to negotiate with ", "192.0.2.1 port 1: no matching "),
		fill("pam_unix(sshd:auth): authentication failure; ", "rhost=192.0.2.1 user= "),
	}
}
