package language_test

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"picket/signatures/language"
)

var listVars = language.Vars{
	Address: map[string]string{
		"HOME": "[10.0.0.0/8,192.168.0.0/16]", "EXT": "!$HOME", "BARE": "1.1.1.1,2.2.2.2", "LOOP": "[$LOOP]",
		"BOMB1": "[$BOMB2,$BOMB2,$BOMB2,$BOMB2]", "BOMB2": "[$BOMB3,$BOMB3,$BOMB3,$BOMB3]", "ANY": "any",
		"BOMB3": "[" + strings.Repeat("1.2.3.4,", 30_000) + "1.2.3.4]",
	},
	Port: map[string]string{"HTTP": "[80,8080:8088]", "NOT": "!80"},
}

func TestParseAddrs(t *testing.T) {
	for _, c := range []struct{ text, in, out string }{
		{"any", "1.2.3.4 ::1", ""},
		{"10.0.0.0/8", "10.255.0.1", "11.0.0.1 ::1"},
		{"10.1.2.3/8", "10.255.0.1", "11.0.0.1"},
		{"10.0.0.0/255.255.0.0", "10.0.9.9", "10.1.0.0"},
		{"!10.0.0.1", "10.0.0.2", "10.0.0.1 ::1"},
		{"[!10.0.0.1,!fe80::/16]", "10.0.0.2 ::1", "10.0.0.1 fe80::1"},
		{"[::/0,!10.0.0.1]", "10.0.0.2 ::1", "10.0.0.1"},
		{"[any,!10.0.0.1]", "10.0.0.2 ::1", "10.0.0.1"},
		{"$HOME", "10.1.1.1 192.168.3.4", "172.16.0.1"},
		{"$EXT", "8.8.8.8", "10.1.1.1 192.168.3.4 ::1"},
		{"!$EXT", "10.1.1.1", "8.8.8.8"},
		{"!$BARE", "3.3.3.3", "1.1.1.1 2.2.2.2"},
		{"[$HOME,!10.1.0.0/16]", "10.2.0.1", "10.1.0.1 8.8.8.8"},
		{"[10.0.0.0/8,![10.1.0.0/16,!10.1.1.0/24]]", "10.2.0.1", "10.1.0.1 10.1.1.1"},
		{"[$ANY,!1.1.1.1]", "2.2.2.2", "1.1.1.1"},
		{"1.2.3.4-1.2.3.9", "1.2.3.4 1.2.3.7 1.2.3.9", "1.2.3.3 1.2.3.10"},
		{"0.0.0.0-255.255.255.255", "0.0.0.0 255.255.255.255", "::1"},
		{"::1-::ffff", "::1 ::8000", "::1:0"},
		{"1.1.1.1,2.2.2.2", "1.1.1.1 2.2.2.2", "3.3.3.3"},
	} {
		set, err := language.ParseAddrs(c.text, &listVars)
		if err != nil {
			t.Errorf("%s: %v", c.text, err)
			continue
		}
		for _, a := range strings.Fields(c.in) {
			if !set.Contains(netip.MustParseAddr(a)) {
				t.Errorf("%s does not hold %s: %+v", c.text, a, set)
			}
		}
		for _, a := range strings.Fields(c.out) {
			if set.Contains(netip.MustParseAddr(a)) {
				t.Errorf("%s holds %s: %+v", c.text, a, set)
			}
		}
	}
}

func TestParseAddrsRefuses(t *testing.T) {
	for _, text := range []string{
		"", "[]", "[1.1.1.1", "1.1.1.1]", "[1.1.1.1,]", "!!1.1.1.1", "!any", "1.1.1", "1.1.1.1/33", "1.1.1.1/255.0.255.0",
		"2.2.2.2-1.1.1.1", "1.1.1.1-::1", "fe80::1%eth0", "$NONE", "$LOOP", "$BOMB1", "[10.1.0.0/16,!10.0.0.0/8]",
		"[1.1.1.1,!1.1.1.1]", "!0.0.0.0/0", "![0.0.0.0/1,128.0.0.0/1]", "[1.1.1.0/24,!1.1.1.0/25,!1.1.1.128/25]", "a[b]",
	} {
		if set, err := language.ParseAddrs(text, &listVars); err == nil {
			t.Errorf("%q gives %+v", text, set)
		}
	}
}

func TestParsePorts(t *testing.T) {
	type ranges = []language.PortRange
	for _, c := range []struct {
		text string
		want ranges
	}{
		{"80", ranges{{80, 80}}}, {"0", ranges{{0, 0}}}, {":80", ranges{{0, 80}}}, {"1024:", ranges{{1024, 65535}}},
		{"!80", ranges{{0, 79}, {81, 65535}}}, {"[80,81,83]", ranges{{80, 81}, {83, 83}}},
		{"[80:90,!85,!88:]", ranges{{80, 84}, {86, 87}}}, {"![80,443]", ranges{{0, 79}, {81, 442}, {444, 65535}}},
		{"$HTTP", ranges{{80, 80}, {8080, 8088}}}, {"!$NOT", ranges{{80, 80}}}, {"80,90", ranges{{80, 80}, {90, 90}}},
		{"[any,!0]", ranges{{1, 65535}}},
	} {
		set, err := language.ParsePorts(c.text, &listVars)
		if err != nil {
			t.Errorf("%s: %v", c.text, err)
		} else if d := cmp.Diff(c.want, set.Ranges); d != "" {
			t.Errorf("%s: %s", c.text, d)
		}
	}
	for _, text := range []string{"", ":", "65536", "-1", "90:80", "!any", "[80,!80]", "80,", "http", "$NONE", "[80", "1:2:3"} {
		if set, err := language.ParsePorts(text, &listVars); err == nil {
			t.Errorf("%q gives %+v", text, set)
		}
	}
}

func FuzzLists(f *testing.F) {
	for _, s := range []string{"[10.0.0.0/8,![10.1.0.0/16,!10.1.1.0/24]]", "::1-::ffff", "$EXT", "[80:90,!85,!88:]", "!$NOT"} {
		f.Add(s)
	}
	probe := []netip.Addr{netip.MustParseAddr("10.1.1.1"), netip.MustParseAddr("8.8.8.8"), netip.MustParseAddr("::1")}
	f.Fuzz(func(t *testing.T, text string) {
		if set, err := language.ParseAddrs(text, &listVars); err == nil {
			for _, a := range probe {
				set.Contains(a)
			}
		}
		if set, err := language.ParsePorts(text, &listVars); err == nil && !set.Any {
			for i, r := range set.Ranges {
				if r.Hi < r.Lo || i > 0 && int(r.Lo) <= int(set.Ranges[i-1].Hi)+1 {
					t.Errorf("%q: ranges are not sorted and apart: %v", text, set.Ranges)
				}
			}
		}
	})
}
