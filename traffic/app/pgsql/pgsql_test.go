package pgsql

import (
	"encoding/binary"
	"testing"

	"picket/traffic/app"
	"picket/traffic/app/apptest"
)

func typed(kind byte, body string) string {
	b := binary.BigEndian.AppendUint32([]byte{kind}, uint32(4+len(body)))
	return string(b) + body
}

func untyped(body string) string { return typed('x', body)[1:] }

// talk is what the two sides say by turns, the client first.
func talk() []string {
	return []string{
		untyped("\x04\xd2\x16\x2f"), "N",
		untyped("\x00\x03\x00\x00database\x00d\x00user\x00me\x00\x00"), typed('R', "\x00\x00\x00\x05salt"),
		typed('p', "md5secret\x00"), typed('R', "\x00\x00\x00\x00") + typed('S', "TimeZone\x00UTC\x00") + typed('K', "\x00\x00\x00\x01\x00\x00\x00\x02") + typed('Z', "I"),
		typed('Q', "SELECT 1\x00"), typed('T', "\x00\x01x") + typed('D', "\x00\x01\x00\x00\x00\x01a") + typed('D', "\x00\x01\xff\xff\xff\xff") + typed('C', "SELECT 2\x00") + typed('Z', "I"),
		typed('Q', "COPY t FROM STDIN\x00"), typed('G', "\x00\x00\x02\x00\x00\x00\x00"),
		typed('d', "one") + typed('d', "three") + typed('c', ""), typed('C', "COPY 2\x00") + typed('Z', "I"),
		typed('X', ""),
	}
}

func TestTalk(t *testing.T) {
	for _, step := range []int{1, 3, 7, 1000} {
		p := newParser(nil).(*parser)
		for i, text := range talk() {
			if err := apptest.Feed(p, app.Direction(i%2), []byte(text), step); err != nil {
				t.Fatalf("step %d, line %d: %v", step, i, err)
			}
		}
		if open, _ := apptest.Count(p); open != 7 {
			t.Fatalf("step %d: %d transactions", step, open)
		}
		of := func(i int) *Transaction { return p.txs.Open[i].Data.(*Transaction) }
		if m := of(1).Requests[0]; len(m.Parameters) != 2 || string(m.Parameters[0].Value) != "me" {
			t.Errorf("%+v", m)
		}
		if m := of(2); string(m.Requests[0].Text) != "md5secret" || m.Responses[1].Parameters[0].Name != "time_zone" {
			t.Errorf("%+v", m)
		}
		if m := of(3).Responses; len(m) != 4 || m[1].Kind != DataRow || m[1].Count != 2 || m[1].Size != 1 {
			t.Errorf("%+v", m)
		}
		if m := of(5).Requests; len(m) != 2 || m[0].Size != 8 || m[1].Kind != CopyDoneIn {
			t.Errorf("%+v", m)
		}
		for i, tx := range p.txs.Open {
			if tx.Progress != [2]app.Progress{app.Done, app.Done} {
				t.Errorf("transaction %d is not complete", i)
			}
		}
	}
}

func FuzzPgSQL(f *testing.F) {
	client, server := "", ""
	for i, text := range talk() {
		if i%2 == 0 {
			client += text
		} else if i > 1 {
			server += text
		}
	}
	f.Add([]byte(client))
	f.Add([]byte(server))
	f.Fuzz(func(t *testing.T, data []byte) {
		for _, dir := range []app.Direction{app.ToServer, app.ToClient} {
			a, b := newParser(nil).(*parser), newParser(nil).(*parser)
			e1, e2 := apptest.Feed(a, dir, data, len(data)+1), apptest.Feed(b, dir, data, 3)
			_, n1 := apptest.Count(a)
			_, n2 := apptest.Count(b)
			if n1 != n2 || (e1 == nil) != (e2 == nil) {
				t.Fatalf("%v %v, %d %d", e1, e2, n1, n2)
			}
			probe(dir, data)
		}
	})
}
