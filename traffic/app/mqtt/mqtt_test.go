package mqtt

import (
	"slices"
	"testing"

	"picket/traffic/app"
	"picket/traffic/app/apptest"
)

// packet frames a control packet of less than 128 bytes.
func packet(first byte, body string) []byte {
	return append([]byte{first, byte(len(body))}, body...)
}

const (
	connect3 = "\x00\x04MQTT\x04\xc6\x00\x3c\x00\x02id\x00\x01w\x00\x02hi\x00\x04user\x00\x04pass"
	connect5 = "\x00\x04MQTT\x05\x02\x00\x3c\x03\x21\x00\x14\x00\x00"
)

func session() (client, server []byte) {
	client = packet(0x10, connect5)
	client = append(client, packet(0x32, "\x00\x01t\x00\x07\x0a\x26\x00\x01k\x00\x04\xff\xfeabpayload")...)
	client = append(client, packet(0x82, "\x00\x08\x00\x00\x01a\x01\x00\x02bc\x00")...)
	client = append(client, packet(0xe0, "")...)
	server = append(packet(0x20, "\x00\x00\x00"), packet(0x40, "\x00\x07")...)
	return client, append(server, packet(0x90, "\x00\x08\x00\x01\x80")...)
}

func TestSession(t *testing.T) {
	client, server := session()
	for step := 1; step <= len(client); step++ {
		p := newParser(nil).(*parser)
		if err := apptest.Feed(p, app.ToServer, client, step); err != nil {
			t.Fatal(step, err)
		}
		if err := apptest.Feed(p, app.ToClient, server, step); err != nil {
			t.Fatal(step, err)
		}
		if open, _ := apptest.Count(p); open != 4 {
			t.Fatalf("step %d: %d transactions", step, open)
		}
		pub := p.txs.Open[1].Data.(*Transaction)
		m := &pub.Messages[0]
		if string(m.Topic) != "t" || string(m.Body) != "payload" || m.ID != 7 || len(m.Properties) != 1 || len(pub.Messages) != 2 {
			t.Fatalf("step %d: %+v", step, pub)
		}
		sub := p.txs.Open[2].Data.(*Transaction)
		if len(sub.Messages[0].Topics) != 2 || string(sub.Messages[1].Codes) != "\x01\x80" {
			t.Fatalf("step %d: %+v", step, sub)
		}
		if want := []string{EventUnintroduced}; slices.Contains(apptest.Events(p), EventMalformed) || !slices.Contains(apptest.Events(p), want[0]) {
			t.Fatalf("step %d: events %v", step, apptest.Events(p))
		}
	}
}

func TestConnectFields(t *testing.T) {
	p := newParser(nil).(*parser)
	if err := apptest.Feed(p, app.ToServer, packet(0x10, connect3), 100); err != nil {
		t.Fatal(err)
	}
	c := p.txs.Open[0].Data.(*Transaction).Messages[0].Connect
	if string(c.ClientID) != "id" || string(c.WillTopic) != "w" || string(c.WillMessage) != "hi" || string(c.User) != "user" || string(c.Password) != "pass" {
		t.Errorf("%+v", c)
	}
}

func TestTooLongIsSkipped(t *testing.T) {
	long := append([]byte{0x30, 0xe8, 0x07}, make([]byte, 1000)...)
	for _, step := range []int{1, 7, 500, 5000} {
		p := newParser(nil).(*parser)
		p.maxMessage = 100
		if err := apptest.Feed(p, app.ToServer, append(slices.Clone(long), packet(0xc0, "")...), step); err != nil {
			t.Fatal(err)
		}
		if open, _ := apptest.Count(p); open != 2 {
			t.Fatalf("step %d: %d transactions", step, open)
		}
		if m := p.txs.Open[0].Data.(*Transaction).Messages[0]; !m.Truncated || m.Skipped != 1003 {
			t.Errorf("%+v", m)
		}
	}
}

func TestBounds(t *testing.T) {
	p := newParser(nil).(*parser)
	p.maxTx = 10
	for i := range 100 {
		p.Parse(app.ToServer, packet(0x32, "\x00\x01t\x00"+string(rune(i+1))+"x"), false)
		for range 100 {
			p.Parse(app.ToClient, packet(0x50, "\x00"+string(rune(i+1))), false)
		}
	}
	if !slices.Contains(apptest.Events(p), EventTooMany) {
		t.Error("no event for too many transactions")
	}
	for _, tx := range p.txs.Open {
		if n := len(tx.Data.(*Transaction).Messages); n > maxMessages {
			t.Errorf("%d messages in a transaction", n)
		}
	}
}

func FuzzMQTT(f *testing.F) {
	client, server := session()
	f.Add(client)
	f.Add(server)
	f.Add(packet(0x10, connect3))
	f.Fuzz(func(t *testing.T, data []byte) {
		for _, dir := range []app.Direction{app.ToServer, app.ToClient} {
			a, b := newParser(nil).(*parser), newParser(nil).(*parser)
			e1, e2 := apptest.Feed(a, dir, data, len(data)+1), apptest.Feed(b, dir, data, 3)
			_, n1 := apptest.Count(a)
			_, n2 := apptest.Count(b)
			if (e1 == nil) != (e2 == nil) || n1 != n2 {
				t.Fatalf("%v %v, %d %d", e1, e2, n1, n2)
			}
		}
	})
}
