package ldap

import (
	"slices"
	"testing"

	"picket/traffic/app"
	"picket/traffic/app/apptest"
)

// tlv encodes an element of less than 128 bytes.
func tlv(tag byte, parts ...string) string {
	body := ""
	for _, p := range parts {
		body += p
	}
	return string([]byte{tag, byte(len(body))}) + body
}

func message(id byte, op string) string { return tlv(0x30, tlv(2, string([]byte{id})), op) }

func requests() string {
	s := message(1, tlv(0x60, tlv(2, "\x03"), tlv(4, "cn=me"), tlv(0x80, "secret")))
	s += message(2, tlv(0x63, tlv(4, "dc=x"), tlv(10, "\x02"), tlv(10, "\x00"), tlv(2, "\x05"), tlv(2, "\x06"), tlv(1, "\x00"), tlv(0x87, "objectClass"), tlv(0x30, tlv(4, "cn"), tlv(4, "sn"))))
	s += message(3, tlv(0x66, tlv(4, "uid=a"), tlv(0x30, tlv(0x30, tlv(10, "\x02"), tlv(0x30, tlv(4, "cn"), tlv(0x31, tlv(4, "new")))))))
	return s + message(4, tlv(0x42))
}

func responses() string {
	result := tlv(10, "\x00") + tlv(4, "") + tlv(4, "fine")
	s := message(1, tlv(0x61, result))
	s += message(2, tlv(0x64, tlv(4, "dc=x"), tlv(0x30, tlv(0x30, tlv(4, "cn"), tlv(0x31, tlv(4, "v1"), tlv(4, "v2"))))))
	s += message(2, tlv(0x65, result))
	return s + message(3, tlv(0x67, result)) + message(9, tlv(0x67, result))
}

func TestTalk(t *testing.T) {
	for _, step := range []int{1, 2, 7, 1000} {
		p := newParser(nil, true)
		if err := apptest.Feed(p, app.ToServer, []byte(requests()), step); err != nil {
			t.Fatal(step, err)
		}
		if err := apptest.Feed(p, app.ToClient, []byte(responses()), step); err != nil {
			t.Fatal(step, err)
		}
		of := func(i int) *Transaction { return p.txs.Open[i].Data.(*Transaction) }
		if open, _ := apptest.Count(p); open != 5 || !slices.Equal(apptest.Events(p), []string{EventNoRequest}) {
			t.Fatalf("step %d: %d transactions, %v", step, open, apptest.Events(p))
		}
		if m := of(1); string(m.Request.Present) != "objectClass" || len(m.Request.Wanted) != 2 || len(m.Responses) != 2 || len(m.Responses[0].Attributes[0].Values) != 2 {
			t.Errorf("%+v", m.Request)
		}
		if a := of(2).Request.Attributes; len(a) != 1 || a[0].Operation != 2 || string(a[0].Values[0]) != "new" {
			t.Errorf("%+v", a)
		}
		for i, tx := range p.txs.Open {
			if tx.Progress[0] != app.Done {
				t.Errorf("transaction %d is not complete", i)
			}
		}
	}
}

func TestStartTLS(t *testing.T) {
	p := newParser(nil, true)
	p.Parse(app.ToServer, []byte(message(1, tlv(0x77, tlv(0x80, startTLS)))), false)
	if r := p.Parse(app.ToClient, []byte(message(1, tlv(0x78, tlv(10, "\x00"), tlv(4, ""), tlv(4, "")))), false); r.Upgrade != app.TLS {
		t.Error("no TLS after its request")
	}
}

func FuzzLDAP(f *testing.F) {
	f.Add([]byte(requests()))
	f.Add([]byte(responses()))
	f.Fuzz(func(t *testing.T, data []byte) {
		for _, dir := range []app.Direction{app.ToServer, app.ToClient} {
			newParser(nil, false).Parse(dir, data, false)
			a, b := newParser(nil, true), newParser(nil, true)
			e1, e2 := apptest.Feed(a, dir, data, len(data)+1), apptest.Feed(b, dir, data, 3)
			_, n1 := apptest.Count(a)
			_, n2 := apptest.Count(b)
			if (e1 == nil) != (e2 == nil) || n1 != n2 {
				t.Fatalf("%v %v, %d %d", e1, e2, n1, n2)
			}
		}
	})
}
