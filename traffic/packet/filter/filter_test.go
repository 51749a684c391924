package filter

import (
	"encoding/binary"
	"net/netip"
	"strings"
	"testing"

	"picket/traffic/packet"
)

// frame makes an Ethernet frame of a TCP or UDP packet.
func frame(proto byte, src, dst string, sport, dport uint16, vlans ...uint16) []byte {
	b := make([]byte, 12)
	for _, id := range vlans {
		b = binary.BigEndian.AppendUint16(append(b, 0x81, 0), id)
	}
	s, d := netip.MustParseAddr(src), netip.MustParseAddr(dst)
	if s.Is4() {
		b = append(b, 0x08, 0x00, 0x45, 0, 0, 40, 0, 0, 0, 0, 64, proto, 0, 0)
	} else {
		b = append(b, 0x86, 0xdd, 0x60, 0, 0, 0, 0, 28, 60, 64)
	}
	b = append(append(b, s.AsSlice()...), d.AsSlice()...)
	if s.Is6() {
		b = append(b, proto, 0, 0, 0, 0, 0, 0, 0) // destination options
	}
	b = binary.BigEndian.AppendUint16(binary.BigEndian.AppendUint16(b, sport), dport)
	return append(b, make([]byte, 16)...)
}

func TestMatch(t *testing.T) {
	web := frame(protoTCP, "10.1.2.3", "192.0.2.80", 40000, 80)
	query := frame(protoUDP, "2001:db8::1", "2001:db8::53", 5353, 53, 7)
	arp := append(make([]byte, 12), 0x08, 0x06, 0, 1)
	for text, want := range map[string]string{
		"":                           "web query arp",
		"tcp":                        "web",
		"ip":                         "web",
		"ip6":                        "query",
		"arp":                        "arp",
		"not arp":                    "web query",
		"! ( arp )":                  "web query",
		"port 80":                    "web",
		"port 80 or 53":              "web query",
		"src port 80":                "",
		"dst port http":              "web",
		"udp port 53 or tcp port 22": "query",
		"tcp port 53":                "",
		"portrange 50-100":           "web query",
		"host 10.1.2.3":              "web",
		"10.1.2.3":                   "web",
		"src host 10.1.2.3 and dst net 192.0.2.0/24": "web",
		"net 10":                        "web",
		"net 192.0.2 and tcp":           "web",
		"src or dst net 2001:db8::/32":  "query",
		"src and dst net 2001:db8::/32": "query",
		"vlan":                          "query",
		"vlan 7 && udp":                 "query",
		"vlan 8":                        "",
		"greater 60":                    "query",
		"less 20":                       "arp",
		"ip proto 6":                    "web",
		"tcp or udp and port 53":        "query", // from the left: (tcp or udp) and port 53
		"tcp or (udp and port 53)":      "web query",
	} {
		f, err := Compile(text)
		if err != nil {
			t.Errorf("%q: %v", text, err)
			continue
		}
		var got []string
		for name, b := range map[string][]byte{"web": web, "query": query, "arp": arp} {
			if f.Match(packet.LinkEthernet, b, len(b)) {
				got = append(got, name)
			}
		}
		if len(got) != len(strings.Fields(want)) || !containsAll(got, strings.Fields(want)) {
			t.Errorf("%q matches %v, want %q", text, got, want)
		}
	}
}

func containsAll(list, words []string) bool {
	for _, w := range words {
		if !strings.Contains(" "+strings.Join(list, " ")+" ", " "+w+" ") {
			return false
		}
	}
	return true
}

func TestErrors(t *testing.T) {
	for text, want := range map[string]string{
		"port":                   "column 5: something to compare with is missing",
		"port 99999":             "column 6: no port",
		"tcp and":                "column 8: the expression ends too early",
		"( tcp":                  "column 6: missing )",
		"tcp ) udp":              "column 5: unexpected )",
		"tcp[13] & 2 != 0":       "column 1: no host that can be compared",
		"host www.example":       "column 6: no host that can be compared",
		"less x":                 "column 6: a number of bytes is missing",
		strings.Repeat("(", 200): "too many parentheses",
	} {
		if _, err := Compile(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", text, err, want)
		}
	}
}

func TestMatchDoesNotAllocate(t *testing.T) {
	f, err := Compile("tcp port 80 and not net 198.51.100.0/24")
	if err != nil {
		t.Fatal(err)
	}
	b := frame(protoTCP, "10.1.2.3", "192.0.2.80", 40000, 80)
	if n := testing.AllocsPerRun(100, func() { f.Match(packet.LinkEthernet, b, len(b)) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func FuzzFilter(f *testing.F) {
	f.Add("tcp port 80 and not (src net 10 or vlan 7) or less 60", frame(protoTCP, "10.1.2.3", "192.0.2.80", 40000, 80))
	f.Add("ip6 proto 17 || portrange 1-2", frame(protoUDP, "2001:db8::1", "2001:db8::53", 5353, 53, 7))
	f.Fuzz(func(t *testing.T, text string, b []byte) {
		c, err := Compile(text)
		if err != nil {
			return
		}
		for _, link := range []packet.LinkType{packet.LinkEthernet, packet.LinkRaw, packet.LinkNull, packet.LinkSLL} {
			c.Match(link, b, len(b))
		}
	})
}
