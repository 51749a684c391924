package packet

import (
	"encoding/json"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// everyone gives all hosts one overlap policy.
func everyone(policy OverlapPolicy) Config {
	cfg := Default()
	for _, p := range []string{"0.0.0.0/0", "::/0"} {
		cfg.HostPolicies = append(cfg.HostPolicies, HostPolicy{netip.MustParsePrefix(p), policy})
	}
	return cfg
}

const vectors = "../../../shared/corpora/evasion/vectors/"

// TestOverlapPolicies puts Novak's seventeen overlapping fragments together as each kind of host does.
func TestOverlapPolicies(t *testing.T) {
	raw, err := os.ReadFile(vectors + "ip-defrag-novak.json")
	if err != nil {
		t.Skipf("needs the shared corpus: %v", err)
	}
	var table struct {
		Expected map[string]map[string]string
	}
	if err := json.Unmarshal(raw, &table); err != nil {
		t.Fatal(err)
	}
	files := map[string][]string{"ipv4": {"ip4-proto253-novak.pcap", "ip4-udp9999-novak.pcap"}, "ipv6": {"ip6-proto253-novak.pcap"}}
	for family, names := range files {
		for policyName, letters := range table.Expected[family] {
			policy, ok := PolicyByOS(policyName)
			if !ok {
				t.Errorf("no policy %q", policyName)
			}
			for _, name := range names {
				checkNovak(t, name, policy, letters)
			}
		}
	}
}

// checkNovak decodes one capture; each letter wanted stands for 8 bytes of payload.
func checkNovak(t *testing.T, name string, policy OverlapPolicy, letters string) {
	t.Helper()
	d := NewDecoder(everyone(policy))
	var want strings.Builder
	for _, c := range letters {
		want.WriteString(strings.Repeat(string(c), 8))
	}
	found := 0
	for _, in := range readPcap(t, vectors+name) {
		for _, p := range d.Decode(in) {
			if !p.Has(Rebuilt) {
				continue
			}
			found++
			got := string(p.IP[p.IPHdrLen:])
			if p.Proto == UDP {
				got = string(p.Payload)
			}
			if got != want.String() {
				t.Errorf("%s, %v:\n got %s\nwant %s", name, policy, got, want.String())
			}
		}
	}
	if found != 1 {
		t.Errorf("%s, %v: %d rebuilt datagrams", name, policy, found)
	}
}

// TestClassicFragments rebuilds the segment that carries the attack out of each of the classic ways to cut it.
func TestClassicFragments(t *testing.T) {
	files, _ := filepath.Glob("../../../shared/corpora/evasion/classic/frag-*.pcap")
	if len(files) == 0 {
		t.Skip("needs the shared corpus")
	}
	for _, file := range files {
		found := false
		d := NewDecoder(everyone(PolicyFirst))
		for _, in := range readPcap(t, file) {
			for _, p := range d.Decode(in) {
				found = found || (p.Has(Rebuilt) && strings.Contains(string(p.Payload), "/etc/passwd"))
			}
		}
		// 7a shows junk to all who keep what came first.
		if want := filepath.Base(file) != "frag-7a.pcap"; found != want {
			t.Errorf("%s: found %v, want %v", filepath.Base(file), found, want)
		}
	}
}

// step is one fragment of a test: offset in 8-byte blocks, "more fragments", payload, and the datagram and events that
// must come of it.
type step struct {
	id      byte
	block   int
	more    bool
	payload string
	at      time.Duration
	rebuilt string
	events  []Event
}

func runSteps(t *testing.T, name string, cfg Config, steps []step) *Decoder {
	t.Helper()
	d := NewDecoder(cfg)
	for i, s := range steps {
		in := fragmentOf(s.id, s.block, s.more, []byte(s.payload))
		in.Time = int64(s.at)
		out := d.Decode(in)
		got := ""
		for _, p := range out {
			if p.Has(Rebuilt) {
				got = string(p.IP[p.IPHdrLen:])
				if !p.IPChecksumOK() || p.Outer != out[len(out)-1] || p.Tunnel != TunnelFragment {
					t.Errorf("%s, step %d: badly rebuilt: %+v", name, i, p)
				}
			}
		}
		carrier := out[len(out)-1]
		if diff := cmp.Diff(s.events, append([]Event(nil), carrier.Events[:carrier.NEvents]...)); diff != "" {
			t.Errorf("%s, step %d: events (-want +got):\n%s", name, i, diff)
		}
		if got != s.rebuilt {
			t.Errorf("%s, step %d: rebuilt %q, want %q", name, i, got, s.rebuilt)
		}
	}
	return d
}

const (
	eightA = "AAAAAAAA"
	eightB = "BBBBBBBB"
	eightC = "CCCCCCCC"
	ipv6ID = 0x80 // makes fragmentOf build IPv6
)

func TestDefrag(t *testing.T) {
	for name, steps := range map[string][]step{
		"in order":          {{id: 1, more: true, payload: eightA}, {id: 1, block: 1, payload: "end", rebuilt: eightA + "end"}},
		"ipv6":              {{id: ipv6ID, more: true, payload: eightA}, {id: ipv6ID, block: 1, payload: "end", rebuilt: eightA + "end"}},
		"last first":        {{id: 1, block: 1, payload: "end"}, {id: 1, more: true, payload: eightA, rebuilt: eightA + "end"}},
		"other datagram":    {{id: 1, more: true, payload: eightA}, {id: 2, block: 1, payload: "end"}},
		"other IP version":  {{id: 1, more: true, payload: eightA}, {id: ipv6ID | 1, block: 1, payload: "end"}},
		"a hole":            {{id: 1, more: true, payload: eightA}, {id: 1, block: 2, payload: "end"}},
		"no multiple of 8":  {{id: 1, more: true, payload: "AAAAA"}, {id: 1, block: 1, payload: "end"}},
		"hole filled twice": {{id: 1, more: true, payload: "AAAAA"}, {id: 1, block: 1, payload: "end"}, {id: 1, more: true, payload: eightB, rebuilt: "AAAAABBBend", events: []Event{EvIPv4FragOverlap}}},
		"duplicate": {{id: 1, more: true, payload: eightA}, {id: 1, more: true, payload: eightB, events: []Event{EvIPv4FragOverlap}},
			{id: 1, block: 1, payload: "end", rebuilt: eightA + "end"}},
		"overlap in ipv6": {{id: ipv6ID, more: true, payload: eightA}, {id: ipv6ID, more: true, payload: eightB, events: []Event{EvIPv6FragOverlap}},
			{id: ipv6ID, block: 1, payload: "end", rebuilt: eightA + "end"}},
		"identification used again": {{id: 1, more: true, payload: eightA}, {id: 1, block: 1, payload: "end", rebuilt: eightA + "end"},
			{id: 1, more: true, payload: eightC}, {id: 1, block: 1, payload: "end", rebuilt: eightC + "end"}},
		"within the timeout": {{id: 1, more: true, payload: eightA}, {id: 1, block: 1, payload: "end", at: 59 * time.Second, rebuilt: eightA + "end"}},
		"after the timeout":  {{id: 1, more: true, payload: eightA}, {id: 1, block: 1, payload: "end", at: 61 * time.Second}},
	} {
		runSteps(t, name, Default(), steps)
	}
}

func TestDefragTooLarge(t *testing.T) {
	in := fragmentOf(1, 8191, false, make([]byte, 8))
	p := NewDecoder(Default()).Decode(in)[0]
	if !p.HasEvent(EvIPv4FragPktTooLarge) {
		t.Errorf("events %v", p.Events[:p.NEvents])
	}
}

// TestDefragEviction fills the table: the datagram that has waited longest gives way, and its rest finds nothing.
func TestDefragEviction(t *testing.T) {
	cfg := Default()
	cfg.Defrag.MaxTrackers = 2
	d := runSteps(t, "eviction", cfg, []step{
		{id: 1, more: true, payload: eightA}, {id: 2, more: true, payload: eightB},
		{id: 3, more: true, payload: eightC},
		{id: 1, block: 1, payload: "end"}, // opens 1 anew, evicts 2
		{id: 3, block: 1, payload: "end", rebuilt: eightC + "end"},
	})
	if n := d.Count(CntTrackersEvicted); n != 2 {
		t.Errorf("%d evicted, want 2", n)
	}
}

// TestDefragFlood sends fragments that never complete: memory stays within its bound.
func TestDefragFlood(t *testing.T) {
	cfg := Default()
	cfg.Defrag.Memcap = 1 << 20
	d := NewDecoder(cfg)
	payload := make([]byte, 1400)
	for i := range 20000 {
		in := fragmentOf(0, 1, true, payload)
		be.PutUint16(in.Data[4:], uint16(i))
		be.PutUint32(in.Data[12:], uint32(i))
		d.Decode(in)
		if d.defrag.bytes > cfg.Defrag.Memcap {
			t.Fatalf("%d bytes held", d.defrag.bytes)
		}
	}
	held := runSteps(t, "one datagram", cfg, nil)
	for range 1000 { // the same block over and over
		held.Decode(fragmentOf(1, 1, true, payload[:1024]))
	}
	if held.Count(CntFragmentsRefused) == 0 || held.defrag.bytes > maxHeldPerDatagram*2 {
		t.Errorf("%d refused, %d bytes held", held.Count(CntFragmentsRefused), held.defrag.bytes)
	}
}

// TestHostPolicy lets the longest prefix decide.
func TestHostPolicy(t *testing.T) {
	cfg := Default()
	cfg.HostPolicies = []HostPolicy{
		{netip.MustParsePrefix("0.0.0.0/0"), PolicyWindows},
		{netip.MustParsePrefix("10.0.0.0/8"), PolicyLinux},
		{netip.MustParsePrefix("10.1.0.0/16"), PolicySolaris},
	}
	for addr, want := range map[string]OverlapPolicy{
		"192.0.2.1": PolicyWindows, "10.2.0.1": PolicyLinux, "10.1.0.1": PolicySolaris, "fd00::1": PolicyBSD,
	} {
		if got := cfg.policyFor(AddrFrom(netip.MustParseAddr(addr))); got != want {
			t.Errorf("%s: %v, want %v", addr, got, want)
		}
	}
}

func TestValidate(t *testing.T) {
	cfg := Default()
	if faults := cfg.Validate(); len(faults) != 0 {
		t.Errorf("the default is faulty: %v", faults)
	}
	cfg.MaxLayers, cfg.Defrag = 0, DefragConfig{}
	if faults := cfg.Validate(); len(faults) != 5 {
		t.Errorf("%d faults, want all 5: %v", len(faults), faults)
	}
}
