package signatures

import (
	"slices"
	"strconv"
	"strings"
	"testing"

	"picket/traffic/app"
	"picket/traffic/flow"
	"picket/traffic/packet"
)

// TestKindsOnTheWire holds what a rule's kind makes of a connection against Suricata 7.0.10's alerts on the same packets:
// the three of the handshake, then a question, its acknowledgment, and an empty segment that brings a chunk of the stream.
func TestKindsOnTheWire(t *testing.T) {
	const header = "192.0.2.1 any <> 10.0.0.1 any"
	for _, c := range []struct {
		name, rule string
		want       int // alerts
	}{
		{"header alone, once a direction", "tcp " + header + ` (sid:1;)`, 2},
		{"bits of hosts leave it a header", "tcp " + header + ` (xbits:isnotset,b,track ip_src; sid:1;)`, 2},
		{"hostbits too", "tcp " + header + ` (hostbits:set,b; sid:1;)`, 2},
		{"setting a flowbit too", "tcp " + header + ` (flowbits:set,b; sid:1;)`, 2},
		{"asking for one does not", "tcp " + header + ` (flowbits:isnotset,b; sid:1;)`, 6},
		{"negated addresses: each packet", "tcp !198.51.100.1 any <> any any (sid:1;)", 6},
		{"ports are for protocols that have them", "ip 192.0.2.1 1: <> 10.0.0.1 any (dsize:>0; sid:1;)", 1},
		{"stream_size looks into packets, too", "tcp " + header + ` (stream_size:client,>,10; content:"hello"; sid:1;)`, 2},
		{"no payload", "tcp " + header + ` (dsize:0; sid:1;)`, 4},
		{"a negated content needs bytes", "tcp " + header + ` (content:!"x"; sid:1;)`, 1},
		{"a negation within a pcre's quotes is none", "tcp " + header + ` (pcre:"!/hello/"; sid:1;)`, 1},
		{"it is in the chunk, not in the segment that brings it", "tcp " + header + ` (pcre:!"/hello/"; sid:1;)`, 1},
	} {
		e, faults := compileText("alert " + strings.Replace(c.rule, "(", `(msg:"m"; `, 1))
		if len(faults) > 0 {
			t.Errorf("%s: %v", c.name, faults)
			continue
		}
		w := newWire(e, false)
		w.say(app.ToServer, append([]byte("hello"), make([]byte, 3000)...))
		w.send(app.ToServer, packet.ACK, w.next[app.ToServer], nil)
		if len(w.found) != c.want {
			t.Errorf("%s: %d alerts, want %d", c.name, len(w.found), c.want)
		}
	}
}

// TestDigestLengths: a content of another length than the digest it is held against can never match.
func TestDigestLengths(t *testing.T) {
	for _, options := range []string{
		`ja3.hash; content:"abc"`, `ja3s.hash; content:"abc"`, `ssh.hassh; content:"abc"`, `ssh.hassh.server; content:"abc"`,
		`tls.cert_fingerprint; content:"ab:cd"`,
	} {
		if _, faults := compileText(`alert tcp any any -> any any (msg:"m"; ` + options + "; sid:1;)\n"); len(faults) == 0 {
			t.Errorf("%s: loaded, must be refused", options)
		}
	}
}

// TestSecret: the payload of a connection that has become ciphertext is not judged after the packet that made it so.
func TestSecret(t *testing.T) {
	e, faults := compileText(`alert tcp-pkt any any -> any any (msg:"m"; content:"x"; sid:1;)` + "\n" +
		`alert tcp any any -> any any (msg:"m"; dsize:>0; sid:2;)` + "\n" + `alert tcp any any -> any any (msg:"m"; flags:+P; sid:3;)`)
	if len(faults) > 0 {
		t.Fatal(faults)
	}
	in := inspectorOf(e)
	f, s := &flow.Flow{}, &flow.State{}
	s.App.Encrypted = true
	for i, want := range []int{3, 1} {
		p := &packet.Packet{Proto: packet.TCP, Family: 4, Payload: []byte("x"), TCP: packet.TCPHeader{Flags: packet.PSH | packet.ACK}, L4: make([]byte, 20)}
		if in.Inspect(p, f, s); len(in.Alerts) != want {
			t.Errorf("packet %d: %d alerts, want %d", i, len(in.Alerts), want)
		}
	}
}

// TestBitsBeforeQuestions: a bit that a rule of the header alone sets with the first packet is there for the same packet.
func TestBitsBeforeQuestions(t *testing.T) {
	e, faults := compileText(strings.Join([]string{
		`alert tcp any any -> any any (msg:"asks"; flowbits:isset,b; sid:1;)`,
		`alert tcp any any -> any any (msg:"sets"; flowbits:set,b; sid:2;)`,
	}, "\n"))
	if len(faults) > 0 {
		t.Fatal(faults)
	}
	w := newWire(e, false)
	slices.Sort(w.found)
	got := ""
	for _, sid := range w.found {
		got += strconv.Itoa(int(sid))
	}
	if got != "11122" {
		t.Errorf("alerts %s", got)
	}
}
