package signatures

import (
	"net/netip"
	"strings"
	"testing"

	"picket/signatures/language"
)

func TestGeoip(t *testing.T) {
	where := map[string]string{"192.0.2.1": "NL"} // the packet's source; 10.0.0.1 lies nowhere
	opt := Options{Country: func(a netip.Addr) string { return where[a.String()] }}
	for arg, want := range map[string]bool{
		"NL": true, "src,NL": true, "src,nl,DE": true, "dst,NL": false, "both,NL": false, "any,NL": true, "src,DE": false,
		"src,!DE": true, "src,!NL,!DE": false, "dst,!DE": false, "both,!DE": false,
	} {
		rules, _ := language.Parse(strings.NewReader("alert udp any any -> any any (geoip:"+arg+"; sid:1;)"), "t", nil)
		e, faults := Compile(rules, opt)
		if len(faults) > 0 {
			t.Fatal(faults)
		}
		in := inspectorOf(e)
		in.Inspect(udp("x"), nil, nil)
		if got := len(in.Alerts) == 1; got != want {
			t.Errorf("geoip:%s matches %v, want %v", arg, got, want)
		}
	}
	for _, arg := range []string{"src", "src,NL,!DE", "Netherlands"} {
		rules, _ := language.Parse(strings.NewReader("alert udp any any -> any any (geoip:"+arg+"; sid:1;)"), "t", nil)
		if _, faults := Compile(rules, opt); len(faults) != 1 {
			t.Errorf("geoip:%s: %v", arg, faults)
		}
	}
}
