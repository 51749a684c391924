package eve

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"picket/traffic/app"
	"picket/traffic/flow"
	"picket/traffic/packet"
)

// file is an output in memory that can be told to fail.
type file struct {
	bytes.Buffer
	fail  error // what a write says when there is no room any more
	room  int
	close int
}

func (f *file) Write(b []byte) (int, error) {
	if f.fail == nil {
		return f.Buffer.Write(b)
	}
	n, _ := f.Buffer.Write(b[:min(f.room, len(b))])
	f.room -= n
	if n < len(b) {
		return n, f.fail
	}
	return n, nil
}

func (f *file) Close() error { f.close++; return nil }

// record runs write with a logger and returns the records it made, decoded.
func record(t testing.TB, cfg Config, write func(l *Logger)) []map[string]any {
	t.Helper()
	out := &file{}
	w, err := NewWriter(func() (io.WriteCloser, error) { return out, nil }, true, nil)
	if err != nil {
		t.Fatal(err)
	}
	write(NewLogger(&cfg, w))
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	var list []map[string]any
	for line := range strings.Lines(out.String()) {
		var m map[string]any
		if err := json.Unmarshal([]byte(line), &m); err != nil || !utf8.ValidString(line) {
			t.Fatalf("record is not JSON: %v\n%s", err, line)
		}
		list = append(list, m)
	}
	return list
}

// get walks "a.b.0" through a decoded record.
func get(v any, path string) any {
	for _, part := range strings.Split(path, ".") {
		switch have := v.(type) {
		case map[string]any:
			v = have[part]
		case []any:
			i := int(part[0] - '0')
			if i >= len(have) {
				return nil
			}
			v = have[i]
		default:
			return nil
		}
	}
	return v
}

func check(t *testing.T, got map[string]any, want map[string]any) {
	t.Helper()
	for path, w := range want {
		if d := cmp.Diff(w, get(got, path)); d != "" {
			t.Errorf("%s: %s", path, d)
		}
	}
}

func addr(a, b, c, d byte) packet.Addr { return packet.AddrFrom4([4]byte{a, b, c, d}) }

// moment is a packet from the server of a TCP flow.
func moment() *Moment {
	f := &flow.Flow{
		ID: 77, Client: addr(10, 0, 0, 1), Server: addr(10, 0, 0, 2), CPort: 4000, SPort: 80, Proto: packet.TCP, Family: 4,
		Start: 1e9, Last: 3_500_000_000, Packets: [2]uint64{3, 2}, Bytes: [2]uint64{300, 200}, State: flow.Closed,
		Flags: flow.Alerted,
	}
	p := &packet.Packet{
		Time: 3_500_000_000, Num: 5, Src: f.Server, Dst: f.Client, SrcPort: 80, DstPort: 4000, Proto: packet.TCP, Family: 4,
		Link: packet.LinkEthernet, Frame: []byte("frame"), Payload: []byte("pay\x00\"load\n"), L4: make([]byte, 20),
		IP: make([]byte, 60), TTL: 64, HasFlow: true, Dir: packet.ToClient, VLANs: 1, VLAN: [3]uint16{9},
		TCP: packet.TCPHeader{Flags: packet.ACK | packet.PSH, Seq: 1},
	}
	s := &flow.State{App: app.Conn{Proto: app.HTTP1}}
	return &Moment{Time: p.Time, Packet: p, Flow: f, State: s}
}

func offline() Config {
	c := Default()
	c.Offline = true
	c.Alert.References = true
	return c
}

func TestAlert(t *testing.T) {
	sig := &Signature{
		SID: 7, GID: 1, Rev: 2, Msg: `say "hi"`, Category: "Misc", Severity: 3, Text: "alert ...",
		Metadata: []Pair{{"tag", "a"}, {"cve", "x"}, {"tag", "b"}}, References: []string{"http://x"}, Target: SourceSide,
	}
	a := &Alert{
		Sig: sig, Blocked: true, Tx: &app.Transaction{ID: 4, Files: [2][]*app.File{1: {{Name: []byte("f\xff"), State: app.FileClosed}}}},
		Verdict: Verdict{Action: "drop", RejectTo: "both", TCPReset: true}, XFF: []byte("1.1.1.1"),
	}
	vars := &Vars{Flowbits: []string{"b"}, FlowNames: []string{"n\""}, FlowValues: [][]byte{{0, 0xff}}, FlowInts: []IntVar{{"i", 5}}}
	list := record(t, offline(), func(l *Logger) {
		l.Vars = func() *Vars { return vars }
		l.Alert(a, moment())
	})
	check(t, list[0], map[string]any{
		"timestamp": "1970-01-01T00:00:03.500000+0000", "flow_id": 77.0, "pcap_cnt": 5.0, "event_type": "alert", "vlan.0": 9.0,
		"src_ip": "10.0.0.2", "src_port": 80.0, "dest_ip": "10.0.0.1", "dest_port": 4000.0, "proto": "TCP", "ip_v": 4.0,
		"pkt_src": "wire/pcap", "tx_id": 4.0, "alert.action": "blocked", "alert.signature_id": 7.0, "alert.rev": 2.0,
		"alert.signature": `say "hi"`, "alert.metadata.tag.1": "b", "alert.metadata.cve.0": "x", "alert.xff": "1.1.1.1",
		"alert.source.ip": "10.0.0.1", "alert.target.port": 80.0, "alert.references.0": "http://x", "alert.rule": nil,
		"app_proto": "http", "direction": "to_client", "flow.src_ip": "10.0.0.1", "flow.dest_port": 80.0,
		"flow.pkts_toserver": 3.0, "flow.start": "1970-01-01T00:00:01.000000+0000", "files.0.filename": `f\xff`,
		"payload_printable": "pay.\"load\n", "payload": "cGF5ACJsb2FkCg==", "stream": 0.0, "packet": "ZnJhbWU=",
		"packet_info.linktype_name": "EN10MB", "verdict.action": "drop", "verdict.reject-target": "both",
		"verdict.reject.0": "tcp-reset", "metadata.flowbits.0": "b", "metadata.flowints.i": 5.0,
	})
	if v := get(list[0], "metadata.flowvars.0").(map[string]any); v[`n"`] != "\x00\\xff" {
		t.Errorf("flowvars: %q", v)
	}
}

func TestFlow(t *testing.T) {
	cfg := offline()
	cfg.Flow.Netflow = true
	list := record(t, cfg, func(l *Logger) {
		l.Flow(moment(), flow.Shutdown, &TCPSummary{State: "closed", Flags: [2]uint8{packet.SYN | packet.ACK, packet.FIN}, Regions: [2]uint32{1, 2}})
	})
	if len(list) != 3 {
		t.Fatalf("%d records", len(list))
	}
	check(t, list[0], map[string]any{
		"event_type": "flow", "src_ip": "10.0.0.1", "dest_port": 80.0, "flow.age": 2.0, "flow.state": "closed", "flow.reason": "shutdown",
		"flow.alerted": true, "tcp.tcp_flags": "13", "tcp.tcp_flags_ts": "12", "tcp.tcp_flags_tc": "01", "tcp.syn": true,
		"tcp.rst": nil, "tcp.state": "closed", "tcp.tc_max_regions": 2.0, "app_proto": "http", "pkt_src": nil, "pcap_cnt": nil,
	})
	check(t, list[2], map[string]any{"event_type": "netflow", "src_ip": "10.0.0.2", "netflow.pkts": 2.0, "tcp.fin": true, "tcp.syn": nil, "app_proto": "unknown"})
}

// TestFlowOfPing: the record of the flow has both types, those of the directions their own.
func TestFlowOfPing(t *testing.T) {
	cfg := offline()
	cfg.Flow.Netflow = true
	m := moment()
	m.Packet, m.State = nil, nil
	m.Flow.Proto, m.Flow.CPort, m.Flow.SPort, m.Flow.Parent = packet.ICMP, 8, 0, 5
	list := record(t, cfg, func(l *Logger) { l.Flow(m, flow.Shutdown, nil) })
	for i, want := range []map[string]any{
		{"icmp_type": 8.0, "response_icmp_type": 0.0, "parent_id": 5.0},
		{"icmp_type": 8.0, "response_icmp_type": nil},
		{"icmp_type": 0.0, "response_icmp_type": nil},
	} {
		check(t, list[i], want)
	}
}

func TestDrop(t *testing.T) {
	m := moment()
	m.Flow.Action = flow.Drop
	list := record(t, offline(), func(l *Logger) {
		v := &Verdict{Action: "drop", Reason: "flow drop"}
		l.Drop(m, v, &Alert{Sig: &Signature{SID: 3}, Blocked: true})
		l.Drop(m, v, nil)
		l.Drop(m, v, nil) // the second of its direction without an alert of its own
	})
	if len(list) != 2 {
		t.Fatalf("%d records", len(list))
	}
	check(t, list[0], map[string]any{
		"drop.len": 60.0, "drop.ttl": 64.0, "drop.psh": true, "drop.syn": false, "drop.reason": "flow drop",
		"alert.signature_id": 3.0, "verdict.action": "drop", "direction": "to_client",
	})
}

func TestAnomaly(t *testing.T) {
	m := moment()
	m.Packet.AddEvent(packet.EvIPv4TruncPkt)
	m.Packet.AddEvent(packet.FirstStreamEvent + 3)
	tx := &app.Transaction{ID: 1, Proto: app.SMTP, Events: []string{"invalid_reply", "other"}}
	m.State.App.Events = []string{"APPLAYER_MISMATCH_PROTOCOL_BOTH_DIRECTIONS"}
	list := record(t, offline(), func(l *Logger) {
		l.Anomalies(m, func(packet.Event) string { return "three" })
		if n := l.TxAnomalies(tx, m, 1); n != 2 {
			t.Errorf("next event is %d", n)
		}
		l.ConnAnomalies(m, 0)
	})
	want := []map[string]any{
		{"anomaly.type": "decode", "anomaly.event": "decoder.ipv4.trunc_pkt", "src_ip": "10.0.0.2"},
		{"anomaly.type": "stream", "anomaly.event": "stream.three"},
		{"anomaly.type": "applayer", "anomaly.event": "OTHER", "anomaly.layer": "proto_parser", "anomaly.app_proto": "smtp", "tx_id": 1.0, "src_ip": "10.0.0.2"},
		{"anomaly.layer": "proto_detect", "anomaly.app_proto": "http", "tx_id": nil},
	}
	for i := range want {
		check(t, list[i], want[i])
	}
}

func TestStats(t *testing.T) {
	list := record(t, offline(), func(l *Logger) {
		l.Stats(0, 9, []Count{{"tcp.syn", 1}, {"decoder.pkts", 2}, {"decoder.event.ipv4.trunc_pkt", 3}, {"tcp", 4}, {"tcp.rst", 5}})
	})
	want := map[string]any{
		"uptime": 9.0, "tcp": map[string]any{"syn": 1.0, "rst": 5.0},
		"decoder": map[string]any{"pkts": 2.0, "event": map[string]any{"ipv4": map[string]any{"trunc_pkt": 3.0}}},
	}
	if d := cmp.Diff(want, list[0]["stats"]); d != "" {
		t.Error(d)
	}
}

func TestHeadWithoutIP(t *testing.T) {
	p := &packet.Packet{Num: 1}
	list := record(t, offline(), func(l *Logger) { l.head("x", p, nil, AsPacket, 0); l.finish() })
	if d := cmp.Diff(map[string]any{"timestamp": "1970-01-01T00:00:00.000000+0000", "pcap_cnt": 1.0, "event_type": "x", "pkt_src": "wire/pcap"}, list[0]); d != "" {
		t.Error(d)
	}
}

func TestForwarded(t *testing.T) {
	for _, c := range []struct{ chain, first, last string }{
		{"10.2.2.2, 10.3.3.3", "10.2.2.2", "10.3.3.3"}, {" ::1 ", "::1", "::1"}, {"", "", ""}, {"a, b", "", ""},
		{"1.1.1.1,", "1.1.1.1", ""}, {strings.Repeat("1", 99), "", ""},
	} {
		first, last := forwardedBy([]byte(c.chain), false), forwardedBy([]byte(c.chain), true)
		if string(first) != c.first || string(last) != c.last {
			t.Errorf("%q: %q %q", c.chain, first, last)
		}
	}
	cfg := offline()
	cfg.Alert.XFF.Overwrite = true
	list := record(t, cfg, func(l *Logger) { l.Alert(&Alert{Sig: &Signature{SID: 1}, XFF: []byte("10.3.3.3")}, moment()) })
	check(t, list[0], map[string]any{"src_ip": "10.0.0.2", "dest_ip": "10.3.3.3", "alert.xff": nil})
}

func TestSettings(t *testing.T) {
	c := Default()
	c.All, c.Types = false, map[string]bool{"alert": true, "netflow": true}
	c.Settings = map[string]string{"alert.metadata": "no", "alert.metadata.rule.raw": "yes", "alert.packet": "no", "anomaly.types.stream": "yes"}
	e := c.effective()
	if a := e.Alert; a.AppLayer || a.FlowObject || a.RuleMetadata || !a.RuleText || a.Packet || !a.Payload {
		t.Errorf("%+v", a)
	}
	if e.AnomalyDecode || !e.AnomalyStream || !e.AnomalyApp || !e.netflow() || e.Enabled("http") || !e.Enabled("alert") {
		t.Errorf("%+v", e)
	}
}

func TestTime(t *testing.T) {
	for _, ns := range []int64{0, 1, -1, 951782399999999999, 951782400e9, 1709164800e9, 1735689599e9, 4102444800e9, -86400e9 * 400} {
		var j JSON
		j.Time("", ns)
		want := `"` + time.Unix(0, ns).UTC().Format("2006-01-02T15:04:05.000000") + `+0000"`
		if string(j.Bytes()) != want {
			t.Errorf("%d: %s, want %s", ns, j.Bytes(), want)
		}
	}
}

// The example flows of the specification's baseline (github.com/corelight/community-id-spec).
func TestCommunityID(t *testing.T) {
	f := flow.Flow{Client: addr(128, 232, 110, 120), Server: addr(66, 35, 250, 204), CPort: 34855, SPort: 80, Proto: packet.TCP, Family: 4}
	list := record(t, offline(), func(l *Logger) { l.head("x", nil, &f, FromClient, 0); l.finish() })
	if got := list[0]["community_id"]; got != "1:LQU9qZlK+B5F3KDmev6m5PMibrg=" {
		t.Errorf("community_id %v", got)
	}
	back := flow.Flow{Client: f.Server, Server: f.Client, CPort: 80, SPort: 34855, Proto: packet.TCP, Family: 4}
	if CommunityID(&back, 0) != f.CommunityID {
		t.Error("directions differ")
	}
}

func TestJSONText(t *testing.T) {
	for in, want := range map[string]string{
		"a\"b\\c\n\r\t\b\f\x01\x7f": `"a\"b\\c\n\r\t\b\f\u0001\u007f"`,
		"grün":                      `"grün"`,
		"gr\xfcn\x00":               `"gr\\xfcn\u0000"`,
		"ü\xff":                     `"\\xc3\\xbc\\xff"`,
	} {
		var j JSON
		j.Text("", []byte(in))
		if string(j.Bytes()) != want {
			t.Errorf("%q: %s, want %s", in, j.Bytes(), want)
		}
	}
}

func TestAddr(t *testing.T) {
	mapped := packet.AddrFrom4([4]byte{10, 1, 2, 3})
	for _, c := range []struct {
		addr   packet.Addr
		family uint8
		want   string
	}{
		{packet.Addr{0: 0xfe, 1: 0x80, 15: 1}, 6, `"fe80:0000:0000:0000:0000:0000:0000:0001"`},
		{mapped, 4, `"10.1.2.3"`},
		{mapped, 6, `"0000:0000:0000:0000:0000:ffff:0a01:0203"`},
	} {
		var j JSON
		if j.Addr("", c.addr, c.family); string(j.Bytes()) != c.want {
			t.Errorf("%s of family %d, want %s", j.Bytes(), c.family, c.want)
		}
	}
}

func TestWriterFullDisk(t *testing.T) {
	out := &file{fail: errors.New("no space left on device"), room: 4}
	w, _ := NewWriter(func() (io.WriteCloser, error) { return out, nil }, true, nil)
	for range 3 {
		w.Write([]byte("{}\n"))
	}
	err := w.Close()
	if c := w.Counters(); err == nil || c.Failed != 2 || c.Written != 1 {
		t.Errorf("%v, %+v", err, c)
	}
}

// After a write that broke off the next record begins a line of its own.
func TestWriterTorn(t *testing.T) {
	out := &file{fail: errors.New("full"), room: 2}
	w := &Writer{free: make(chan []byte, 1)}
	s := &sink{out: out}
	w.put(s, []byte("{1}\n"))
	w.flush(s)
	out.fail = nil
	w.put(s, []byte("{2}\n"))
	w.flush(s)
	if out.String() != "{1\n{2}\n" || w.written.Load() != 1 || w.failed.Load() != 1 {
		t.Errorf("%q, %+v", out.String(), w.Counters())
	}
}

func TestWriterReopen(t *testing.T) {
	files := []*file{{}, {}}
	n := 0
	w, _ := NewWriter(func() (io.WriteCloser, error) { n++; return files[n-1], nil }, true, nil)
	w.Write([]byte("a\n"))
	for w.Counters().Written == 0 {
		time.Sleep(time.Millisecond)
	}
	w.Reopen()
	for len(w.again) > 0 {
		time.Sleep(time.Millisecond)
	}
	w.Write([]byte("b\n"))
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if files[0].String() != "a\n" || files[1].String() != "b\n" || files[0].close != 1 || files[1].close != 1 {
		t.Errorf("%q %q", files[0].String(), files[1].String())
	}
}

// blocked is an output that waits to be let go.
type blocked struct {
	file
	gate chan struct{}
}

func (b *blocked) Write(p []byte) (int, error) { <-b.gate; return b.file.Write(p) }

func TestWriterDrops(t *testing.T) {
	out := &blocked{gate: make(chan struct{})}
	w, _ := NewWriter(func() (io.WriteCloser, error) { return out, nil }, false, nil)
	const records = 2*queueLen + fileBuf
	for range records {
		w.Write([]byte("{}\n"))
	}
	close(out.gate)
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	c := w.Counters()
	if c.Dropped == 0 || c.Dropped+c.Written != records || uint64(strings.Count(out.String(), "\n")) != c.Written {
		t.Errorf("%+v of %d", c, records)
	}
}

func TestNoAllocs(t *testing.T) {
	cfg := offline()
	w, _ := NewWriter(func() (io.WriteCloser, error) { return &file{}, nil }, true, nil)
	defer w.Close()
	l, m := NewLogger(&cfg, w), moment()
	a := &Alert{Sig: &Signature{SID: 7, Metadata: []Pair{{"a", "b"}}}, Verdict: Verdict{Action: "alert"}}
	l.head("alert", m.Packet, m.Flow, AsPacket, m.Time)
	n := testing.AllocsPerRun(100, func() {
		l.head("alert", m.Packet, m.Flow, AsPacket, m.Time)
		l.alertObject(a, m)
		l.alertFlow(a, m)
		l.alertPayload(a, m.Packet)
		l.packet(m.Packet)
	})
	if n != 0 {
		t.Errorf("%v allocations a record", n)
	}
}

func FuzzRecords(f *testing.F) {
	f.Add([]byte("abc\xff\x00\"\\"), "name\xff", uint64(1), int64(-5))
	f.Fuzz(func(t *testing.T, data []byte, name string, n uint64, ns int64) {
		m := moment()
		m.Time, m.Packet.Payload, m.Packet.Frame = ns, data, data
		m.Packet.Proto, m.Packet.Link, m.Flow.Proto = packet.Proto(n), packet.LinkType(n>>8), packet.Proto(n)
		m.Packet.Events[0], m.Packet.NEvents = packet.Event(n%2000), 1
		m.Packet.ARP = data
		tx := &app.Transaction{ID: n, Proto: app.Proto(n % uint64(app.ProtoCount)), Events: []string{name}}
		tx.Files[1] = []*app.File{{Name: data, State: app.FileTruncated, End: n}}
		a := &Alert{
			Sig: &Signature{Msg: name, Category: name, Text: name, Metadata: []Pair{{name, name}}, References: []string{name}},
			Tx:  tx, Stream: n&1 == 0, Data: data, XFF: data, Verdict: Verdict{Action: name, RejectTo: name, Reason: name},
		}
		vars := &Vars{FlowNames: []string{name}, FlowValues: [][]byte{data}, Flowbits: []string{name}, FlowInts: []IntVar{{name, uint32(n)}}}
		record(t, offline(), func(l *Logger) {
			if tx.Data == nil && logger(tx.Proto) != nil {
				tx.Proto = app.Unknown // its logger needs the protocol's own data
			}
			l.Vars = func() *Vars { return vars }
			l.Alert(a, m)
			l.Drop(m, &a.Verdict, a)
			l.Anomalies(m, func(packet.Event) string { return name })
			l.TxAnomalies(tx, m, 0)
			l.ARP(m)
			l.Packet(m)
			l.File(tx.Files[1][0], tx, app.ToClient, m)
			l.Flow(m, flow.EndReason(n%4), nil)
			l.Stats(ns, n, []Count{{name, n}, {name + ".a", n}})
		})
	})
}
