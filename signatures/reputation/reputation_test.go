package reputation

import (
	"net/netip"
	"testing"

	"picket/traffic/packet"
)

func TestScore(t *testing.T) {
	table, err := New([]byte("# id,name\n1,BadHosts,known bad\n2,CnC,\n"))
	if err != nil {
		t.Fatal(err)
	}
	if err := table.Add([]byte("192.0.2.1,1,100\n192.0.2.0/24,1,7\n192.0.0.0/16,1,3\n2001:db8::/32,2,0\n")); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		addr, cat string
		want      uint8
		ok        bool
	}{
		{"192.0.2.1", "badhosts", 100, true}, {"192.0.2.2", "BadHosts", 7, true}, {"192.0.9.1", "BadHosts", 3, true},
		{"192.0.2.1", "CnC", 0, false}, {"2001:db8::5", "CnC", 0, true},
	} {
		c, ok := table.Category(tt.cat)
		if !ok {
			t.Fatal(tt.cat)
		}
		if got, ok := table.Score(packet.Addr(netip.MustParseAddr(tt.addr).As16()), c); got != tt.want || ok != tt.ok {
			t.Errorf("%s %s: %d %v, want %d %v", tt.addr, tt.cat, got, ok, tt.want, tt.ok)
		}
	}
	for _, bad := range []string{"x,1,1", "192.0.2.1,0,1", "192.0.2.1,1,128", "192.0.2.1"} {
		if table.Add([]byte(bad)) == nil {
			t.Errorf("%q was read", bad)
		}
	}
}
