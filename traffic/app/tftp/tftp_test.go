package tftp

import (
	"testing"

	"picket/traffic/app"
)

func TestRequest(t *testing.T) {
	p := Protocol().New(nil)
	if r := p.Parse(app.ToServer, []byte("\x00\x01boot.img\x00OCTET\x00tsize\x000\x00"), false); r.Err != nil {
		t.Fatal(r.Err)
	}
	if r := p.Transactions().Open[0].Data.(*Request); r.Opcode != Read || string(r.File) != "boot.img" || r.Mode != "octet" {
		t.Errorf("%+v", r)
	}
	if r := p.Parse(app.ToServer, []byte("\x00\x01boot.img\x00what\x00"), false); r.Err == nil {
		t.Error("an unknown mode was accepted")
	}
}

func FuzzTFTP(f *testing.F) {
	f.Add([]byte("\x00\x02file\x00netascii\x00"))
	f.Fuzz(func(t *testing.T, data []byte) {
		probe(app.ToServer, data)
		Protocol().New(nil).Parse(app.ToServer, data, false)
	})
}
