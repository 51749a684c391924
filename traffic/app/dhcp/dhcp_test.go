package dhcp

import (
	"slices"
	"testing"

	"picket/traffic/app"
	"picket/traffic/app/apptest"
)

func ack(options string) []byte {
	b := make([]byte, 236, 300)
	b[0], b[1], b[2] = Reply, 1, 6
	copy(b[16:], []byte{10, 0, 0, 9})
	copy(b[28:], "\x00\x11\x32\x17\x49\xf0")
	return append(append(b, "\x63\x82\x53\x63"...), options...)
}

func TestAck(t *testing.T) {
	p := Protocol().New(nil)
	p.Parse(app.ToClient, ack("\x35\x01\x05\x33\x04\x00\x00\x0e\x10\x0c\x04nas1\xff"), false)
	m := p.Transactions().Open[0].Data.(*Message)
	lease, _ := m.Seconds(OptLeaseTime)
	name, _ := m.Get(OptHostname)
	if lease != 3600 || string(name) != "nas1" || len(m.ClientMAC) != 6 || m.AssignedIP != [4]byte{10, 0, 0, 9} || len(apptest.Events(p)) != 0 {
		t.Errorf("%+v %v", m, apptest.Events(p))
	}
	p.Parse(app.ToClient, ack("\x35\x01\x05\x33\x02\x00\x00\xff"), false)
	p.Parse(app.ToClient, ack("\x35\x09\x05"), false)
	if !slices.Equal(apptest.Events(p), []string{EventMalformed, EventTruncated}) {
		t.Error(apptest.Events(p))
	}
}

func FuzzDHCP(f *testing.F) {
	f.Add(ack("\x35\x01\x05\x33\x04\x00\x00\x0e\x10\x0c\x04nas1\xff"))
	f.Fuzz(func(t *testing.T, data []byte) {
		ok := probe(app.ToServer, data) != app.No
		if r := Protocol().New(nil).Parse(app.ToServer, data, false); ok && r.Err != nil {
			t.Fatal(r.Err)
		}
	})
}
