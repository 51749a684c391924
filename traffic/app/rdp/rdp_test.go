package rdp

import (
	"bytes"
	"encoding/binary"
	"testing"

	"picket/traffic/app"
	"picket/traffic/app/apptest"
)

func tpkt(body string) []byte {
	return append([]byte{3, 0, byte((len(body) + 4) >> 8), byte(len(body) + 4)}, body...)
}

func tlv(tag, body string) string {
	return tag + "\x82" + string([]byte{byte(len(body) >> 8), byte(len(body))}) + body
}

func block(kind uint16, body []byte) string {
	b := binary.LittleEndian.AppendUint16(nil, kind)
	b = binary.LittleEndian.AppendUint16(b, uint16(4+len(body)))
	return string(append(b, body...))
}

// client is what a client sends: a request with a cookie, then its core data and two channels.
func client() []byte {
	data := make([]byte, 128+8)
	binary.LittleEndian.PutUint32(data, 0x80004)
	binary.LittleEndian.PutUint16(data[4:], 1152)
	binary.LittleEndian.PutUint32(data[12:], 0x409)
	binary.LittleEndian.PutUint32(data[16:], 2600)
	copy(data[20:], "P\x00C\x00")
	binary.LittleEndian.PutUint16(data[128:], 0xca01)
	net := append([]byte{2, 0, 0, 0}, "rdpdr\x00\x00\x00\x00\x00\x00\x00cliprdr\x00\x00\x00\x00\x00"...)
	gcc := "\x00\x05\x00\x14\x7c\x00\x01Duca\x80\xff" + block(0xc001, data) + block(0xc003, net)
	mcs := tlv("\x7f\x65", tlv("\x04", "\x01")+tlv("\x04", "\x01")+tlv("\x01", "\xff")+tlv("\x30", "")+tlv("\x30", "")+tlv("\x30", "")+tlv("\x04", gcc))
	first := tpkt("\x22\xe0\x00\x00\x00\x00\x00Cookie: mstshash=me\r\n\x01\x01\x08\x00\x03\x00\x00\x00")
	return append(first, tpkt("\x02\xf0\x80"+mcs)...)
}

func server() []byte {
	first := tpkt("\x0e\xd0\x00\x00\x00\x00\x00\x02\x09\x08\x00\x01\x00\x00\x00")
	return append(first, tpkt("\x02\xf0\x80"+tlv("\x7f\x66", "x"))...)
}

func TestHandshake(t *testing.T) {
	for _, step := range []int{1, 7, 1000} {
		p := &parser{}
		if err := apptest.Feed(p, app.ToServer, client(), step); err != nil {
			t.Fatal(err)
		}
		if err := apptest.Feed(p, app.ToClient, server(), step); err != nil {
			t.Fatal(err)
		}
		of := func(i int) *Message { return p.txs.Open[i].Data.(*Message) }
		if open, _ := apptest.Count(p); open != 4 || !p.over {
			t.Fatalf("step %d: %d messages", step, open)
		}
		if string(of(0).Cookie) != "me" || of(0).Flags != 1 || of(2).Number != 1 || of(2).Flags != 9 {
			t.Errorf("%+v %+v", of(0), of(2))
		}
		k := of(1).Client
		if k == nil || k.VersionName() != "v5" || k.BuildName() != "Windows XP" || k.Name != "PC" || k.Depth() != 8 || k.LayoutName() != "en-US" || k.Fields != 3 {
			t.Errorf("%+v", k)
		}
		if c := of(1).Channels; len(c) != 2 || !bytes.Equal(c[1], []byte("cliprdr")) {
			t.Errorf("%q", c)
		}
	}
}

func FuzzRDP(f *testing.F) {
	f.Add(client())
	f.Add(server())
	f.Add([]byte("\x16\x03\x01\x00\x12\x0b\x00\x00\x0e\x00\x00\x0b\x00\x00\x08\x30\x06\x30\x04\x02\x02\x12\x34"))
	f.Fuzz(func(t *testing.T, data []byte) {
		for _, dir := range []app.Direction{app.ToServer, app.ToClient} {
			a, b := &parser{}, &parser{}
			e1, e2 := apptest.Feed(a, dir, data, len(data)+1), apptest.Feed(b, dir, data, 3)
			_, n1 := apptest.Count(a)
			_, n2 := apptest.Count(b)
			if (e1 == nil) != (e2 == nil) || n1 != n2 {
				t.Fatalf("%v %v, %d %d", e1, e2, n1, n2)
			}
		}
	})
}
