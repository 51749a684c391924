package sensor_test

import (
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"unicode"

	"picket/sensor"
)

// attackRule fires once for each packet of attackCapture.
const attackRule = `alert udp any any -> any 53 (msg:"attack"; content:"attack"; sid:1;)` + "\n"

// frameLen is Ethernet, IPv4, UDP and eight bytes of payload.
const frameLen = 14 + 20 + 8 + 8

// attackCapture is a pcap file of n UDP packets, each from a port of its own.
func attackCapture(n int) []byte {
	le := binary.LittleEndian
	b := le.AppendUint32(nil, 0xa1b2c3d4)
	b = append(b, 2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0)
	b = le.AppendUint32(b, 65535)
	b = le.AppendUint32(b, 1) // Ethernet
	for i := range n {
		for _, v := range []uint32{1_700_000_000 + uint32(i), 0, frameLen, frameLen} {
			b = le.AppendUint32(b, v)
		}
		b = append(b, 2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 8, 0)
		b = append(b, 0x45, 0, 0, 36, 0, 0, 0, 0, 64, 17, 0, 0, 192, 0, 2, 1, 192, 0, 2, 2)
		b = append(b, 0x10, byte(i), 0, 53, 0, 16, 0, 0)
		b = append(b, " attack "...)
	}
	return b
}

// at is where the i-th record of attackCapture begins.
func at(i int) int { return 24 + i*(16+frameLen) }

// scene is a folder with a capture and rules to read.
type scene struct {
	t   *testing.T
	dir string
	sensor.ReadOptions
}

func newScene(t *testing.T, capture []byte) *scene {
	t.Helper()
	s := &scene{t: t, dir: t.TempDir()}
	s.ReadOptions = sensor.ReadOptions{
		Config: sensor.Default(), File: s.write("in.pcap", capture), Rules: []string{s.write("test.rules", []byte(attackRule))},
		OutDir: s.dir, NoChecksums: true,
	}
	return s
}

func (s *scene) write(name string, text []byte) string {
	s.t.Helper()
	path := filepath.Join(s.dir, name)
	if err := os.WriteFile(path, text, 0o600); err != nil {
		s.t.Fatal(err)
	}
	return path
}

func (s *scene) read() (*sensor.Summary, error) { return sensor.Read(s.t.Context(), &s.ReadOptions) }

// oneLine fails the test unless err is one line that names the file.
func oneLine(t *testing.T, err error, file string) {
	t.Helper()
	if err == nil || strings.Contains(err.Error(), "\n") || !strings.Contains(err.Error(), file) {
		t.Errorf("want one line that names %s, got: %v", file, err)
	}
}

func TestDamagedCaptures(t *testing.T) {
	whole := attackCapture(5)
	var zipped bytes.Buffer
	z := gzip.NewWriter(&zipped)
	z.Write(whole)
	z.Close()
	over := func(i int, with ...byte) []byte {
		b := bytes.Clone(whole)
		copy(b[i:], with)
		return b
	}
	for _, test := range []struct {
		name   string
		bytes  []byte
		alerts int
	}{
		{"empty", nil, 0},
		{"three bytes", whole[:3], 0},
		{"cut in the file's head", whole[:20], 0},
		{"not a capture", bytes.Repeat([]byte("what is this? "), 100), 0},
		{"cut in the fourth record's head", whole[:at(3)+7], 3},
		{"cut after the fourth record's head", whole[:at(3)+16], 3},
		{"cut in the fourth frame", whole[:at(3)+40], 3},
		{"cut in the last byte", whole[:len(whole)-1], 4},
		{"the third frame claims 4 GiB", over(at(2)+8, 0xff, 0xff, 0xff, 0xff), 2},
		{"the third frame claims 2 GiB less one", over(at(2)+8, 0xff, 0xff, 0xff, 0x7f), 2},
		{"gzip without its end", zipped.Bytes()[:zipped.Len()-4], 5},
		{"gzip cut in its head", zipped.Bytes()[:9], 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := newScene(t, test.bytes)
			summary, err := s.read()
			if summary == nil {
				t.Fatal("no summary of what was read")
			}
			if test.alerts > 0 { // what stands before the damage counts, and the summary tells of it
				if err != nil || len(summary.Damaged) != 1 {
					t.Fatalf("error %v, damage %v", err, summary.Damaged)
				}
				err = summary.Damaged[0]
			}
			oneLine(t, err, "in.pcap")
			if n := len(alerts(t, filepath.Join(s.dir, "eve.json"))); n != test.alerts || summary.Alerts != uint64(n) {
				t.Errorf("%d alerts written, %d told, want %d", n, summary.Alerts, test.alerts)
			}
		})
	}
}

// Frames of random bytes, and real ones with random changes, are judged without a panic, and each record is JSON.
func TestFramesOfRandomBytes(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	b := attackCapture(2000)
	for i := range 2000 {
		frame := b[at(i)+16 : at(i)+16+frameLen]
		for range random.IntN(frameLen) {
			frame[random.IntN(frameLen)] = byte(random.Uint32())
		}
	}
	s := newScene(t, b)
	summary, err := s.read()
	if err != nil || summary.Packets != 2000 {
		t.Errorf("%d packets, %v", summary.Packets, err)
	}
	alerts(t, filepath.Join(s.dir, "eve.json"))
}

var atLine = regexp.MustCompile(`test\.rules:\d+:\d+: `)

func TestRulesOfRandomBytes(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	noise := func() []byte {
		b := make([]byte, 20_000)
		for i := range b {
			b[i] = byte(random.Uint32())
		}
		return b
	}
	s := newScene(t, attackCapture(1))
	s.write("test.rules", bytes.Join([][]byte{noise(), []byte(attackRule), noise()}, []byte("\n")))
	summary, err := s.read()
	if err != nil {
		t.Fatal(err)
	}
	if summary.Rules.Loaded() != 1 || summary.Alerts != 1 {
		t.Errorf("%d rules loaded, %d alerts; the good rule between the noise must work", summary.Rules.Loaded(), summary.Alerts)
	}
	var said bytes.Buffer
	summary.Print(&said)
	for line := range strings.Lines(said.String()) {
		if strings.HasPrefix(line, "refused: ") && !atLine.MatchString(line) {
			t.Errorf("no place in %q", line)
		}
		for _, r := range strings.TrimRight(line, "\n") {
			if !unicode.IsPrint(r) {
				t.Fatalf("%q would reach the terminal as it is", line)
			}
		}
	}
	lines := map[int]bool{}
	for _, f := range summary.Rules.Refused() {
		lines[f.Line] = true
	}
	if n := len(lines); n == 0 || !strings.Contains(said.String(), fmt.Sprintf("1 of %d loaded", n+1)) {
		t.Errorf("%d rules refused, said:\n%.300s", n, said.String())
	}
}

func TestInitErrorsAreFatalWhenAsked(t *testing.T) {
	s := newScene(t, attackCapture(1))
	s.write("test.rules", []byte("alert udp any any -> any 53 (nonsense; sid:1;)\nalert udp any any -> any 54 (content:\"a\"; sid:2;)\n"))
	s.InitErrorsFatal = true
	if _, err := s.read(); err == nil || !strings.Contains(err.Error(), "test.rules:1:") || !strings.Contains(err.Error(), "nonsense") {
		t.Errorf("a bad rule that is to be fatal: %v", err)
	}
}

func TestFullDiskUnderEVE(t *testing.T) {
	if _, err := os.Stat("/dev/full"); err != nil {
		t.Skip("needs /dev/full: ", err)
	}
	s := newScene(t, attackCapture(500))
	if err := os.Symlink("/dev/full", filepath.Join(s.dir, "eve.json")); err != nil {
		t.Fatal(err)
	}
	summary, err := s.read()
	if err == nil || strings.Contains(err.Error(), "\n") || !strings.Contains(err.Error(), "no space left") {
		t.Errorf("want one line about the full disk, got: %v", err)
	}
	if summary == nil || summary.Packets != 500 || summary.Alerts != 500 {
		t.Fatalf("judging must go on without the disk: %+v", summary)
	}
	if summary.EVE.Written != 0 || summary.EVE.Failed < 500 {
		t.Errorf("%d records written, %d counted as lost", summary.EVE.Written, summary.EVE.Failed)
	}
}

func TestWhatIsNotThere(t *testing.T) {
	for _, test := range []struct {
		name, missing string
		take          func(s *scene)
	}{
		{"capture", "none.pcap", func(s *scene) { s.File = filepath.Join(s.dir, "none.pcap") }},
		{"rules", "none.rules", func(s *scene) { s.Rules = append(s.Rules, filepath.Join(s.dir, "none.rules")) }},
		{"folder for eve.json", "in.pcap", func(s *scene) { s.OutDir = filepath.Join(s.File, "nowhere") }},
		{"suricata.yaml", "none.yaml", func(s *scene) { s.SuricataYAML = filepath.Join(s.dir, "none.yaml") }},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := newScene(t, attackCapture(1))
			test.take(s)
			_, err := s.read()
			oneLine(t, err, test.missing)
		})
	}
}

// Settings are an operator's, but a slip of the hand must be an error or a limit, not a machine without memory.
func TestHugeSettings(t *testing.T) {
	for _, key := range []string{
		"flow.memcap", "flow.hash-size", "flow.prealloc", "defrag.memcap", "defrag.trackers", "defrag.hash-size", "defrag.max-frags",
		"stream.memcap", "stream.prealloc-sessions", "stream.reassembly.memcap", "stream.reassembly.depth",
		"stream.reassembly.segment-prealloc", "app-layer.protocols.http.memcap", "app-layer.protocols.http.libhtp.default-config.request-body-limit",
		"decoder.max-layers", "packet-alert-max", "host.memcap", "host.hash-size",
	} {
		for _, value := range []string{"18446744073709551615", "99999999999999999999", "1e300", "-1", "64tb", "0", "", "no"} {
			s := newScene(t, attackCapture(3))
			s.Set = []string{key + "=" + value}
			if summary, err := s.read(); err == nil && summary.Packets != 3 {
				t.Errorf("%s=%s: %d packets", key, value, summary.Packets)
			}
		}
	}
}
