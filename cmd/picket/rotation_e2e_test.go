package main

import (
	"bufio"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"picket/capture/nstest"
	"picket/rules"
)

// A daemon writes 50,000 lines a second, each the failure of an address. Every address fails a hundred times, at different
// moments: its count is less if a line was lost, and more if one was counted twice. A jail counts the addresses of six
// minutes.
const (
	linesPerSecond = 50_000
	attempts       = 100
	crowdOf        = 200 // addresses that take turns
)

const rotationRule = `name: exact
logs: [DIR/logs/daemon.log]
failures: ['^ daemon: bad <ADDR> \d+$']
limits: {failures: 1000, within: 1h}
`

// daemon is a program that writes a log.
type daemon struct {
	t    *testing.T
	path string
	mu   sync.Mutex // held while writing, and by rotations that a program would take part in
	f    *os.File
	n    int // lines written
	buf  []byte
}

func newDaemon(t *testing.T, path string) *daemon {
	d := &daemon{t: t, path: path}
	d.reopen()
	return d
}

func (d *daemon) must(err error) {
	if err != nil {
		d.t.Error(err)
	}
}

// reopen is what the daemon does on its signal.
func (d *daemon) reopen() {
	if d.f != nil {
		d.must(d.f.Close())
	}
	var err error
	d.f, err = os.OpenFile(d.path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	d.must(err)
}

// failing is the address of the nth line.
func failing(n int) string {
	who := n/(crowdOf*attempts)*crowdOf + n%crowdOf
	return fmt.Sprintf("198.%d.%d.%d", 18+who>>16, who>>8&255, who&255)
}

// write adds lines.
func (d *daemon) write(lines int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	stamp := time.Now().Format("2006-01-02 15:04:05")
	d.buf = d.buf[:0]
	for range lines {
		d.buf = fmt.Appendf(d.buf, "%s daemon: bad %s %d\n", stamp, failing(d.n), d.n)
		d.n++
	}
	_, err := d.f.Write(d.buf)
	d.must(err)
}

// busy writes at the rate until stop is closed, and ends with whole rounds of addresses.
func (d *daemon) busy(stop <-chan struct{}) {
	const tick = 10 * time.Millisecond
	ticks := time.NewTicker(tick)
	defer ticks.Stop()
	begun, before := time.Now(), d.n
	for {
		select {
		case <-stop:
			d.write((crowdOf*attempts - d.n%(crowdOf*attempts)) % (crowdOf * attempts))
			return
		case now := <-ticks.C:
			due := before + int(now.Sub(begun)*linesPerSecond/time.Second)
			d.write(due - d.n)
		}
	}
}

// generations is how many rotated logs are kept: more than picket, killed again and again, can be behind.
const generations = 200

// shift makes room at path.1, as logrotate does.
func (d *daemon) shift() {
	for i := generations; i > 0; i-- {
		for _, end := range []string{"", ".gz"} {
			_ = os.Rename(fmt.Sprintf("%s.%d%s", d.path, i, end), fmt.Sprintf("%s.%d%s", d.path, i+1, end))
		}
	}
}

// rotations are the ways in which logs are rotated.
var rotations = []struct {
	name string
	do   func(d *daemon)
}{
	{"rename and create", func(d *daemon) {
		d.mu.Lock()
		defer d.mu.Unlock()
		d.shift()
		d.must(os.Rename(d.path, d.path+".1"))
		d.reopen()
	}},
	{"a writer that is late", func(d *daemon) {
		d.shift()
		d.must(os.Rename(d.path, d.path+".1"))
		time.Sleep(100 * time.Millisecond) // it goes on in the renamed file
		d.mu.Lock()
		defer d.mu.Unlock()
		d.reopen()
	}},
	{"copy and truncate", func(d *daemon) {
		d.mu.Lock() // what comes between the two is lost by the method itself
		defer d.mu.Unlock()
		d.shift()
		d.must(copyFile(d.path, d.path+".1"))
		d.must(os.Truncate(d.path, 0))
	}},
	{"delete and create", func(d *daemon) {
		d.mu.Lock()
		defer d.mu.Unlock()
		d.must(os.Remove(d.path))
		d.reopen()
	}},
	{"rename and compress", func(d *daemon) {
		d.mu.Lock()
		d.shift()
		d.must(os.Rename(d.path, d.path+".1"))
		d.reopen()
		d.mu.Unlock()
		d.must(compress(d.path + ".1"))
	}},
}

func copyFile(from, to string) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.Create(to)
	if err != nil {
		return err
	}
	if _, err := io.Copy(out, in); err != nil {
		return err
	}
	return out.Close()
}

// compress does what gzip does: the new file has the old one's time, the old one goes.
func compress(path string) error {
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	in, err := os.Open(path)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.Create(path + ".gz")
	if err != nil {
		return err
	}
	zip, _ := gzip.NewWriterLevel(out, gzip.BestSpeed)
	if _, err := io.Copy(zip, in); err != nil {
		return err
	}
	if err := zip.Close(); err != nil {
		return err
	}
	if err := out.Close(); err != nil {
		return err
	}
	if err := os.Chtimes(path+".gz", info.ModTime(), info.ModTime()); err != nil {
		return err
	}
	return os.Remove(path)
}

// soak is how long each of the long tests works; PICKET_SOAK=2m makes them long (make soak).
func soak(t *testing.T, otherwise time.Duration) time.Duration {
	t.Helper()
	text := os.Getenv("PICKET_SOAK")
	if text == "" {
		return otherwise
	}
	d, err := time.ParseDuration(text)
	if err != nil {
		t.Fatalf("PICKET_SOAK: %v (write 30s, 2m …)", err)
	}
	return d
}

// TestRotationUnderLoad: all styles of rotation under 50,000 lines a second, picket running; then again while picket is
// killed with kill -9 and started anew at any moment, in the middle of a rotation, too.
func TestRotationUnderLoad(t *testing.T) {
	if testing.Short() {
		t.Skip("writes for seconds")
	}
	for name, killed := range map[string]bool{"running": false, "killed": true} {
		t.Run(name, func(t *testing.T) {
			s := exactly(t)
			d := newDaemon(t, filepath.Join(s.dir, "logs", "daemon.log"))
			s.start()
			stop, rotated := make(chan struct{}), make(chan struct{})
			var writing sync.WaitGroup
			writing.Go(func() { d.busy(stop) })
			go func() {
				defer close(rotated)
				d.rotate(time.Now().Add(soak(t, 2*time.Second)), killed)
			}()
			for killed && !over(rotated, time.Duration(rand.IntN(800))*time.Millisecond) {
				s.stop(syscall.SIGKILL)
				over(rotated, time.Duration(rand.IntN(500))*time.Millisecond)
				s.start()
			}
			<-rotated
			close(stop)
			writing.Wait()
			s.exact(d.n)
		})
	}
}

// over waits for a while, and says whether done was closed.
func over(done <-chan struct{}, wait time.Duration) bool {
	select {
	case <-done:
		return true
	case <-time.After(wait):
		return false
	}
}

// rotate rotates in one style after the other until a time, in each at least once. What was not read of a deleted file when
// its reader is killed is lost to everybody: with kept nothing is deleted.
func (d *daemon) rotate(until time.Time, kept bool) {
	for i := 0; time.Now().Before(until) || i < len(rotations); i++ {
		time.Sleep(300 * time.Millisecond)
		if style := rotations[i%len(rotations)]; !kept || style.name != "delete and create" {
			d.t.Log(style.name)
			style.do(d)
		}
	}
}

func exactly(t *testing.T) *station {
	g := nstest.NewGateway(t)
	s := prepare(t, g, "")
	s.write("exact.yaml", strings.ReplaceAll(rotationRule, "DIR", s.dir))
	s.write("picket.yaml", fmt.Sprintf(`
state-dir: %[1]s/state
socket: %[1]s/control.sock
signatures: {library: no}
capture: {passive: {interfaces: [toa]}}
workers: 1
logs: {rules: exact.yaml}
`, s.dir))
	if err := os.Mkdir(filepath.Join(s.dir, "logs"), 0o700); err != nil {
		t.Fatal(err)
	}
	return s
}

// exact wants every address to be counted as often as it failed.
func (s *station) exact(lines int) {
	s.t.Helper()
	journal := filepath.Join(s.dir, "state", "positions.journal")
	var counts map[string]int
	s.until("all lines are counted", func() bool {
		time.Sleep(time.Second)
		sum := 0
		counts = remembered(s.t, journal)
		for _, n := range counts {
			sum += n
		}
		return sum >= lines
	})
	s.stop(syscall.SIGTERM)
	counts = remembered(s.t, journal)
	var wrong []string
	for n := range lines {
		if who := failing(n); counts[who] != attempts {
			wrong = append(wrong, fmt.Sprint(who, " ", counts[who]))
		}
	}
	s.t.Logf("%d lines, %d addresses", lines, len(counts))
	if len(counts) != lines/attempts || len(wrong) > 0 {
		s.t.Errorf("%d addresses, want %d; of these the count is not %d: %.300v", len(counts), lines/attempts, attempts, wrong)
	}
}

// remembered reads the counts that a journal of positions holds, by address.
func remembered(t *testing.T, path string) map[string]int {
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	counts := map[string]int{}
	for in := bufio.NewScanner(f); in.Scan(); {
		note, ok := strings.CutPrefix(in.Text(), "={")
		if !ok {
			continue
		}
		var m rules.Memory
		if err := json.Unmarshal([]byte("{"+note), &m); err != nil {
			t.Fatal(err)
		}
		counts[m.ID] = m.Count
	}
	return counts
}
