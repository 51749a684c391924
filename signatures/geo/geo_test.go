package geo

import (
	"net/netip"
	"testing"
)

// tiny is a database that knows 128.0.0.0/1 alone: one node of two 24-bit records.
func tiny(code string) []byte {
	text := func(s string) []byte { return append([]byte{2<<5 | byte(len(s))}, s...) }
	mapOf := func(n byte) []byte { return []byte{7<<5 | n} }
	join := func(parts ...[]byte) (all []byte) {
		for _, p := range parts {
			all = append(all, p...)
		}
		return all
	}
	tree := []byte{0, 0, 1, 0, 0, 1 + 16} // left: nothing; right: the data's first byte
	data := join(mapOf(1), text("country"), mapOf(1), text("iso_code"), text(code))
	meta := join([]byte("\xab\xcd\xefMaxMind.com"), mapOf(6),
		text("node_count"), []byte{6<<5 | 1, 1}, text("record_size"), []byte{5<<5 | 1, 24},
		text("ip_version"), []byte{5<<5 | 1, 4}, text("database_type"), text("t"),
		text("binary_format_major_version"), []byte{5<<5 | 1, 2}, text("binary_format_minor_version"), []byte{5 << 5})
	return join(tree, make([]byte, 16), data, meta)
}

func TestCountry(t *testing.T) {
	d, err := New(tiny("NL"))
	if err != nil {
		t.Fatal(err)
	}
	for addr, want := range map[string]string{"192.0.2.1": "NL", "::ffff:192.0.2.1": "NL", "10.0.0.1": "", "2001:db8::1": ""} {
		if got := d.Country(netip.MustParseAddr(addr)); got != want {
			t.Errorf("%s lies in %q, want %q", addr, got, want)
		}
	}
}

func FuzzDatabase(f *testing.F) {
	f.Add(tiny("NL"))
	f.Fuzz(func(_ *testing.T, file []byte) {
		if d, err := New(file); err == nil {
			d.Country(netip.MustParseAddr("192.0.2.1"))
		}
	})
}
