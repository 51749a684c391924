package modbus

import (
	"encoding/binary"
	"strings"
	"testing"

	"picket/traffic/app"
	"picket/traffic/app/apptest"
)

// message makes a message of unit 10.
func message(id uint16, pdu string) []byte {
	b := binary.BigEndian.AppendUint16(nil, id)
	b = binary.BigEndian.AppendUint16(append(b, 0, 0), uint16(1+len(pdu)))
	return append(append(b, 10), pdu...)
}

func TestMessages(t *testing.T) {
	for _, tc := range []struct{ name, request, response, events string }{
		{"read coils", "\x01\x78\x90\x00\x13", "\x01\x03\xcd\x6b\x05", ""},
		{"read coils, wrong count", "\x01\x78\x90\x00\x13", "\x01\x02\xcd\x6b", EventMismatch},
		{"read too many", "\x01\x00\x00\x07\xd1", "", EventValue},
		{"read nothing", "\x03\x00\x00\x00\x00", "", EventValue},
		{"request cut", "\x03\x00\x00\x00", "", EventLength},
		{"write coil", "\x05\x00\xac\xff\x00", "\x05\x00\xac\xff\x00", ""},
		{"write coil, odd", "\x05\x00\xac\x12\x34", "", EventValue},
		{"write registers", "\x10\x00\x01\x00\x02\x04\x00\x0a\x01\x02", "\x10\x00\x01\x00\x02", ""},
		{"write registers, wrong echo", "\x10\x00\x01\x00\x02\x04\x00\x0a\x01\x02", "\x10\x00\x01\x00\x03", EventMismatch},
		{"mask", "\x16\x00\x04\x00\xf2\x00\x25", "\x16\x00\x04\x00\xf2\x00\x25", ""},
		{"read and write", "\x17\x00\x03\x00\x06\x00\x0e\x00\x03\x06\x00\xff\x00\xff\x00\xff", "\x17\x0c123456789012", ""},
		{"exception", "\x01\x78\x90\x00\x13", "\x81\x02", ""},
		{"odd exception", "\x01\x78\x90\x00\x13", "\x81\x63", EventException},
		{"no function", "\x00", "", EventFunction},
		{"diagnostic", "\x08\x00\x04\x00\x00", "\x08\x00\x04\x00\x00", ""},
	} {
		for _, step := range []int{1, 1000} {
			p := &parser{}
			if err := apptest.Feed(p, app.ToServer, message(1, tc.request), step); err != nil {
				t.Errorf("%s: %v", tc.name, err)
			}
			if tc.response != "" {
				if err := apptest.Feed(p, app.ToClient, message(1, tc.response), step); err != nil {
					t.Errorf("%s: %v", tc.name, err)
				}
			}
			tx := p.Transactions().Open[0]
			if got := strings.Join(tx.Events, " "); got != tc.events || tx.Complete(app.ToClient) != (tc.response != "") {
				t.Errorf("%s, in pieces of %d: events %q, want %q", tc.name, step, got, tc.events)
			}
		}
	}
}

func TestWritten(t *testing.T) {
	read := func(pdu string) *Message { return readMessage(app.ToServer, message(1, pdu)) }
	for _, tc := range []struct {
		m       *Message
		address uint16
		want    uint16
		ok      bool
	}{
		{read("\x05\x00\xac\xff\x00"), 0xad, 1, true},
		{read("\x06\x00\xac\x12\x34"), 0xad, 0x1234, true},
		{read("\x06\x00\xac\x12\x34"), 0xac, 0, false},
		{read("\x0f\x00\x13\x00\x0a\x02\xcd\x01"), 0x14, 1, true},
		{read("\x0f\x00\x13\x00\x0a\x02\xcd\x01"), 0x15, 0, true},
		{read("\x10\x00\x01\x00\x02\x04\x00\x0a\x01\x02"), 3, 0x102, true},
		{read("\x10\x00\x01\x00\x02\x04\x00\x0a\x01\x02"), 4, 0, false},
		{read("\x01\x00\x01\x00\x02"), 2, 0, false},
	} {
		if got, ok := tc.m.Written(tc.address); got != tc.want || ok != tc.ok {
			t.Errorf("function %d, address %d: %d %v", tc.m.Function, tc.address, got, ok)
		}
	}
	if c := read("\x08\x00\x06\x00\x00").Category; c != Reserved {
		t.Errorf("diagnostic 6: %v", c)
	}
}

func TestFlood(t *testing.T) {
	p := &parser{}
	for i := range maxWaiting + 100 {
		p.Parse(app.ToServer, message(uint16(i), "\x01\x00\x00\x00\x01"), false)
	}
	if e := apptest.Events(p); len(p.txs.Open) != maxWaiting+1 || len(e) != 1 || e[0] != EventFlooded {
		t.Errorf("%d transactions, events %v", len(p.txs.Open), e)
	}
}

func FuzzModbus(f *testing.F) {
	f.Add(append(message(1, "\x01\x78\x90\x00\x13"), message(2, "\x17\x00\x03\x00\x06\x00\x0e\x00\x03\x06\x00\xff\x00\xff\x00\xff")...))
	f.Add(message(1, "\x81\x02"))
	f.Fuzz(func(t *testing.T, data []byte) {
		a, b := &parser{}, &parser{}
		a.FrameTo(&app.Frames{})
		for _, dir := range []app.Direction{app.ToServer, app.ToClient} {
			_ = apptest.Feed(a, dir, data, len(data)+1)
			_ = apptest.Feed(b, dir, data, 3)
		}
		if x, y := strings.Join(apptest.Events(a), " "), strings.Join(apptest.Events(b), " "); x != y || a.txs.Count() != b.txs.Count() {
			t.Fatalf("%q and %q", x, y)
		}
		for _, tx := range a.txs.Open {
			if m := tx.Data.(*Transaction).Request; m != nil {
				m.Span()
				m.Written(binary.BigEndian.Uint16(append(data, 0, 0)))
			}
		}
	})
}
