package sensor_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"picket/sensor"
)

// Evasion: traffic made so that a sensor and the attacked host read different things out of it. Every case of
// ../shared/corpora/evasion has the verdict that the host's view asks for: Ptacek and Newsham 1998, Novak 2005, the
// congest and fragroute tests, Suricata's reassembly vectors. What we decide otherwise is in the map differs, with the
// argument; a case that begins to agree must leave the map.

const evasion = "../../shared/corpora/evasion"

// differs lists the cases whose verdict is not the expected one, and why: for every host, or for one after a slash.
var differs = map[string]string{
	"rst-in-window-inexact/linux": "an RST anywhere in the window ends the session of a linux host, as in Suricata's " +
		"StreamTcpValidateRst; a Linux that follows RFC 5961 section 3.2 (3.6 and later) answers with a challenge and goes on. " +
		"The policy bsd, the default, wants the exact number",
	"ins-md5/bsd": "junk with an MD5 option (RFC 2385) that nobody agreed on counts as received: only its kernel knows whether the host " +
		"checks the option, and Suricata does not look at it; linux is right because it prefers the longer segment that follows",
	"fp-bad-cksum": "the packet is kept out of the stream, but judged as a packet (the manual on checksum-validation: not " +
		"processed by the stream engine and the application layer), so that rules on checksums can see it",
	"fp-out-of-window": "the packet is kept out of the stream, but judged as a packet: passively nobody knows whether the " +
		"host took it; inline the stream engine drops it",
	"OverlapLASTAfter": "its sixth segment is one byte just before the next expected one: RFC 1122 section 4.2.3.6 calls that a " +
		"keep-alive with a garbage octet, and Suricata (StreamTcpPacketIsKeepAlive) keeps it out of the stream; the vector was " +
		"made for the list of segments alone",
}

func corpus(t *testing.T, name string) string {
	t.Helper()
	path := filepath.Join(evasion, name)
	if _, err := os.Stat(path); err != nil {
		t.Skip("needs the corpus of evasions: ", err)
	}
	return path
}

func load(t *testing.T, name string, into any) {
	t.Helper()
	text, err := os.ReadFile(corpus(t, name))
	if err == nil {
		err = json.Unmarshal(text, into)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// seen is what the tests here look at in an alert.
type seen struct {
	Type   string `json:"event_type"`
	Packet string `json:"packet"`
	Alert  struct {
		SID int `json:"signature_id"`
	} `json:"alert"`
}

// read judges a capture as a host of the named operating system would read it, and returns the alerts.
func read(t *testing.T, file, rules, policy string) []seen {
	t.Helper()
	dir := t.TempDir()
	_, err := sensor.Read(t.Context(), &sensor.ReadOptions{
		Config: sensor.Default(), File: file, Rules: []string{rules}, OutDir: dir,
		Set: []string{"host-os-policy." + policy + ".0=0.0.0.0/0", "host-os-policy." + policy + ".1=::/0"},
	})
	if err != nil {
		t.Fatal(err)
	}
	return alerts(t, filepath.Join(dir, "eve.json"))
}

// alerts reads the alerts of an EVE file; every line must be JSON.
func alerts(t *testing.T, file string) (list []seen) {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for line := range bytes.Lines(text) {
		var s seen
		if err := json.Unmarshal(line, &s); err != nil {
			t.Fatalf("%s: %v in %q", file, err, line)
		}
		if s.Type == "alert" {
			list = append(list, s)
		}
	}
	return list
}

func sids(list []seen) []int {
	all := map[int]bool{}
	for _, s := range list {
		all[s.Alert.SID] = true
	}
	return slices.Sorted(maps.Keys(all))
}

// check compares a verdict with the expected one, or with the map of those that differ.
func check(t *testing.T, name string, got, want []int) {
	t.Helper()
	why, listed := differs[name]
	if !listed {
		name, _, _ := strings.Cut(name, "/")
		why, listed = differs[name]
	}
	switch agrees := slices.Equal(got, want); {
	case agrees && listed:
		t.Errorf("%s agrees now: take it out of the map differs (%q)", name, why)
	case !agrees && !listed:
		t.Errorf("%s: alerts %v, want %v", name, got, want)
	}
}

// classic is a case of classic/expected.json. The attack is /etc/passwd in a request; signature 9300001 sees it in
// the stream, 9300002 in http.uri.
type classic struct {
	Case     string `json:"case"`
	Expected any    `json:"alert_expected"` // true, false, or "policy": see policies
	Desc     string `json:"desc"`
}

// attackSeen are the alerts when the host gets the attack.
var attackSeen = []int{9300001, 9300002}

// policies has the verdicts of the cases that depend on the host: attack or none, by operating system.
//
// frag-7a and frag-7b overlap exactly: Novak's Linux takes the later copy there (K over C in the vectors of
// ip-defrag-novak.json). A packet with TTL 1 counts as received, since nothing tells picket how far the host is: an
// RST ends the session; a FIN does not end what the other side may see; the junk of ins-ttl is shorter than the true
// segment at its place, which Linux prefers, and the others do not.
var policies = map[string]map[string]bool{
	"frag-7a": {"linux": true, "bsd": false, "windows": false, "first": false, "last": true, "bsd-right": true},
	"frag-7b": {"linux": false, "bsd": true, "windows": true, "solaris": true, "first": true, "last": false, "bsd-right": false},
	"tcp-5":   {"bsd": true, "linux": true, "vista": false, "first": false},
	"ins-ttl": {"linux": true, "solaris": true, "last": true, "bsd": false, "windows": false, "vista": false, "first": false},
	"rst-ttl": {"linux": false},
	"fin-ttl": {"linux": true},
}

func TestClassicEvasions(t *testing.T) {
	var list struct{ Cases []classic }
	load(t, "classic/expected.json", &list)
	for _, c := range list.Cases {
		verdicts := policies[c.Case]
		if expected, plain := c.Expected.(bool); plain {
			verdicts = map[string]bool{"linux": expected, "bsd": expected}
		}
		if len(verdicts) == 0 {
			t.Errorf("%s depends on the host, and the test does not say how", c.Case)
		}
		for policy, attack := range verdicts {
			t.Run(c.Case+"/"+policy, func(t *testing.T) {
				want := []int(nil)
				if attack {
					want = attackSeen
				}
				got := sids(read(t, corpus(t, "classic/"+c.Case+".pcap"), corpus(t, "classic/classic.rules"), policy))
				check(t, c.Case+"/"+policy, got, want)
			})
		}
	}
}

// All cases in one capture: one flow must not change the verdict of another.
func TestClassicEvasionsTogether(t *testing.T) {
	all := read(t, corpus(t, "classic/all.pcap"), corpus(t, "classic/classic.rules"), "linux")
	apart := 0
	var list struct{ Cases []classic }
	load(t, "classic/expected.json", &list)
	for _, c := range list.Cases {
		apart += len(read(t, corpus(t, "classic/"+c.Case+".pcap"), corpus(t, "classic/classic.rules"), "linux"))
	}
	if len(all) != apart {
		t.Errorf("%d alerts in the capture of all cases, %d in the cases one by one", len(all), apart)
	}
}

func TestTCPOverlaps(t *testing.T) {
	var list struct {
		Cases []struct{ Case, Policy string }
	}
	load(t, "vectors/tcp-overlap.json", &list)
	if len(list.Cases) != 24 {
		t.Errorf("%d cases, want 24", len(list.Cases))
	}
	for i, c := range list.Cases {
		t.Run(c.Case, func(t *testing.T) {
			file := corpus(t, fmt.Sprintf("vectors/tcp/%s-%s.pcap", c.Case, c.Policy))
			got := sids(read(t, file, corpus(t, "vectors/tcp-overlap.rules"), c.Policy))
			check(t, c.Case, got, []int{9200000 + i})
		})
	}
}

// defragVectors is ip-defrag-novak.json: by IP version and host, a letter for each eight bytes.
type defragVectors struct {
	Expected map[string]map[string]string
}

func (v defragVectors) payload(version, policy string) []byte {
	var b []byte
	for _, letter := range []byte(v.Expected[version][policy]) {
		b = append(b, bytes.Repeat([]byte{letter}, 8)...)
	}
	return b
}

var defragPolicies = []string{"bsd", "linux", "windows", "solaris", "first", "last"}

func TestDefragmentationOfUDP(t *testing.T) {
	for i, policy := range defragPolicies {
		got := sids(read(t, corpus(t, "vectors/ip4-udp9999-novak.pcap"), corpus(t, "vectors/ip-defrag.rules"), policy))
		check(t, "udp/"+policy, got, []int{9100000 + i})
	}
}

// The datagrams of protocol 253 have no payload that a rule could read: the packet in the alert is compared.
func TestDefragmentationOfIP(t *testing.T) {
	var v defragVectors
	load(t, "vectors/ip-defrag-novak.json", &v)
	rules := filepath.Join(t.TempDir(), "ip.rules")
	if err := os.WriteFile(rules, []byte("alert ip any any -> any any (msg:\"protocol 253\"; ip_proto:253; sid:1;)\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for version, file := range map[string]string{"ipv4": "ip4-proto253-novak.pcap", "ipv6": "ip6-proto253-novak.pcap"} {
		for _, policy := range defragPolicies {
			t.Run(version+"/"+policy, func(t *testing.T) {
				whole := v.payload(version, policy)
				var packets []string
				for _, s := range read(t, corpus(t, "vectors/"+file), rules, policy) {
					raw, _ := base64.StdEncoding.DecodeString(s.Packet)
					if bytes.HasSuffix(raw, whole) {
						return
					}
					packets = append(packets, fmt.Sprintf("%q", raw))
				}
				t.Errorf("no alert on %q but on\n%s", whole, strings.Join(packets, "\n"))
			})
		}
	}
}
