package signatures

import "testing"

// TestHostTags: what follows a match is tagged until the count is over; the matching packet itself counts and is not.
func TestHostTags(t *testing.T) {
	for _, tt := range []struct {
		tag  string
		want string // by packet, a second apart: t for tagged
	}{
		{"host,3,packets,src", ".tt."},
		{"host,2,seconds,src", ".tt."},
		{"host,2,packets,dst", ".t.."},
		{"host,0,packets,src", "...."},
		{"session", "...."}, // there is no flow
	} {
		e, faults := compileText(`alert udp any any -> any any (content:"first"; tag:` + tt.tag + "; sid:1;)\n")
		if len(faults) > 0 {
			t.Fatal(faults)
		}
		in, got := inspectorOf(e), ""
		for i, payload := range []string{"first", "b", "c", "d"} {
			p := udp(payload)
			p.Time = int64(i+1) * 1e9
			in.Inspect(p, nil, nil)
			if in.Tagged {
				got += "t"
			} else {
				got += "."
			}
		}
		if got != tt.want {
			t.Errorf("tag:%s tags %s, want %s", tt.tag, got, tt.want)
		}
	}
	for _, arg := range []string{"flow", "host,3", "host,x,packets", "host,3,hours", "host,3,packets,left"} {
		if _, faults := compileText("alert udp any any -> any any (tag:" + arg + "; sid:1;)\n"); len(faults) != 1 {
			t.Errorf("tag:%s: %v", arg, faults)
		}
	}
}
