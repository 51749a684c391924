package sensor_test

import (
	"bytes"
	"encoding/binary"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"picket/sensor"
)

// Evasions of our own beside those of the corpus (evasion_test.go): each is a few packets made here, and the verdict
// follows from what the attacked host reads.

// Flags of a TCP segment.
const (
	fin, syn, rst, psh, ack = 1, 2, 4, 8, 16
)

// wire is a capture in the making: raw IPv4 packets between one client and one server, a millisecond apart.
type wire struct {
	file bytes.Buffer
	n    uint32
	port uint16 // the server's
}

func newWire(port uint16) *wire {
	w := &wire{port: port}
	w.put(uint32(0xa1b2c3d4), uint16(2), uint16(4), uint32(0), uint32(0), uint32(65535), uint32(101))
	return w
}

func (w *wire) put(values ...any) {
	for _, v := range values {
		_ = binary.Write(&w.file, binary.LittleEndian, v)
	}
}

// ip sends an IPv4 packet; frag is the fragment field. Checksums are left out: they are not validated here.
func (w *wire) ip(toServer bool, proto byte, id, frag uint16, ttl byte, payload []byte) {
	b := []byte{0x45, 0, 0, 0, 0, 0, 0, 0, ttl, proto, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2}
	if !toServer {
		b[15], b[19] = 2, 1
	}
	binary.BigEndian.PutUint16(b[2:], uint16(20+len(payload)))
	binary.BigEndian.PutUint16(b[4:], id)
	binary.BigEndian.PutUint16(b[6:], frag)
	b = append(b, payload...)
	w.n++
	w.put(uint32(1_700_000_000), w.n*1000, uint32(len(b)), uint32(len(b)), b)
}

// segment is a TCP segment; its numbers count from the side's initial number.
type segment struct {
	server  bool // the server sends it
	flags   byte
	seq     int
	ack     int
	data    string
	options string
}

func (w *wire) tcp(list ...segment) {
	for _, s := range list {
		h := make([]byte, 20, 60)
		ports := [2]uint16{40000, w.port}
		if s.server {
			ports[0], ports[1] = ports[1], ports[0]
		}
		binary.BigEndian.PutUint16(h, ports[0])
		binary.BigEndian.PutUint16(h[2:], ports[1])
		binary.BigEndian.PutUint32(h[4:], uint32(1000+s.seq))
		if s.flags&ack != 0 {
			binary.BigEndian.PutUint32(h[8:], uint32(1000+s.ack))
		}
		h[12], h[13] = byte(20+len(s.options))/4<<4, s.flags
		binary.BigEndian.PutUint16(h[14:], 60000)
		w.ip(!s.server, 6, uint16(w.n), 0, 64, append(append(h, s.options...), s.data...))
	}
}

func (w *wire) open() {
	w.tcp(segment{flags: syn}, segment{server: true, flags: syn | ack, ack: 1}, segment{flags: ack, seq: 1, ack: 1})
}

// send sends the client's bytes from the stream's place at, in segments of the given size, in order.
func (w *wire) send(at int, data string, size int) {
	for i := 0; i < len(data); i += size {
		w.tcp(segment{flags: ack | psh, seq: at + i, ack: 1, data: data[i:min(i+size, len(data))]})
	}
}

// confirm has the server acknowledge all before the place, and both close.
func (w *wire) confirm(at int) {
	w.tcp(segment{server: true, flags: ack, seq: 1, ack: at}, segment{flags: fin | ack, seq: at, ack: 1},
		segment{server: true, flags: fin | ack, seq: 1, ack: at + 1}, segment{flags: ack, seq: at + 1, ack: 2})
}

// session is a whole conversation in which the client sends data in segments of the given size.
func (w *wire) session(data string, size int) {
	w.open()
	w.send(1, data, size)
	w.confirm(1 + len(data))
}

// judge returns the signatures that speak.
func (w *wire) judge(t *testing.T, rules string, inline bool, set ...string) []int {
	t.Helper()
	dir := t.TempDir()
	capture, list := filepath.Join(dir, "x.pcap"), filepath.Join(dir, "x.rules")
	for path, text := range map[string][]byte{capture: w.file.Bytes(), list: []byte(rules)} {
		if err := os.WriteFile(path, text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	_, err := sensor.Read(t.Context(), &sensor.ReadOptions{Config: sensor.Default(), File: capture, Rules: []string{list},
		OutDir: dir, NoChecksums: true, SimulateIPS: inline, InitErrorsFatal: true, Set: set})
	if err != nil {
		t.Fatal(err)
	}
	return sids(alerts(t, filepath.Join(dir, "eve.json")))
}

// vectorRules: what the attack looks like on each level.
const vectorRules = `
alert tcp any any -> any any (msg:"stream"; flow:established,to_server; content:"/etc/passwd"; sid:1;)
alert http any any -> any any (msg:"uri"; http.uri; content:"/etc/passwd"; sid:2;)
alert http any any -> any any (msg:"body"; http.request_body; content:"attack=now"; sid:3;)
alert dns any any -> any any (msg:"name"; dns.query; content:"evil.example"; bsize:12; sid:4;)
alert tls any any -> any any (msg:"server name"; tls.sni; content:"evil.example"; bsize:12; sid:5;)
alert udp any any -> any any (msg:"datagram"; content:"attack-in-fragments"; sid:6;)
`

const (
	attack = "GET /etc/passwd HTTP/1.1\r\nHost: a\r\n\r\n"
	answer = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
)

func TestVectors(t *testing.T) {
	stamp := func(v byte) string { return "\x01\x01\x08\x0a\x00\x00\x10" + string(v) + "\x00\x00\x00\x00" }
	for _, c := range []struct {
		name string
		port uint16
		make func(w *wire)
		set  []string
		want []int
	}{
		{"a byte a segment", 80, func(w *wire) { w.session(attack, 1) }, nil, []int{1, 2}},
		{"backwards", 80, func(w *wire) {
			w.open()
			for i := len(attack) - 1; i >= 0; i-- {
				w.tcp(segment{flags: ack, seq: 1 + i, ack: 1, data: attack[i : i+1]})
			}
			w.confirm(1 + len(attack))
		}, nil, []int{1, 2}},
		{"RST outside of the window", 80, func(w *wire) {
			w.open()
			w.send(1, attack[:8], 8)
			w.tcp(segment{flags: rst, seq: 1_000_000})
			w.send(9, attack[8:], 100)
			w.confirm(1 + len(attack))
		}, nil, []int{1, 2}},
		{"FIN outside of the window", 80, func(w *wire) {
			w.open()
			w.send(1, attack[:8], 8)
			w.tcp(segment{flags: fin | ack, seq: 1_000_000, ack: 1})
			w.send(9, attack[8:], 100)
			w.confirm(1 + len(attack))
		}, nil, []int{1, 2}},
		{"RST ends the session", 80, func(w *wire) {
			w.open()
			w.send(1, attack[:8], 8)
			w.tcp(segment{server: true, flags: ack, seq: 1, ack: 9}, segment{server: true, flags: rst | ack, seq: 1, ack: 9})
			w.send(9, attack[8:], 100)
		}, nil, nil},
		{"old timestamp in between (PAWS)", 80, func(w *wire) {
			w.tcp(segment{flags: syn, options: stamp(100)}, segment{server: true, flags: syn | ack, ack: 1, options: stamp(100)},
				segment{flags: ack, seq: 1, ack: 1, options: stamp(101)},
				segment{flags: ack, seq: 1, ack: 1, data: attack[:8], options: stamp(102)},
				segment{flags: ack, seq: 9, ack: 1, data: strings.Repeat("x", 30), options: stamp(1)},
				segment{flags: ack, seq: 9, ack: 1, data: attack[8:], options: stamp(103)},
				segment{server: true, flags: ack, seq: 1, ack: 1 + len(attack), options: stamp(103)})
		}, nil, []int{1, 2}},
		{"request in the SYN is sent again", 80, func(w *wire) {
			w.tcp(segment{flags: syn, data: "GET /nothing"}, segment{server: true, flags: syn | ack, ack: 1},
				segment{flags: ack, seq: 1, ack: 1})
			w.send(1, attack, 100)
			w.confirm(1 + len(attack))
		}, nil, []int{1, 2}},
		{"fast open", 80, func(w *wire) { // inline only the parser sees it: it came before the session was established
			w.tcp(segment{flags: syn, data: attack, options: "\x22\x0acookie12\x01\x01"},
				segment{server: true, flags: syn | ack, ack: 1 + len(attack)}, segment{flags: ack, seq: 1 + len(attack), ack: 1})
			w.confirm(1 + len(attack))
		}, nil, []int{1, 2}},
		{"midstream, not wanted", 80, func(w *wire) { w.send(1, attack, 10); w.confirm(1 + len(attack)) }, nil, nil},
		{"midstream, wanted", 80, func(w *wire) { w.send(1, attack, 10); w.confirm(1 + len(attack)) },
			[]string{"stream.midstream=true"}, []int{1, 2}},
		{"only the client is heard", 80, func(w *wire) {
			w.tcp(segment{flags: syn}, segment{flags: ack, seq: 1, ack: 1})
			w.send(1, attack, 10)
			w.tcp(segment{flags: fin | ack, seq: 1 + len(attack), ack: 1})
		}, []string{"stream.async-oneside=true"}, []int{1, 2}},
		{"percent signs", 80, func(w *wire) { w.session("GET /%65tc/%70asswd HTTP/1.1\r\nHost: a\r\n\r\n", 7) }, nil, []int{2}},
		{"percent signs twice", 80, func(w *wire) { w.session("GET /%2565tc/passwd HTTP/1.1\r\nHost: a\r\n\r\n", 100) }, nil, nil},
		{"percent signs twice, decoded twice", 80, func(w *wire) { w.session("GET /%2565tc/passwd HTTP/1.1\r\nHost: a\r\n\r\n", 100) },
			[]string{"app-layer.protocols.http.libhtp.default-config.double-decode-path=yes"}, []int{2}},
		{"dots in the path", 80, func(w *wire) { w.session("GET /x/../etc/./passwd HTTP/1.1\r\nHost: a\r\n\r\n", 100) }, nil, []int{2}},
		{"whole URL", 80, func(w *wire) { w.session("GET http://a/etc/passwd HTTP/1.1\r\nHost: b\r\n\r\n", 100) }, nil, []int{1, 2}},
		{"bare line feeds", 80, func(w *wire) { w.session("GET /etc/passwd HTTP/1.0\nHost: a\n\n", 100) }, nil, []int{1, 2}},
		{"empty lines before", 80, func(w *wire) { // open: a server skips them, but HTTP is not recognised, so that only stream rules see it
			w.open()
			w.send(1, "\r\n\r\n"+attack, 100)
			w.tcp(segment{server: true, flags: ack, seq: 1, ack: 5 + len(attack), data: answer})
			w.tcp(segment{flags: fin | ack, seq: 5 + len(attack), ack: 1 + len(answer)},
				segment{server: true, flags: fin | ack, seq: 1 + len(answer), ack: 6 + len(attack)})
		}, nil, []int{1}},
		{"second request of a pipeline", 80, func(w *wire) { w.session("GET / HTTP/1.1\r\nHost: a\r\n\r\n"+attack, 1000) }, nil, []int{1, 2}},
		{"chunks of a byte", 80, func(w *wire) {
			w.session("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"+
				chunks("attack=now", 1), 1000)
		}, nil, []int{3}},
		{"chunks win over a length", 80, func(w *wire) {
			w.session("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n"+
				chunks("attack=now", 5), 1000)
		}, nil, []int{3}},
		{"name without end (RFC 1035, 4.1.4)", 53, func(w *wire) { w.udp(query("\x04evil\xc0\x0c")) }, nil, nil},
		{"name in upper case", 53, func(w *wire) { w.udp(query("\x04eViL\x07ExAmPlE\x00")) }, nil, []int{}},
		{"name as it is", 53, func(w *wire) { w.udp(query("\x04evil\x07example\x00")) }, nil, []int{4}},
		{"hello in segments of a byte", 443, func(w *wire) { w.session(records(hello("evil.example"), 1000), 1) }, nil, []int{5}},
		{"hello in records of a byte", 443, func(w *wire) { w.session(records(hello("evil.example"), 1), 1000) }, nil, []int{5}},
		{"hello in records and segments of a byte", 443, func(w *wire) { w.session(records(hello("evil.example"), 1), 1) }, nil, []int{5}},
		{"fragments of eight bytes", 9999, func(w *wire) { w.fragments("attack-in-fragments", false) }, nil, []int{6}},
		{"fragments backwards", 9999, func(w *wire) { w.fragments("attack-in-fragments", true) }, nil, []int{6}},
	} {
		w := newWire(c.port)
		c.make(w)
		for _, inline := range []bool{false, true} {
			want := c.want
			if inline && c.name == "fast open" {
				want = []int{2}
			}
			if got := w.judge(t, vectorRules, inline, c.set...); !slices.Equal(got, want) {
				t.Errorf("%s (inline %v): signatures %v, want %v", c.name, inline, got, want)
			}
		}
	}
}

// chunks writes a body in chunks of the given size.
func chunks(body string, size int) (s string) {
	for i := 0; i < len(body); i += size {
		part := body[i:min(i+size, len(body))]
		s += string("0123456789abcdef"[len(part)]) + "\r\n" + part + "\r\n"
	}
	return s + "0\r\n\r\n"
}

// query is a DNS query for a name as it stands on the wire, at place 12.
func query(name string) string {
	return "\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00" + name + "\x00\x01\x00\x01"
}

func (w *wire) datagram(data string) []byte {
	b := []byte{0x9c, 0x40, byte(w.port >> 8), byte(w.port), 0, 0, 0, 0}
	binary.BigEndian.PutUint16(b[4:], uint16(8+len(data)))
	return append(b, data...)
}

func (w *wire) udp(data string) { w.ip(true, 17, 7, 0, 64, w.datagram(data)) }

// fragments sends a datagram in fragments of eight bytes, the first one first or last.
func (w *wire) fragments(data string, backwards bool) {
	whole := w.datagram(data)
	var at []int
	for i := 0; i < len(whole); i += 8 {
		at = append(at, i)
	}
	if backwards {
		slices.Reverse(at)
	}
	for _, i := range at {
		more, end := uint16(0x2000), i+8
		if end >= len(whole) {
			more, end = 0, len(whole)
		}
		w.ip(true, 17, 7, more|uint16(i/8), 64, whole[i:end])
	}
}

// hello is a TLS ClientHello (RFC 8446, 4.1.2) with a server name.
func hello(name string) string {
	list := "\x00" + two(len(name)) + name
	ext := "\x00\x00" + two(len(list)+2) + two(len(list)) + list
	body := "\x03\x03" + strings.Repeat("r", 32) + "\x00" + "\x00\x02\x13\x01" + "\x01\x00" + two(len(ext)) + ext
	return "\x01\x00" + two(len(body)) + body
}

// records puts a handshake message into records of the given size.
func records(message string, size int) (s string) {
	for i := 0; i < len(message); i += size {
		part := message[i:min(i+size, len(message))]
		s += "\x16\x03\x01" + two(len(part)) + part
	}
	return s
}

func two(n int) string { return string([]byte{byte(n >> 8), byte(n)}) }
