package dcerpc

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"testing"

	"picket/traffic/app"
)

// message makes a PDU over a connection in one of the byte orders.
func message(little bool, kind Type, flags uint8, call uint32, body []byte) []byte {
	o := binary.AppendByteOrder(binary.BigEndian)
	b := []byte{5, 0, byte(kind), flags, 0, 0, 0, 0}
	if little {
		o, b[4] = binary.LittleEndian, 0x10
	}
	b = o.AppendUint16(b, uint16(HeaderSize+len(body)))
	b = o.AppendUint16(b, 0)
	b = o.AppendUint32(b, call)
	return append(b, body...)
}

// bodies of a bind of interface 1 version 3.1 in context 7, its answer, and fragments of a call of opnum 9.
func bodies(little bool) (bind, ack, one, two []byte) {
	o := binary.AppendByteOrder(binary.BigEndian)
	if little {
		o = binary.LittleEndian
	}
	bind = append(make([]byte, 8), 1, 0, 0, 0)
	bind = o.AppendUint16(bind, 7)
	bind = append(bind, 1, 0)
	bind = o.AppendUint32(bind, 0x01020304)
	bind = o.AppendUint16(bind, 0x0506)
	bind = o.AppendUint16(bind, 0x0708)
	bind = append(bind, 9, 10, 11, 12, 13, 14, 15, 16)
	bind = o.AppendUint16(bind, 3)
	bind = o.AppendUint16(bind, 1)
	bind = append(bind, make([]byte, 20)...)
	ack = o.AppendUint16(make([]byte, 8), 4)
	ack = append(ack, 'a', 'b', 'c', 0, 0, 0, 1, 0, 0, 0)
	ack = append(ack, make([]byte, 24)...)
	call := o.AppendUint16(o.AppendUint16(make([]byte, 4), 7), 9)
	return bind, ack, append(bytes.Clone(call), "hello "...), append(bytes.Clone(call), "world"...)
}

func conversation(little bool) (client, server []byte) {
	bind, ack, one, two := bodies(little)
	client = message(little, Bind, 3, 1, bind)
	client = append(client, message(little, Request, FirstFragment, 2, one)...)
	client = append(client, message(little, Request, LastFragment, 2, two)...)
	server = message(little, BindAck, 3, 1, ack)
	return client, append(server, message(little, Response, 3, 2, one)...)
}

func feed(p app.Parser, dir app.Direction, b []byte, size int) {
	for used, end := 0, 0; end < len(b); {
		end = min(len(b), end+size)
		r := p.Parse(dir, b[used:end], false)
		if used += r.Consumed; r.Err != nil || r.Consumed < 0 || used > end {
			return
		}
	}
}

func TestCall(t *testing.T) {
	for _, little := range []bool{false, true} {
		client, server := conversation(little)
		for size := 1; size < 90; size += 8 {
			p := &parser{}
			feed(p, app.ToServer, client, size)
			feed(p, app.ToClient, server, size)
			if len(p.txs.Open) != 2 {
				t.Fatalf("%d calls", len(p.txs.Open))
			}
			c := p.txs.Open[1].Data.(*Call)
			it := c.Binding.Interfaces[0]
			got := fmt.Sprintf("%s v%s %v/%d ctx %d op %d %q %d fragments, answer of %d", it.UUID, it.Version(), it.Acked, it.Result,
				c.Context, c.Opnum, c.Stub(app.ToServer), c.Sides[0].Fragments, len(c.Stub(app.ToClient)))
			want := "01020304-0506-0708-090a-0b0c0d0e0f10 v3.1 true/0 ctx 7 op 9 \"hello world\" 2 fragments, answer of 14"
			if got != want || !p.txs.Open[1].Complete(app.ToClient) {
				t.Errorf("little %v, pieces of %d: %s", little, size, got)
			}
		}
	}
}

func TestGoesOnAfterAGap(t *testing.T) {
	client, _ := conversation(true)
	p := &parser{}
	p.Gap(app.ToServer, 10)
	feed(p, app.ToServer, append([]byte("garbage"), client...), 1000)
	if len(p.txs.Open) != 2 {
		t.Errorf("%d calls after a gap", len(p.txs.Open))
	}
}

func TestDatagram(t *testing.T) {
	b := make([]byte, udpHeader+4)
	b[0], b[4], b[74] = 4, 0x10, 4
	copy(b[24:], "\x04\x03\x02\x01")
	b[68] = 5
	if checkUDP(app.ToServer, b) != app.Yes {
		t.Error("not recognised")
	}
	p := &udpParser{}
	p.Parse(app.ToServer, b, false)
	b[1] = byte(Response)
	p.Parse(app.ToClient, b, false)
	c := p.txs.Open[0].Data.(*Call)
	if len(p.txs.Open) != 1 || c.Opnum != 5 || !p.txs.Open[0].Complete(app.ToClient) || c.Binding.Interfaces[0].UUID[0] != 1 {
		t.Errorf("%d calls, %+v", len(p.txs.Open), c)
	}
}

func FuzzParse(f *testing.F) {
	for _, little := range []bool{false, true} {
		client, server := conversation(little)
		f.Add(client, server, uint8(20))
	}
	f.Fuzz(func(_ *testing.T, client, server []byte, size uint8) {
		p := &parser{}
		feed(p, app.ToServer, client, int(size)+1)
		p.Gap(app.ToClient, 3)
		feed(p, app.ToClient, server, int(size)+1)
		u := &udpParser{}
		u.Parse(app.ToServer, client, false)
		u.Parse(app.ToClient, server, false)
	})
}
