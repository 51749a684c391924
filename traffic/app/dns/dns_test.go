package dns

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"picket/traffic/app"
)

// head builds a header; counts are questions, answers, authorities, additionals.
func head(flags uint16, counts ...uint16) []byte {
	b := make([]byte, headerLen)
	binary.BigEndian.PutUint16(b, 0x1234)
	binary.BigEndian.PutUint16(b[2:], flags)
	for i, n := range counts {
		binary.BigEndian.PutUint16(b[4+2*i:], n)
	}
	return b
}

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.NewReplacer(" ", "", "\n", "", "\t", "").Replace(s))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// question asks for the A record of www.example.org.
const question = "03777777 07 6578616d706c65 03 6f7267 00 0001 0001"

func query(t testing.TB) []byte { return append(head(FlagRD, 1), unhex(t, question)...) }

func answer(t testing.TB) []byte {
	b := append(head(FlagQR|FlagRD|FlagRA, 1, 4, 1, 1), unhex(t, question)...)
	b = append(b, unhex(t, "c00c 0001 0001 00000e10 0004 c0000201")...)                                            // A 192.0.2.1
	b = append(b, unhex(t, "c00c 0010 0001 00000001 0006 02 6869 02 796f")...)                                     // TXT "hi" "yo"
	b = append(b, unhex(t, "c00c 000f 0001 00000001 0007 000a 02 6d78 c010")...)                                   // MX mx.example.org
	b = append(b, unhex(t, "c00c 002c 0001 00000001 0004 01 02 abcd")...)                                          // SSHFP
	b = append(b, unhex(t, "c010 0006 0001 00000001 0018 c010 c010 00000001000000020000000300000004 00000005")...) // SOA
	return append(b, unhex(t, "00 0029 1000 00000000 0008 000a 0004 01020304")...)                                 // OPT cookie
}

func TestParseMessage(t *testing.T) {
	m, err := parseMessage(answer(t))
	if err != nil {
		t.Fatal(err)
	}
	www, org := Name("www.example.org"), Name("example.org")
	want := &Message{ID: 0x1234, Flags: 0x8180,
		Queries: []Query{{Name: www, Type: TypeA, Class: 1}},
		Answers: []Record{
			{Name: www, Type: TypeA, Class: 1, TTL: 3600, Data: []byte{192, 0, 2, 1}},
			{Name: www, Type: TypeTXT, Class: 1, TTL: 1, Data: []byte("hi")},
			{Name: www, Type: TypeTXT, Class: 1, TTL: 1, Data: []byte("yo")},
			{Name: www, Type: TypeMX, Class: 1, TTL: 1, Target: Name("mx.example.org")},
			{Name: www, Type: TypeSSHFP, Class: 1, TTL: 1, SSHFP: &SSHFP{1, 2, []byte{0xab, 0xcd}}},
		},
		Authorities: []Record{{Name: org, Type: TypeSOA, Class: 1, TTL: 1,
			SOA: &SOA{MName: org, RName: org, Serial: 1, Refresh: 2, Retry: 3, Expire: 4, Minimum: 5}}},
		Additional: []Record{{Name: Name{}, Type: TypeOPT, Class: 4096, Options: []Option{{10, []byte{1, 2, 3, 4}}}}},
	}
	if diff := cmp.Diff(want, m, cmp.AllowUnexported(Message{})); diff != "" {
		t.Error(diff)
	}
}

func TestEvents(t *testing.T) {
	long := bytes.Repeat(append([]byte{63}, bytes.Repeat([]byte{'a'}, 63)...), 17) // 17 labels: 1087 characters
	for _, tc := range []struct {
		name string
		dir  app.Direction
		msg  []byte
		want []string
		fail bool
	}{
		{"query", app.ToServer, query(t), nil, false},
		{"z flag", app.ToServer, append(head(FlagZ, 1), unhex(t, question)...), []string{EventZFlag}, false},
		{"opcode", app.ToServer, append(head(7<<11, 1), unhex(t, question)...), []string{EventOpcode}, false},
		{"query in answers", app.ToClient, query(t), []string{EventNotResponse}, false},
		{"answer in queries", app.ToServer, answer(t), nil, true},
		{"long name", app.ToServer, append(append(head(0, 1), long...), 0, 0, 1, 0, 1), []string{EventNameTooLong}, false},
		{"self pointer", app.ToServer, append(head(0, 1), unhex(t, "c00c 0001 0001")...), nil, true},
		{"loop behind a pointer", app.ToServer, append(head(0, 1), unhex(t, "0161 c00c 0001 0001")...),
			[]string{EventNameTooLong, EventTooManyLabels}, false},
		{"loop at the target", app.ToServer, append(head(0, 1), unhex(t, "c012 0001 0001 c012")...), []string{EventLoop}, false},
		{"bad additional", app.ToServer, append(head(0, 1, 0, 0, 1), unhex(t, question+"c0")...), []string{EventBadAdditionals}, false},
		{"bad authority", app.ToServer, append(head(0, 1, 0, 1), unhex(t, question+"c0")...), []string{EventBadAuthorities}, false},
		{"bad answer", app.ToClient, append(head(FlagQR, 1, 1), unhex(t, question+"c0")...), nil, true},
		{"counts", app.ToServer, head(0, 500), nil, true},
	} {
		p := newUDP(nil)
		r := p.Parse(tc.dir, tc.msg, false)
		if (r.Err != nil) != tc.fail {
			t.Errorf("%s: error %v", tc.name, r.Err)
			continue
		}
		var got []string
		for _, tx := range p.Transactions().Open {
			got = append(got, tx.Events...)
		}
		if diff := cmp.Diff(tc.want, got); diff != "" {
			t.Errorf("%s: %s", tc.name, diff)
		}
	}
}

func TestProbe(t *testing.T) {
	framed := append([]byte{0, byte(len(query(t)))}, query(t)...)
	for _, tc := range []struct {
		name string
		got  app.Answer
		want app.Answer
	}{
		{"query", probe(app.ToServer, query(t)), app.Yes},
		{"answer first", probe(app.ToServer, answer(t)), app.Reversed},
		{"text", probe(app.ToServer, []byte("GET / HTTP/1.1\r\n\r\n")), app.No},
		{"tcp", probeTCP(app.ToServer, framed), app.Yes},
		{"tcp, half", probeTCP(app.ToServer, framed[:20]), app.Yes},
		{"tcp, a few bytes", probeTCP(app.ToServer, framed[:5]), app.More},
	} {
		if tc.got != tc.want {
			t.Errorf("%s: %v", tc.name, tc.got)
		}
	}
}

// feed gives a stream to a TCP parser, split where cuts says, as the layer would.
func feed(p app.Parser, dir app.Direction, stream []byte, cuts ...int) error {
	used, need := 0, 0
	for _, end := range append(cuts, len(stream)) {
		if end-used < need || end < used {
			continue
		}
		r := p.Parse(dir, stream[used:end], false)
		if r.Err != nil {
			return r.Err
		}
		used, need = used+r.Consumed, r.Need
	}
	return nil
}

func TestTCPSplitAnywhere(t *testing.T) {
	q := query(t)
	stream := append([]byte{0, byte(len(q))}, q...)
	stream = append(append(stream, 0, byte(len(q))), q...)
	for cut := range stream {
		p := newTCP(nil)
		if err := feed(p, app.ToServer, stream, cut); err != nil || len(p.Transactions().Open) != 2 {
			t.Fatalf("cut at %d: %v, %d transactions", cut, err, len(p.Transactions().Open))
		}
	}
}

func TestGap(t *testing.T) {
	q := query(t)
	p := newTCP(nil)
	p.Gap(app.ToServer, 10)
	p.Parse(app.ToServer, []byte("rest of something that was lost"), false)
	p.Parse(app.ToServer, append([]byte{0, byte(len(q))}, q...), false)
	if n := len(p.Transactions().Open); n != 1 {
		t.Errorf("%d transactions after a gap", n)
	}
}

func FuzzDNS(f *testing.F) {
	f.Add(query(f))
	f.Add(answer(f))
	f.Add(append(head(0, 1), unhex(f, "0161 c00c 0001 0001")...))
	f.Fuzz(func(t *testing.T, data []byte) {
		if m, err := parseMessage(data); err == nil {
			total := 0
			for _, r := range m.Answers {
				total += len(r.Name) + len(r.Target)
			}
			if total > 2*maxUnfolded+len(data) {
				t.Fatalf("%d bytes of names from %d", total, len(data))
			}
		}
		for _, dir := range []app.Direction{app.ToServer, app.ToClient} {
			probe(dir, data)
			probeTCP(dir, data)
			whole, split := newTCP(nil), newTCP(nil)
			e1, e2 := feed(whole, dir, data), feed(split, dir, data, len(data)/2)
			if (e1 == nil) != (e2 == nil) || len(whole.Transactions().Open) != len(split.Transactions().Open) {
				t.Fatalf("whole: %v %d, split: %v %d", e1, len(whole.Transactions().Open), e2, len(split.Transactions().Open))
			}
		}
	})
}

// TestPairUnlogged: the answer to a request that is not told of is not told of either; the next one with its identifier is.
func TestPairUnlogged(t *testing.T) {
	p := newUDP(nil).(*parser)
	msg := func(flags byte) []byte { return []byte{0, 9, flags, 0, 0, 0, 0, 0, 0, 0, 0, 0} }
	p.Parse(app.ToServer, msg(1), false)
	p.PairUnlogged(p.txs.Open[0])
	p.Parse(app.ToClient, msg(0x81), false)
	p.Parse(app.ToClient, msg(0x81), false)
	if len(p.txs.Open) != 3 || !p.txs.Open[1].Unlogged || p.txs.Open[2].Unlogged {
		t.Errorf("transactions %+v", p.txs.Open)
	}
}
