package signatures

import (
	"testing"

	"picket/traffic/flow"
)

// TestCaptures: groups become variables of the packet, the flow and the alert when the whole rule matches.
func TestCaptures(t *testing.T) {
	e, faults := compileText(`alert udp any any -> any any (pcre:"/user=(\w+) uid=(\d+)/, flow:user, pkt:uid"; content:"end"; sid:1;)
alert udp any any -> any any (pcre:"/(?P<alert_who>root)/"; sid:2;)
alert udp any any -> any any (pcre:"/(\w+): (\w+)$/, pkt:key, pkt:value"; sid:3;)
`)
	if len(faults) > 0 {
		t.Fatal(faults)
	}
	in, f := inspectorOf(e), &flow.Flow{ID: 7}
	in.Inspect(udp("user=ann uid=1"), f, nil) // no end: nothing is kept
	if n := in.Notes(f, nil); n != nil || len(in.PacketVars()) != 0 {
		t.Errorf("kept without a match: %v %v", n, in.PacketVars())
	}
	in.Inspect(udp("user=root uid=0 end"), f, nil)
	if n := in.Notes(f, nil); n == nil || len(n.Vars) != 1 || n.Vars[0].Name != "user" || string(n.Vars[0].Value) != "root" {
		t.Errorf("flow variables: %+v", n)
	}
	if v := in.PacketVars(); len(v) != 1 || v[0].Name != "uid" || string(v[0].Value) != "0" {
		t.Errorf("packet variables: %q", v)
	}
	if a := in.Alerts; len(a) != 2 || len(a[1].Contexts) != 1 || string(a[1].Contexts[0].JSON) != `"root"` {
		t.Errorf("alerts: %+v", a)
	}
	in.Inspect(udp("Server: nginx"), f, nil)
	if v := in.PacketVars(); len(v) != 1 || v[0].Name != "Server" || string(v[0].Value) != "nginx" {
		t.Errorf("a variable named by its key: %q", v)
	}
}

func TestCapturesRefused(t *testing.T) {
	for _, pcre := range []string{`"/a/, flow:x"`, `"/(a)/, host:x"`, `!"/(a)/, flow:x"`, `"/(a)/, flow:"`} {
		if _, faults := compileText("alert udp any any -> any any (pcre:" + pcre + "; sid:1;)\n"); len(faults) != 1 {
			t.Errorf("pcre:%s: %v", pcre, faults)
		}
	}
}
