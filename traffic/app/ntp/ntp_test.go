package ntp

import (
	"testing"

	"picket/traffic/app"
)

func TestMessage(t *testing.T) {
	b := make([]byte, headerLen)
	b[0], b[1] = 0x24, 2
	copy(b[12:], "LOCL")
	if probe(app.ToServer, b) != app.Reversed || probe(app.ToClient, b) != app.Yes {
		t.Error("wrong direction")
	}
	p := Protocol().New(nil)
	if r := p.Parse(app.ToClient, b, false); r.Err != nil {
		t.Fatal(r.Err)
	}
	if m := p.Transactions().Open[0].Data.(*Message); m.Version != 4 || m.Mode != Server || m.Stratum != 2 || string(m.ReferenceID) != "LOCL" {
		t.Errorf("%+v", m)
	}
}

func FuzzNTP(f *testing.F) {
	f.Add(make([]byte, headerLen))
	f.Fuzz(func(t *testing.T, data []byte) {
		ok := probe(app.ToServer, data) != app.No
		if r := Protocol().New(nil).Parse(app.ToServer, data, false); ok && r.Err != nil {
			t.Fatal(r.Err)
		}
	})
}
