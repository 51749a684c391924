package snmp

import (
	"slices"
	"testing"

	"picket/traffic/app"
	"picket/traffic/app/apptest"
)

// get is a version 2c get request for sysDescr.
const get = "\x30\x29\x02\x01\x01\x04\x06public\xa0\x1c\x02\x04\x12\x34\x56\x78\x02\x01\x00\x02\x01\x00\x30\x0e\x30\x0c\x06\x08\x2b\x06\x01\x02\x01\x01\x01\x00\x05\x00"

func TestGet(t *testing.T) {
	p := Protocol().New(nil)
	if probe(app.ToServer, []byte(get)) != app.Yes {
		t.Error("not recognised")
	}
	if r := p.Parse(app.ToServer, []byte(get), false); r.Err != nil {
		t.Fatal(r.Err)
	}
	m := p.Transactions().Open[0].Data.(*Message)
	if m.Version != 2 || string(m.Community) != "public" || PDUName(m.PDU) != "get_request" || !slices.Equal(m.Vars, []string{"1.3.6.1.2.1.1.1.0"}) {
		t.Errorf("%+v", m)
	}
	first := []byte(get)
	first[4] = 0
	p.Parse(app.ToServer, first, false)
	if !slices.Equal(apptest.Events(p), []string{EventVersion}) {
		t.Error(apptest.Events(p))
	}
}

func FuzzSNMP(f *testing.F) {
	f.Add([]byte(get))
	f.Add([]byte("\x30\x3e\x02\x01\x03\x30\x11\x02\x04\x00\x00\x00\x01\x02\x03\x00\xff\xe3\x04\x01\x04\x02\x01\x03\x04\x10\x30\x0e\x04\x00\x02\x01\x00\x02\x01\x00\x04\x00\x04\x00\x04\x00\x30\x14"))
	f.Fuzz(func(t *testing.T, data []byte) {
		probe(app.ToServer, data)
		p := Protocol().New(nil)
		p.Parse(app.ToServer, data, false)
		p.Parse(app.ToClient, data, false)
	})
}
