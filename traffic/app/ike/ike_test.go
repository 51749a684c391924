package ike

import (
	"encoding/binary"
	"slices"
	"testing"

	"picket/traffic/app"
	"picket/traffic/app/apptest"
)

// message puts a header before payloads.
func message(version, exchange, flags, next byte, body string) []byte {
	b := []byte("initiat.\x00\x00\x00\x00\x00\x00\x00\x00")
	b = append(b, next, version, exchange, flags, 0, 0, 0, 0)
	b = binary.BigEndian.AppendUint32(b, uint32(headerLen+len(body)))
	return append(b, body...)
}

func wrap(next byte, body string) string {
	return string([]byte{next, 0, 0, byte(4 + len(body))}) + body
}

func main1() []byte {
	transform := wrap(0, "\x01\x01\x00\x00\x80\x01\x00\x07\x80\x02\x00\x02\x00\x0c\x00\x04\x00\x01\x51\x80")
	proposal := wrap(0, "\x01\x01\x00\x01"+transform)
	sa := wrap(13, "\x00\x00\x00\x01\x00\x00\x00\x01"+proposal)
	return message(0x10, 2, 0, 1, sa+wrap(0, "vendor"))
}

func init2() []byte {
	proposal := wrap(0, "\x01\x01\x00\x02"+wrap(3, "\x01\x00\x00\x0c")+wrap(0, "\x04\x00\x00\x02"))
	return message(0x20, 34, 8, 33, wrap(41, proposal)+wrap(0, "\x00\x00\x40\x04"))
}

func TestVersion1(t *testing.T) {
	p := newParser()
	if probe(app.ToServer, main1()) != app.Yes {
		t.Error("not recognised")
	}
	if r := p.Parse(app.ToServer, main1(), false); r.Err != nil {
		t.Fatal(r.Err)
	}
	m := p.txs.Open[0].Data.(*Message)
	if len(m.Proposals) != 1 || len(m.Proposals[0]) != 3 || m.Proposals[0][0].Name != "EncAesCbc" || m.Proposals[0][2].Number != 86400 {
		t.Errorf("%+v", m.Proposals)
	}
	if len(m.Vendors) != 1 || string(m.Vendors[0]) != "76656e646f72" || !p.session.HasDOI || !slices.Equal(m.Payloads, []byte{1, 2, 3, 13}) {
		t.Errorf("%+v", m)
	}
}

func TestVersion2(t *testing.T) {
	p := newParser()
	if probe(app.ToServer, init2()) != app.Yes {
		t.Error("not recognised")
	}
	p.Parse(app.ToServer, init2(), false)
	p.Parse(app.ToClient, init2(), false)
	if m := p.txs.Open[1].Data.(*Message); len(m.Chosen) != 2 || TransformName(TransformEncryption, p.session.Algorithms[TransformEncryption]) != "ENCR_AES_CBC" || NotifyName(m.Notify[0]) != "NAT_DETECTION_SOURCE_IP" {
		t.Errorf("%+v", m)
	}
	if e := apptest.Events(p)[:2]; !slices.Equal(e, []string{EventWeakDH, EventNoAuth}) {
		t.Error(e)
	}
}

func FuzzIKE(f *testing.F) {
	f.Add(main1())
	f.Add(init2())
	f.Fuzz(func(t *testing.T, data []byte) {
		probe(app.ToServer, data)
		p := newParser()
		p.Parse(app.ToServer, data, false)
		p.Parse(app.ToClient, data, false)
	})
}
