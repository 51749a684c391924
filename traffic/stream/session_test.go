package stream

import (
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"testing"

	"picket/traffic/packet"
)

// sink is an application layer that takes everything.
type sink struct{ got [2][]byte }

func (s *sink) Stream(dir packet.Direction, data []byte, _ bool) int {
	s.got[dir] = append(s.got[dir], data...)
	return len(data)
}
func (s *sink) Gap(packet.Direction, uint32) bool { return true }
func (s *sink) Reversed() bool                    { return false }

// The initial sequence numbers of the sessions that the tests play; numbers in a script count from them.
const (
	clientISN = 0xfffffff0 // wraps soon
	serverISN = 5000
)

// play is a session that packets of a script walk through.
type play struct {
	t    *testing.T
	e    *Engine
	s    Session
	b    *Bytes
	out  sink
	time int64
}

func newPlay(t *testing.T, set func(*Config)) *play {
	cfg := Default()
	if set != nil {
		set(&cfg)
	}
	return &play{t: t, e: NewEngine(cfg), time: 1e9}
}

// segment reads a packet: "> PA 1 1 abc win=100 ts=5/4": direction, flags, SEQ and ACK as counted from the ISNs, data
// and options; "sack=5-9", "ws=2", "tfo", "md5", "after=SECONDS", "isn=N" (a SYN with another ISN).
func (p *play) segment(line string) *packet.Packet {
	f := strings.Fields(line)
	q := &packet.Packet{Proto: packet.TCP, Family: 4, Src: packet.AddrFrom4([4]byte{10, 0, 0, 1}), Dst: packet.AddrFrom4([4]byte{10, 0, 0, 2})}
	seqBase, ackBase := uint32(clientISN), uint32(serverISN)
	if f[0] == "<" {
		q.Dir, q.Src, q.Dst = packet.ToClient, q.Dst, q.Src
		seqBase, ackBase = ackBase, seqBase
	}
	h := &q.TCP
	h.Window, h.HdrLen = 8192, 20
	for _, c := range f[1] {
		h.Flags |= map[rune]uint8{'S': packet.SYN, 'A': packet.ACK, 'F': packet.FIN, 'R': packet.RST, 'P': packet.PSH}[c]
	}
	h.Seq, h.Ack = seqBase+p.number(f[2]), ackBase+p.number(f[3])
	if f[3] == "-" {
		h.Ack = 0
	}
	for _, o := range f[4:] {
		p.option(q, o, ackBase)
	}
	q.Time = p.time
	return q
}

func (p *play) option(q *packet.Packet, text string, ackBase uint32) {
	h := &q.TCP
	name, value, _ := strings.Cut(text, "=")
	a, b, _ := strings.Cut(strings.ReplaceAll(value, "-", "/"), "/")
	switch name {
	case "win":
		h.Window = uint16(p.number(a))
	case "ts":
		h.HasTS, h.TSVal, h.TSEcr = true, p.number(a), p.number(b)
	case "ws":
		h.HasWScale, h.WScale = true, uint8(p.number(a))
	case "sack":
		lo, hi := ackBase+p.number(a), ackBase+p.number(b)
		h.SACK = append(h.SACK, byte(lo>>24), byte(lo>>16), byte(lo>>8), byte(lo), byte(hi>>24), byte(hi>>16), byte(hi>>8), byte(hi))
		h.NSack++
	case "tfo":
		h.HasTFO = true
	case "md5":
		h.HasMD5 = true
	case "after":
		p.time += int64(p.number(a)) * 1e9
	case "len":
		q.Payload = make([]byte, p.number(a))
	default:
		q.Payload = []byte(text)
	}
}

func (p *play) number(s string) uint32 {
	if s == "-" || s == "" {
		return 0
	}
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil {
		p.t.Fatal(err)
	}
	return uint32(n)
}

// walk sends a packet and says what became of it: the state, "refused" if so, and the events.
func (p *play) walk(line string) string {
	q := p.segment(line)
	p.e.Packet(&p.s, &p.b, &p.out, q)
	if p.b != nil {
		p.e.Raw(&p.s, p.b, q)
		p.e.Settle(p.b, q.Dir)
	}
	words := []string{p.s.State.String()}
	if q.Has(packet.StreamRefused) {
		words = append(words, "refused")
	}
	for _, e := range q.Events[:q.NEvents] {
		words = append(words, EventName(e))
	}
	return strings.Join(words, " ")
}

// script plays lines "packet : outcome". A line without an outcome must not be refused, nor have events.
func (p *play) script(text string) {
	p.t.Helper()
	for i, line := range strings.Split(strings.TrimSpace(text), "\n") {
		send, want, checked := strings.Cut(line, ":")
		got := p.walk(send)
		want = strings.TrimSpace(want)
		if checked && got != want || !checked && strings.Contains(got, " ") {
			p.t.Errorf("line %d %q:\n got %s\nwant %s", i+1, strings.TrimSpace(send), got, want)
		}
	}
}

const handshake = `> S 0 - : syn_sent
< SA 0 1 : syn_recv
> A 1 1 : established
`

const clientCloses = handshake + `> PA 1 1 abc
< A 1 4
> FA 4 1 : close_wait
`

const serverCloses = handshake + `> PA 1 1 abc
< A 1 4
< FA 1 4 : fin_wait1
`

// TestStates walks sessions through Suricata's states: each transition, and what is refused in each.
func TestStates(t *testing.T) {
	async := func(c *Config) { c.AsyncOneside = true }
	midstream := func(c *Config) { c.Midstream = true }
	inline := func(c *Config) { c.Inline = true }
	policy := func(p Policy) func(*Config) {
		return func(c *Config) { c.Hosts = []HostPolicy{{netip.MustParsePrefix("0.0.0.0/0"), p}} }
	}
	for _, tc := range []struct {
		name, script string
		set          func(*Config)
	}{
		// no session
		{"rst without session", "> R 5 - : none refused rst_but_no_session", nil},
		{"fin without session", "> FA 5 5 : none refused fin_but_no_session", nil},
		{"ack without session", "> A 5 5 abc : none", nil},
		{"syn/ack without session", "< SA 0 1 : none", nil},
		{"broken ack", "> S 0 7 : syn_sent pkt_broken_ack", nil},
		{"midstream data", "> PA 5 5 abc : established\n< A 5 8 : established", midstream},
		{"midstream syn/ack", "< SA 0 1 : syn_recv\n> A 1 1 : established", midstream},
		{"midstream fin with data", "> FA 5 5 abc : fin_wait1", midstream},

		// syn_sent
		{"syn again", "> S 0 -\n> S 0 - : syn_sent\n< SA 0 1 : syn_recv", nil},
		{"syn again with another ISN", "> S 0 -\n> S 100 - : syn_sent\n< SA 0 101 : syn_recv\n> A 101 1 : established", nil},
		{"answer to the first of two", "> S 0 -\n> S 100 -\n< SA 0 1 : syn_recv\n> A 1 1 : established", nil},
		{"wrong ack", "> S 0 -\n< SA 0 9 : syn_sent refused 3whs_synack_with_wrong_ack", nil},
		{"syn/ack of the client", "> S 0 -\n> SA 0 1 : syn_sent refused 3whs_synack_in_wrong_direction", nil},
		{"refused connection", "> S 0 -\n< RA -5000 1 : closed", nil},
		{"refused with wrong ack", "> S 0 -\n< RA -5000 9 : syn_sent refused pkt_invalid_ack rst_invalid_ack", nil},
		{"refused second syn", "> S 0 -\n> S 100 -\n< RA -5000 101 : closed", nil},
		{"refused fast open", "> S 0 - abc tfo\n< RA -5000 4 : closed", nil},
		{"fin on a syn", "> S 0 -\n< FA 0 1 : syn_sent", nil},
		{"syn flood", "> S 0 -\n> S 1 -\n> S 2 -\n> S 3 - : syn_sent 3whs_syn_flood", func(c *Config) { c.MaxSynQueued = 2 }},
		{"forged reset", "> S 0 -\n< RA -5000 1 : closed\n< SA 0 1 : syn_recv suspected_rst_inject\n> A 1 1 : established", nil},
		{"echo of another timestamp", "> S 0 - ts=5/0\n< SA 0 1 ts=9/4 : syn_sent refused pkt_invalid_timestamp\n< SA 0 1 ts=9/5 : syn_recv", nil},
		{"four-way handshake", "> S 0 -\n< S 0 - : syn_sent\n> SA 0 1 : syn_recv\n< A 1 1 : established", nil},
		{"four-way, wrong ack", "> S 0 -\n< S 0 -\n> SA 0 7 : syn_sent refused 4whs_synack_with_wrong_ack", nil},
		{"four-way, wrong syn", "> S 0 -\n< S 0 -\n> SA 5 1 : syn_sent refused 4whs_synack_with_wrong_syn", nil},
		{"four-way, wrong number", "> S 0 -\n< S 0 -\n> SA 0 1\n< A 9 1 : syn_recv refused 4whs_wrong_seq", nil},
		{"async", "> S 0 -\n> A 1 1 : established\n> PA 1 1 abc\n> PA 4 1 def", async},
		{"async, wrong number", "> S 0 -\n> A 9 1 : syn_sent refused 3whs_async_wrong_seq", async},
		{"fast open", "> S 0 - abc tfo\n< SA 0 4 : syn_recv\n> A 4 1 : established", nil},
		{"fast open, data ignored", "> S 0 - abc tfo\n< SA 0 1 : syn_recv 3whs_synack_tfo_data_ignored", nil},
		{"fast open, wrong ack", "> S 0 - abc tfo\n< SA 0 3 : syn_sent refused 3whs_synack_with_wrong_ack", nil},

		// syn_recv
		{"syn/ack again", "> S 0 -\n< SA 0 1\n< SA 0 1 : syn_recv\n> A 1 1 : established", nil},
		{"syn/ack again, other ack", "> S 0 -\n< SA 0 1\n< SA 0 2 : syn_recv refused 3whs_synack_resend_with_different_ack", nil},
		{"syn/ack with other ISN, chosen", "> S 0 -\n< SA 0 1\n< SA 70 1 : syn_recv\n> A 1 71 : established", nil},
		{"syn/ack with other ISN, not chosen", "> S 0 -\n< SA 0 1\n< SA 70 1\n> A 1 1 : established", nil},
		{"syn/ack flood", "> S 0 -\n< SA 0 1\n< SA 70 1\n< SA 80 1 : syn_recv refused 3whs_synack_flood",
			func(c *Config) { c.MaxSynAckQueued = 1 }},
		{"syn/ack to the server", "> S 0 -\n< SA 0 1\n> SA 0 1 : syn_recv refused 3whs_synack_toserver_on_syn_recv", nil},
		{"syn to the client", "> S 0 -\n< SA 0 1\n< S 0 - : syn_recv refused 3whs_syn_toclient_on_syn_recv", nil},
		{"late syn", "> S 0 -\n< SA 0 1\n> S 0 - : syn_recv\n> S 4 - : syn_recv refused 3whs_syn_resend_diff_seq_on_syn_recv", nil},
		{"right seq, wrong ack", "> S 0 -\n< SA 0 1\n> A 1 9 : syn_recv refused 3whs_right_seq_wrong_ack_evasion", nil},
		{"wrong seq, wrong ack", "> S 0 -\n< SA 0 1\n> A 7 9 : syn_recv refused 3whs_wrong_seq_wrong_ack", nil},
		{"missed packets", "> S 0 -\n< SA 0 1\n> PA 4 1 def : established", nil},
		{"server goes on", "> S 0 -\n< SA 0 1\n< PA 1 1 banner : established", nil},
		{"server goes on, inline", "> S 0 -\n< SA 0 1\n< PA 1 1 banner : syn_recv refused 3whs_ack_data_inject\n" +
			"< A 7 1 : syn_recv refused 3whs_ack_in_wrong_dir", inline},
		{"reset in the handshake", "> S 0 -\n< SA 0 1\n> R 1 - : closed", nil},
		{"fin in the handshake", "> S 0 -\n< SA 0 1\n> FA 1 1 : close_wait", nil},

		// established
		{"data", handshake + "> PA 1 1 abc\n< A 1 4\n< PA 1 4 def\n> A 4 4", nil},
		{"retransmission", handshake + "> PA 1 1 abc\n< A 1 4\n> PA 1 1 abc : established pkt_spurious_retransmission", nil},
		{"before the last ack", handshake + "> PA 1 1 abc\n< A 1 4\n> A -4 1 : established refused est_pkt_before_last_ack", nil},
		{"out of window", handshake + "> PA 9000 1 abc : established refused est_packet_out_of_window", nil},
		{"invalid ack", handshake + "> A 1 9000 : established refused pkt_invalid_ack est_invalid_ack", nil},
		{"outdated ack", handshake + "> PA 1 1 abc\n< A 1 4\n< A 1 1 : established", nil},
		{"keep-alive", handshake + "> PA 1 1 abc\n< A 1 4\n> A 3 1 x : established\n< A 1 4 : established", nil},
		{"zero window probe", "> S 0 -\n< SA 0 1 win=0\n> A 1 1\n> A 1 1 x : established\n< A 1 1 win=0", nil},
		{"syn again, established", handshake + "> S 0 - : established refused est_syn_resend\n" +
			"> S 9 - : established refused est_syn_resend_diff_seq\n< S 0 - : established refused est_syn_toclient", nil},
		{"syn/ack again, established", handshake + "< SA 0 1 : established\n> PA 1 1 abc\n< A 1 4\n" +
			"< SA 0 4 : established refused est_synack_resend\n< SA 9 4 : established refused est_synack_resend_with_diff_seq\n" +
			"< SA 0 7 : established refused est_synack_resend_with_different_ack\n> SA 0 1 : established refused est_synack_toserver", nil},
		{"bad window update", handshake + "> PA 1 1 abc\n< A 1 4\n< A 9 9 win=10 : established pkt_bad_window_update", nil},
		{"fin and syn", handshake + "> SFA 1 1 : established refused fin_syn", nil},
		{"fin with invalid ack", handshake + "> FA 1 9000 : established refused pkt_invalid_ack fin_invalid_ack", nil},
		{"fin out of window", handshake + "> FA 9000 1 : established refused fin_out_of_window", nil},
		{"scaled window", "> S 0 - ws=4\n< SA 0 1 win=100 ws=4\n> A 1 1\n> PA 1 1 len=100\n< A 1 101 win=100\n> PA 1500 1 abc", nil},
		{"window without scale", "> S 0 -\n< SA 0 1 win=100 ws=4\n> A 1 1\n> PA 1 1 len=100\n< A 1 101 win=100\n" +
			"> PA 1500 1 abc : established refused est_packet_out_of_window", nil},
		{"selective acknowledgments open the window", "> S 0 -\n< SA 0 1 win=1000\n> A 1 1\n> PA 1 1 len=100\n< A 1 101 win=1000\n> PA 201 1 len=900\n" +
			"< A 1 101 win=1000 sack=201-700\n< A 1 101 win=1000 sack=700-1101\n> PA 1998 1 abc\n" +
			"> PA 1999 1 abc : established refused est_packet_out_of_window", nil},

		// timestamps (PAWS)
		{"old timestamp", stamped + "> PA 1 1 abc ts=9/20 : established refused pkt_invalid_timestamp", nil},
		{"old timestamp, linux is lax by one", stamped + "> PA 1 1 abc ts=10/20", policy(Linux)},
		{"timestamp of nought", stamped + "> PA 1 1 abc ts=0/20 : established refused pkt_invalid_timestamp", nil},
		{"old timestamp after 25 days", stamped + "> A 1 1 ts=9/20 after=2160000 : established", nil},
		{"segment without timestamp", stamped + "> PA 1 1 abc : established", nil},

		// resets by host
		{"reset", handshake + "> R 1 - : closed", nil},
		{"reset beside the number", handshake + "> R 2 - : established refused", nil},
		{"reset in the window, linux", handshake + "> R 2 - : closed", policy(Linux)},
		{"reset behind the window, linux", handshake + "> R 9000 - : established refused", policy(Linux)},
		{"reset ahead, hpux11", handshake + "> R 9000 - : closed", policy(HPUX11)},
		{"reset with data", handshake + "> R 1 - abc : closed rst_with_data", nil},
		{"reset with invalid ack", handshake + "> RA 1 9000 : established refused pkt_invalid_ack rst_invalid_ack", nil},
		{"signed reset is not believed", handshake + "> R 1 - md5 : closed\n> PA 1 1 abc : established suspected_rst_inject\n< A 1 4", nil},
		{"data after a reset", handshake + "> R 1 - : closed\n> PA 1 1 abc : closed\n< A 1 1 : closed", nil},

		// the client closes first
		{"client closes", clientCloses + "< FA 1 5 : last_ack\n> A 5 2 : closed", nil},
		{"half closed", clientCloses + "< PA 1 5 data : close_wait\n> A 5 5\n< FA 5 5 : last_ack\n> A 5 6 : closed", nil},
		{"close_wait: fin again", clientCloses + "> FA 4 1 : close_wait", nil},
		{"close_wait: out of window", clientCloses + "< A 9999 5 : close_wait refused closewait_ack_out_of_window\n" +
			"< FA 9999 5 : close_wait refused closewait_fin_out_of_window", nil},
		{"close_wait: invalid ack", clientCloses + "< A 1 9999 : close_wait refused pkt_invalid_ack closewait_invalid_ack\n" +
			"< FA 1 9999 : close_wait refused pkt_invalid_ack closewait_invalid_ack", nil},
		{"close_wait: reset", clientCloses + "< RA 1 5 : closed", nil},
		{"close_wait: syn", clientCloses + "> S 0 - : close_wait refused shutdown_syn_resend", nil},
		{"last_ack: wrong number", clientCloses + "< FA 1 5 : last_ack\n> A 77 2 : last_ack refused lastack_ack_wrong_seq\n> A 5 2 : closed", nil},
		{"last_ack: invalid ack", clientCloses + "< FA 1 5\n> A 5 9999 : last_ack refused pkt_invalid_ack lastack_invalid_ack", nil},
		{"last_ack: syn, fin, server", clientCloses + "< FA 1 5\n> S 0 - : last_ack refused shutdown_syn_resend\n> FA 4 1 : last_ack\n" +
			"< A 2 5 : last_ack", nil},
		{"last_ack: reset", clientCloses + "< FA 1 5\n> R 5 - : closed", nil},

		// the server closes first
		{"server closes", serverCloses + "> A 4 2 : fin_wait2\n> FA 4 2 : time_wait\n< A 2 5 : closed", nil},
		{"server closes, fin and ack", serverCloses + "> FA 4 2 : time_wait\n< A 2 5 : closed", nil},
		{"both close", serverCloses + "> F 4 - : closing\n> A 4 2 : time_wait", nil},
		{"fin_wait1: out of window", serverCloses + "> A 9999 2 : fin_wait1 refused fin1_ack_wrong_seq\n" +
			"> FA 9999 2 : fin_wait1 refused fin1_fin_wrong_seq", nil},
		{"fin_wait1: invalid ack", serverCloses + "> A 4 9999 : fin_wait1 refused pkt_invalid_ack fin1_invalid_ack\n" +
			"> FA 4 9999 : fin_wait1 refused pkt_invalid_ack fin1_invalid_ack", nil},
		{"fin_wait1: fin again", serverCloses + "< FA 1 4 : fin_wait1\n> A 4 2 : fin_wait2", nil},
		{"fin_wait1: data", serverCloses + "> PA 4 1 more : fin_wait1\n< A 2 8\n> A 8 2 : fin_wait2", nil},
		{"fin_wait1: syn, reset", serverCloses + "> S 0 - : fin_wait1 refused shutdown_syn_resend\n> R 4 - : closed", nil},
		{"fin_wait2: data", serverCloses + "> A 4 2\n> PA 4 2 more : fin_wait2\n< A 2 8\n> FA 8 2 : time_wait", nil},
		{"fin_wait2: out of window", serverCloses + "> A 4 2\n> A 9999 2 : fin_wait2 refused fin2_ack_wrong_seq\n" +
			"> FA 9999 2 : fin_wait2 refused fin2_fin_wrong_seq", nil},
		{"fin_wait2: invalid ack", serverCloses + "> A 4 2\n> A 4 9999 : fin_wait2 refused pkt_invalid_ack fin2_invalid_ack\n" +
			"> FA 4 9999 : fin_wait2 refused pkt_invalid_ack fin2_invalid_ack", nil},
		{"closing: wrong number", serverCloses + "> F 4 - : closing\n> A 9 2 : closing refused closing_ack_wrong_seq\n" +
			"> A 4 9999 : closing refused pkt_invalid_ack closing_invalid_ack", nil},
		{"closing: fin again", serverCloses + "> F 4 - : closing\n> F 4 - : closing", nil},
		{"time_wait: wrong number", serverCloses + "> FA 4 2 : time_wait\n< A 99 5 : time_wait refused timewait_ack_wrong_seq\n" +
			"> A 99 2 : time_wait refused timewait_ack_wrong_seq\n< A 2 9999 : time_wait refused pkt_invalid_ack timewait_invalid_ack", nil},
		{"time_wait: fin again, syn, reset", serverCloses + "> FA 4 2\n> FA 4 2 : time_wait\n> S 0 - : time_wait refused shutdown_syn_resend\n" +
			"> R 4 - : closed", nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			p := newPlay(t, tc.set)
			p.t = t
			p.script(tc.script)
		})
	}
}

const stamped = `> S 0 - ts=10/0
< SA 0 1 ts=20/10 : syn_recv
> A 1 1 ts=11/20 : established
`

// TestEventNames: every event has a name of its own that finds it again.
func TestEventNames(t *testing.T) {
	var names []string
	for e := packet.FirstStreamEvent; e < evEnd; e++ {
		name := EventName(e)
		if back, ok := EventByName(name); !ok || back != e || slices.Contains(names, name) {
			t.Errorf("event %d: %q finds %d", e, name, back)
		}
		names = append(names, name)
	}
}

// TestReusable: which packets begin a new session on the addresses and ports of an old one.
func TestReusable(t *testing.T) {
	for _, tc := range []struct {
		script, next string
		want         bool
	}{
		{handshake, "> S 900 -", false},
		{serverCloses, "> S 900 -", false},
		{clientCloses, "> S 900 -", true},
		{clientCloses + "< FA 1 5\n> A 5 2", "> S 900 -", true},
		{clientCloses + "< FA 1 5\n> A 5 2", "> S 0 -", false},
		{handshake + "> R 1 -", "> S 900 -", true},
		{handshake + "> R 1 -", "< SA 900 1", false},
		{handshake + "> R 1 -", "> SF 900 -", false},
		{"> S 0 - abc tfo\n< SA 0 1 : syn_recv 3whs_synack_tfo_data_ignored", "> S 0 - abc", true},
	} {
		p := newPlay(t, nil)
		p.script(tc.script)
		q := p.segment(tc.next)
		if got := p.s.Reusable(p.e.Config(), q, q.Dir); got != tc.want {
			t.Errorf("%s after %s: %v", tc.next, p.s.State, got)
		}
	}
}

// TestSacked: ranges are merged, bounded, and forgotten when they are acknowledged.
func TestSacked(t *testing.T) {
	var list []sack
	for i := range Seq(100) {
		list = join(list, sack{i * 10, i*10 + 5})
	}
	if len(list) != maxSacks {
		t.Fatalf("%d ranges", len(list))
	}
	if list = join(list, sack{0, 400}); len(list) != 1 || list[0] != (sack{0, 400}) {
		t.Errorf("joined: %v", list)
	}
	if list = forget(list, 390); fmt.Sprint(list) != "[{390 400}]" {
		t.Errorf("rest: %v", list)
	}
}
