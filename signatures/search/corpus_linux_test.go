package search

import (
	"bufio"
	"bytes"
	"encoding/hex"
	"fmt"
	"os"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/ulikunitz/xz"
	"golang.org/x/sys/unix"
)

const (
	rulesFile = "../../../shared/corpora/rules/et-open.rules.xz"
	pcapFile  = "../../../shared/corpora/pcap/mixed-small.pcap"
)

// corpus holds the fast patterns of ET Open by buffer, and buffers of those kinds from a real capture.
type corpus struct {
	lits    map[string][]Literal
	buffers map[string][][]byte
}

func loadCorpus(t testing.TB) corpus {
	t.Helper()
	c, err := loadOnce()
	if err != nil {
		t.Skip("no corpus: ", err)
	}
	return c
}

var loadOnce = sync.OnceValues(func() (c corpus, err error) {
	rules, err := os.Open(rulesFile)
	if err != nil {
		return c, err
	}
	defer rules.Close()
	capture, err := os.ReadFile(pcapFile)
	if err != nil {
		return c, err
	}
	r, err := xz.NewReader(bufio.NewReader(rules))
	if err != nil {
		return c, err
	}
	c = corpus{lits: map[string][]Literal{}, buffers: map[string][][]byte{}}
	seen := map[string]bool{}
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		if !strings.HasPrefix(lines.Text(), "alert") {
			continue
		}
		buffer, l := fastPattern(lines.Text())
		key := buffer + string(l.Bytes)
		if len(l.Bytes) > 0 && !seen[key] {
			seen[key] = true
			l.ID = uint32(len(c.lits[buffer]))
			c.lits[buffer] = append(c.lits[buffer], l)
		}
	}
	c.cut(capture)
	return c, lines.Err()
})

var (
	hexSyntax = regexp.MustCompile(`\|([0-9A-Fa-f ]+)\||\\(.)`)
)

// fastPattern picks a rule's fast pattern roughly as the engine does: as marked, else the longest, at most 32 bytes.
func fastPattern(rule string) (buffer string, best Literal) {
	current, last, marked := "payload", -1, false
	var contents []Literal
	var buffers []string
	_, options, _ := strings.Cut(rule, "(")
	for _, option := range splitOptions(options) {
		name, value, _ := strings.Cut(strings.TrimSpace(option), ":")
		switch {
		case name == "content" && strings.HasPrefix(value, `"`):
			contents = append(contents, Literal{Bytes: unescape(strings.Trim(value, `"`))})
			buffers = append(buffers, current)
			last = len(contents) - 1
		case name == "nocase" && last >= 0:
			contents[last].NoCase = true
		case name == "fast_pattern" && last >= 0:
			marked = true
			buffer, best = buffers[last], contents[last]
		case strings.Contains(name, ".") && value == "":
			current, last = name, -1
		}
	}
	for i, l := range contents {
		if marked && bytes.Equal(l.Bytes, best.Bytes) { // a nocase may have come behind
			best = l
		}
		if !marked && len(l.Bytes) > len(best.Bytes) {
			buffer, best = buffers[i], l
		}
	}
	best.Bytes = best.Bytes[:min(32, len(best.Bytes))]
	return buffer, best
}

// splitOptions splits at the semicolons that no backslash precedes.
func splitOptions(options string) []string {
	var out []string
	start := 0
	for i := range len(options) {
		if options[i] == ';' && options[i-1] != '\\' {
			out = append(out, options[start:i])
			start = i + 1
		}
	}
	return out
}

func unescape(text string) []byte {
	return hexSyntax.ReplaceAllFunc([]byte(text), func(m []byte) []byte {
		if m[0] == '\\' {
			return m[1:]
		}
		b, _ := hex.DecodeString(strings.ReplaceAll(string(m[1:len(m)-1]), " ", ""))
		return b
	})
}

// cut takes the capture for what it holds: no decoding, only the texts that look like the buffers.
func (c *corpus) cut(capture []byte) {
	const most = 200 // together they fit the second-level cache: memory is not what is measured
	for name, mark := range map[string][2]string{
		"http.uri": {"GET ", " HTTP/1"}, "http.host": {"\r\nHost: ", "\r"}, "http.user_agent": {"\r\nUser-Agent: ", "\r"},
	} {
		rest := capture
		for len(c.buffers[name]) < most {
			_, found, ok := bytes.Cut(rest, []byte(mark[0]))
			if !ok {
				break
			}
			rest = found
			if i := bytes.Index(rest[:min(len(rest), 500)], []byte(mark[1])); i > 0 {
				c.buffers[name] = append(c.buffers[name], bytes.Clone(rest[:i]))
			}
		}
	}
	c.buffers["dns.query"], c.buffers["tls.sni"] = c.buffers["http.host"], c.buffers["http.host"]
	step := max(1460, len(capture)/most)
	for at := 0; at+step <= len(capture); at += step {
		c.buffers["payload"] = append(c.buffers["payload"], bytes.Clone(capture[at:at+1460]))
	}
	c.buffers["file.data"] = c.buffers["payload"]
}

// names of the buffers that have both rules and traffic.
func (c *corpus) names() []string {
	var names []string
	for name := range c.buffers {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// TestRealSets compares with the oracle on real rules and traffic.
func TestRealSets(t *testing.T) {
	if testing.Short() {
		t.Skip("short")
	}
	c := loadCorpus(t)
	sc := NewScratch()
	for _, name := range c.names() {
		s := Build(c.lits[name])
		found := 0
		for i := 0; i < len(c.buffers[name]); i += 1 + len(c.buffers[name])/10 {
			checkScan(t, s, sc, c.lits[name], c.buffers[name][i])
			found += len(s.Scan(c.buffers[name][i], sc))
		}
		t.Logf("%-16s %5d literals, %7d bytes, %d buffers, %d found", name, s.Len(), s.Size(), len(c.buffers[name]), found)
	}
}

// TestWorstCase bounds what a hostile buffer can cost: candidates, entries and crowd look-ups per byte, not time.
func TestWorstCase(t *testing.T) {
	if testing.Short() {
		t.Skip("short")
	}
	c := loadCorpus(t)
	sc := NewScratch()
	for _, name := range c.names() {
		s := Build(c.lits[name])
		for kind, buf := range hostile(s, c.lits[name]) {
			before := sc.work
			s.Scan(buf, sc)
			work := float64(sc.work-before) / float64(len(buf))
			t.Logf("%-16s %-22s %.2f per byte", name, kind, work)
			if work > 12 {
				t.Errorf("%s: %s costs %.1f steps per byte", name, kind, work)
			}
		}
	}
}

// hostile makes the buffers that a set like this should fear.
func hostile(s *Set, lits []Literal) map[string][]byte {
	const size = 1 << 16
	fill := func(part func(i int) []byte) []byte {
		var b []byte
		for i := 0; len(b) < size; i++ {
			b = append(b, part(i)...)
		}
		return b
	}
	key := func(k uint32) []byte { return []byte{byte(k), byte(k >> 8), byte(k >> 16), byte(k >> 24)} }
	var open []uint32
	var crowded uint32
	most := uint32(0)
	for i, k := range s.windows.keys {
		if k == noKey {
			continue
		}
		open = append(open, k)
		if w := s.opened[s.windows.numbers[i]]; w.n+4*uint32(w.crowds) >= most {
			crowded, most = k, w.n+4*uint32(w.crowds)
		}
	}
	return map[string][]byte{
		"all literals": fill(func(i int) []byte { return lits[i%len(lits)].Bytes }),
		"all but the last byte": fill(func(i int) []byte {
			b := lits[i%len(lits)].Bytes
			return append(bytes.Clone(b[:len(b)-1]), '~')
		}),
		"one literal, cut":    fill(func(i int) []byte { b := lits[0].Bytes; return append(bytes.Clone(b[:len(b)-1]), '~') }),
		"all windows":         fill(func(i int) []byte { return key(open[i%len(open)]) }),
		"most crowded window": fill(func(int) []byte { return key(crowded) }),
		"zeros":               make([]byte, size),
		"letters":             fill(func(int) []byte { return []byte("A") }),
		"names":               fill(func(int) []byte { return []byte(".com/a.php?www.") }),
	}
}

func BenchmarkScan(b *testing.B) {
	c := loadCorpus(b)
	for _, name := range c.names() {
		s, sc := Build(c.lits[name]), NewScratch()
		b.Run(name, func(b *testing.B) {
			bufs := c.buffers[name]
			i, total := 0, 0
			defer cpuTime(b)()
			for b.Loop() {
				s.Scan(bufs[i], sc)
				total += len(bufs[i])
				if i++; i == len(bufs) {
					i = 0
				}
			}
			b.SetBytes(int64(total / b.N))
		})
	}
}

// BenchmarkSmall is for the many small sets of port groups, on short and long buffers.
func BenchmarkSmall(b *testing.B) {
	c := loadCorpus(b)
	for _, n := range []int{3, 20, 100, 400} {
		lits := slices.DeleteFunc(slices.Clone(c.lits["payload"]), func(l Literal) bool { return len(l.Bytes) < 4 })
		s, sc := Build(lits[:n]), NewScratch()
		for _, size := range []int{40, 1460} {
			b.Run(fmt.Sprintf("%d/%d", n, size), func(b *testing.B) {
				b.SetBytes(int64(size))
				i := 0
				defer cpuTime(b)()
				for b.Loop() {
					s.Scan(c.buffers["payload"][i][:size], sc)
					if i++; i == len(c.buffers["payload"]) {
						i = 0
					}
				}
			})
		}
	}
}

// BenchmarkBuild compiles the fast patterns of all of ET Open.
func BenchmarkBuild(b *testing.B) {
	c := loadCorpus(b)
	defer cpuTime(b)()
	for b.Loop() {
		for _, lits := range c.lits {
			Build(lits)
		}
	}
}

// cpuTime reports the thread's own time per operation, which busy neighbours hardly change.
func cpuTime(b *testing.B) (stop func()) {
	runtime.LockOSThread()
	now := func() int64 {
		var ts unix.Timespec
		_ = unix.ClockGettime(unix.CLOCK_THREAD_CPUTIME_ID, &ts)
		return ts.Nano()
	}
	start := now()
	return func() {
		b.ReportMetric(float64(now()-start)/float64(b.N), "cpu-ns/op")
		runtime.UnlockOSThread()
	}
}
