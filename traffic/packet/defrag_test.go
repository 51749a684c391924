package packet

import (
	"encoding/json"
	"net/netip"
	"os"
	"strings"
	"testing"
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
