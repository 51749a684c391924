package sip

import (
	"strings"
	"testing"

	"picket/traffic/app"
	"picket/traffic/app/apptest"
)

const invite = "INVITE sip:bob@example.org;x=1 SIP/2.0\r\nv: SIP/2.0/UDP a\r\nTo: <sip:bob@example.org>\r\n" +
	"To: second  \r\nSubject: folded\r\n line\r\nContent-Type: application/sdp\r\nContent-Length: LEN\r\n\r\n"

const description = "v=0\r\no=alice 1 2 IN IP4 192.0.2.1\r\ns=A call\r\nc=IN IP4 192.0.2.1\r\nb=AS:64\r\nt=0 0\r\na=sendrecv\r\n" +
	"m=audio 4000 RTP/AVP 0 8\r\ni=sound\r\na=rtpmap:0 PCMU/8000\r\na=ptime:20\r\nm=video 4002 RTP/AVP 99\r\n"

func message() string {
	length := []string{}
	for n := len(description); n > 0; n /= 10 {
		length = append([]string{string(rune('0' + n%10))}, length...)
	}
	return strings.Replace(invite, "LEN", strings.Join(length, ""), 1) + description
}

func TestMessage(t *testing.T) {
	both := message() + "\r\n\r\n" + message()
	for _, step := range []int{1, 2, 3, 50, 200, 5000} {
		p := &parser{stream: true}
		if err := apptest.Feed(p, app.ToServer, []byte(both), step); err != nil {
			t.Fatal(step, err)
		}
		if open, _ := apptest.Count(p); open != 2 {
			t.Fatalf("step %d: %d messages", step, open)
		}
		for _, tx := range p.txs.Open {
			m := tx.Data.(*Message)
			to, _ := m.Get("to", "t", 1)
			via, _ := m.Get("Via", "v", 0)
			subject, _ := m.Get("subject", "s", 0)
			if string(m.URI) != "sip:bob@example.org;x=1" || string(to) != "second" || string(via) != "SIP/2.0/UDP a" || string(subject) != "folded\r\n line" {
				t.Fatalf("step %d: %q %q %q %q", step, m.URI, to, via, subject)
			}
			if s := m.SDP; s == nil || string(s.Name) != "A call" || len(s.Media) != 2 || len(s.Media[0].Attributes) != 2 || len(s.Bandwidths) != 1 {
				t.Fatalf("step %d: %+v", step, s)
			}
		}
	}
}

func TestResponse(t *testing.T) {
	p := &parser{}
	if r := p.Parse(app.ToClient, []byte("SIP/2.0 401 Unauthorized\r\n\r\n"), false); r.Err != nil {
		t.Fatal(r.Err)
	}
	m := p.txs.Open[0].Data.(*Message)
	if string(m.Code) != "401" || string(m.Reason) != "Unauthorized" || string(m.Line) != "SIP/2.0 401 Unauthorized" {
		t.Errorf("%+v", m)
	}
	if r := p.Parse(app.ToClient, []byte("SIP/2.0 401"), false); r.Err == nil || len(apptest.Events(p)) != 1 {
		t.Error("an incomplete datagram was accepted")
	}
}

func FuzzSIP(f *testing.F) {
	f.Add([]byte(message()))
	f.Add([]byte("SIP/2.0 200 OK\r\nl: 3\r\n\r\nabc"))
	f.Fuzz(func(t *testing.T, data []byte) {
		for _, dir := range []app.Direction{app.ToServer, app.ToClient} {
			(&parser{}).Parse(dir, data, false)
			a, b := &parser{stream: true}, &parser{stream: true}
			e1, e2 := apptest.Feed(a, dir, data, len(data)+1), apptest.Feed(b, dir, data, 3)
			_, n1 := apptest.Count(a)
			_, n2 := apptest.Count(b)
			if (e1 == nil) != (e2 == nil) || n1 != n2 {
				t.Fatalf("%v %v, %d %d", e1, e2, n1, n2)
			}
		}
	})
}
