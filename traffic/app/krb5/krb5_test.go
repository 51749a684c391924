package krb5

import (
	"encoding/binary"
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

func name(parts ...string) string {
	list := ""
	for _, p := range parts {
		list += tlv(0x1b, p)
	}
	return tlv(0x30, tlv(0xa0, tlv(2, "\x01")), tlv(0xa1, tlv(0x30, list)))
}

func request() string {
	body := tlv(0x30, tlv(0xa0, tlv(3, "\x00\x40\x00\x00\x00")), tlv(0xa1, name("me")), tlv(0xa2, tlv(0x1b, "R")), tlv(0xa3, name("krbtgt", "R")))
	return tlv(0x6a, tlv(0x30, tlv(0xa1, tlv(2, "\x05")), tlv(0xa2, tlv(2, "\x0a")), tlv(0xa4, body)))
}

func failure() string {
	return tlv(0x7e, tlv(0x30, tlv(0xa0, tlv(2, "\x05")), tlv(0xa1, tlv(2, "\x1e")), tlv(0xa4, tlv(0x18, "20200101000000Z")), tlv(0xa5, tlv(2, "\x01")),
		tlv(0xa6, tlv(2, "\x19")), tlv(0xa9, tlv(0x1b, "R")), tlv(0xaa, name("krbtgt", "R"))))
}

func record(s string) []byte {
	return append(binary.BigEndian.AppendUint32(nil, uint32(len(s))), s...)
}

func TestStream(t *testing.T) {
	for _, step := range []int{1, 5, 500} {
		p := &parser{stream: true}
		if err := apptest.Feed(p, app.ToServer, record(request()), step); err != nil {
			t.Fatal(err)
		}
		if err := apptest.Feed(p, app.ToClient, record(failure()), step); err != nil {
			t.Fatal(err)
		}
		if open, _ := apptest.Count(p); open != 2 {
			t.Fatalf("step %d: %d transactions", step, open)
		}
		q, e := p.txs.Open[0].Data.(*Message), p.txs.Open[1].Data.(*Message)
		if string(q.Client[0]) != "me" || string(q.Realm) != "R" || len(q.Server) != 2 {
			t.Errorf("%+v", q)
		}
		if e.Failed != ASReq || ErrorName(e.Code) != "KDC_ERR_PREAUTH_REQUIRED" {
			t.Errorf("%+v", e)
		}
	}
}

func TestProbe(t *testing.T) {
	if probe(app.ToServer, []byte(request())) != app.Yes || probe(app.ToClient, []byte(failure())) != app.Yes {
		t.Error("not recognised")
	}
	if probe(app.ToServer, slices.Concat([]byte{0x30}, []byte(request())[1:])) != app.No {
		t.Error("a plain sequence is no Kerberos")
	}
}

func FuzzKRB5(f *testing.F) {
	f.Add(record(request()))
	f.Add(record(failure()))
	f.Fuzz(func(t *testing.T, data []byte) {
		probeTCP(app.ToServer, data)
		(&parser{}).Parse(app.ToServer, data, false)
		a, b := &parser{stream: true}, &parser{stream: true}
		e1, e2 := apptest.Feed(a, app.ToServer, data, len(data)+1), apptest.Feed(b, app.ToServer, data, 3)
		_, n1 := apptest.Count(a)
		_, n2 := apptest.Count(b)
		if (e1 == nil) != (e2 == nil) || n1 != n2 {
			t.Fatalf("%v %v, %d %d", e1, e2, n1, n2)
		}
	})
}
