package flow

import (
	"testing"

	"picket/traffic/app"
	"picket/traffic/packet"
)

func expectRecord(client, server byte, port uint16, at int64) *record {
	r := &record{}
	r.Client, r.Server = packet.AddrFrom4([4]byte{10, 0, 0, client}), packet.AddrFrom4([4]byte{10, 0, 0, server})
	r.SPort, r.Last = port, at
	return r
}

func TestExpectations(t *testing.T) {
	for _, tc := range []struct {
		name string
		flow *record
		dir  packet.Direction
		met  bool
	}{
		{"server calls", expectRecord(2, 1, 2020, 1e9), packet.ToServer, true},
		{"client calls", expectRecord(1, 2, 2020, 1e9), packet.ToServer, true},
		{"other port", expectRecord(1, 2, 2021, 1e9), packet.ToServer, false},
		{"other direction", expectRecord(1, 2, 2020, 1e9), packet.ToClient, false},
		{"other host", expectRecord(1, 3, 2020, 1e9), packet.ToServer, false},
		{"too late", expectRecord(1, 2, 2020, 31e9), packet.ToServer, false},
	} {
		e := &Expectations{}
		control := app.Conn{Announced: []app.Announcement{{Proto: app.FTPData, Port: 2020, Dir: packet.ToServer, Data: "file"}}}
		announcer := expectRecord(1, 2, 21, 0)
		announcer.ID = 7
		e.add(announcer, &control)
		var c app.Conn
		e.settle(tc.flow, tc.dir, &c)
		if (c.Expected == app.FTPData) != tc.met || (c.Promise == "file") != tc.met || (tc.flow.Parent == 7) != tc.met {
			t.Errorf("%s: expected %v, promise %v, parent %d", tc.name, c.Expected, c.Promise, tc.flow.Parent)
		}
	}
}

func TestExpectationsAreBounded(t *testing.T) {
	e := &Expectations{}
	for host := range 3 {
		for range 100 {
			c := app.Conn{Announced: []app.Announcement{{Proto: app.FTPData, Port: 1}}}
			e.add(expectRecord(byte(host), 200, 21, 0), &c)
		}
	}
	if n := e.waiting.Load(); n != 3*maxExpectHost {
		t.Errorf("%d expectations", n)
	}
}
