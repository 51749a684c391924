package enip

import (
	"encoding/binary"
	"testing"

	"picket/traffic/app"
	"picket/traffic/app/apptest"
)

// message makes a PDU.
func message(command uint16, session uint32, data []byte) []byte {
	b := make([]byte, headerSize)
	binary.LittleEndian.PutUint16(b, command)
	binary.LittleEndian.PutUint16(b[2:], uint16(len(data)))
	binary.LittleEndian.PutUint32(b[4:], session)
	return append(b, data...)
}

// unit makes the content of SendUnitData: an address and connected data.
func unit(sequence byte, cip string) []byte {
	data := "\x00\x00\x00\x00\x00\x00\x02\x00\xa1\x00\x04\x00\x01\x00\x00\x00\xb1\x00"
	return append(append([]byte(data), byte(2+len(cip)), 0, sequence, 0), cip...)
}

const (
	getAttributes = "\x03\x02\x20\x8b\x24\x01\x01\x00\x06\x00"
	multiple      = "\x0a\x02\x20\x02\x24\x01\x02\x00\x06\x00\x10\x00" + getAttributes + "\x4c\x01\x20\x6b"
	answered      = "\x8a\x00\x05\x01\x07\x01\x00\x00"
)

func TestExchange(t *testing.T) {
	request := append(message(CommandSendUnitData, 7, unit(1, multiple)), message(CommandSendUnitData, 7, unit(2, getAttributes))...)
	response := message(CommandSendUnitData, 7, unit(2, answered))
	for _, step := range []int{1, 5, 1000} {
		p := newParser(nil, true)
		if err := apptest.Feed(p, app.ToServer, request, step); err != nil {
			t.Fatal(err)
		}
		if err := apptest.Feed(p, app.ToClient, response, step); err != nil {
			t.Fatal(err)
		}
		txs := p.Transactions().Open
		if len(txs) != 2 || !txs[0].Complete(app.ToClient) || !txs[1].Complete(app.ToClient) {
			t.Fatalf("in pieces of %d: %d transactions", step, len(txs))
		}
		first, second := txs[0].Data.(*Transaction), txs[1].Data.(*Transaction)
		m := first.Request.CIP()
		if first.Response != nil || len(m.Parts) != 2 || m.Parts[0].Attributes[0] != 6 || m.Parts[1].ServiceName() != "Read Data" {
			t.Errorf("in pieces of %d: %+v", step, m)
		}
		if name, _ := m.ClassName(); name != "Message Router" || !m.Names(Instance, func(n uint32) bool { return n == 1 }) {
			t.Errorf("class %q", name)
		}
		if a := second.Response.CIP(); a == nil || !a.Response || a.Status != 5 || a.ExtendedName() != "Target connection not found" {
			t.Errorf("in pieces of %d: answer %+v", step, a)
		}
	}
}

func TestIdentity(t *testing.T) {
	data := "\x01\x00\x0c\x00\x23\x00\x01\x00" + "0123456789abcdef" + "\x01\x00\x0c\x00\x3a\x00\x04\x03\x30\x00\x01\x02\x03\x04\x01N\x03"
	p := newParser(nil, false)
	p.Parse(app.ToServer, message(CommandListIdentity, 0, nil), false)
	p.Parse(app.ToClient, message(CommandListIdentity, 0, []byte(data)), false)
	i := p.Transactions().Open[0].Data.(*Transaction).Response.Identity()
	if i == nil || i.Revision() != 0x403 || i.DeviceName() != "Communications Adapter" || string(i.ProductName) != "N" || i.State != 3 {
		t.Errorf("%+v", i)
	}
}

func TestOdd(t *testing.T) {
	p := newParser(nil, true)
	p.Parse(app.ToServer, message(CommandSendRRData, 1, []byte("short")), false)
	if e := apptest.Events(p); len(e) != 1 || e[0] != EventInvalid {
		t.Errorf("events %v", e)
	}
	cfg := app.Default()
	cfg.Settings["enip.max-tx"] = "2"
	p = newParser(cfg, true)
	for range 3 {
		p.Parse(app.ToServer, message(CommandNop, 1, nil), false)
	}
	if e := apptest.Events(p); len(e) != 1 || e[0] != EventTooMany {
		t.Errorf("events %v", e)
	}
	if probe(app.ToServer, message(0x7777, 0, nil)) != app.No || probe(app.ToServer, message(CommandNop, 0, nil)) != app.Yes {
		t.Error("probe")
	}
}

func FuzzENIP(f *testing.F) {
	f.Add(message(CommandSendUnitData, 7, unit(1, multiple)))
	f.Add(message(CommandSendRRData, 7, unit(1, answered)))
	f.Add(message(CommandListServices, 0, []byte("\x01\x00\x00\x01\x14\x00\x01\x00\x20\x010123456789abcdef")))
	f.Fuzz(func(t *testing.T, data []byte) {
		a, b := newParser(nil, true), newParser(nil, true)
		frames := &app.Frames{}
		a.(*parser).FrameTo(frames)
		_ = apptest.Feed(a, app.ToServer, data, len(data)+1)
		_ = apptest.Feed(b, app.ToServer, data, 3)
		if _, n := apptest.Count(a); true {
			if _, m := apptest.Count(b); n != m {
				t.Fatalf("%d and %d transactions", n, m)
			}
		}
		newParser(nil, false).Parse(app.ToClient, data, false)
	})
}
