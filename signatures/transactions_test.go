package signatures

import (
	"fmt"
	"slices"
	"testing"

	"picket/traffic/app"
	"picket/traffic/app/protocols"
	"picket/traffic/flow"
	"picket/traffic/packet"
)

// talk is a conversation whose bytes reach the application layer in order.
type talk struct {
	layer  *app.Layer
	flow   flow.Flow
	state  flow.State
	in     *Inspector
	packet packet.Packet
}

func newTalk(t *testing.T, rules string) *talk {
	t.Helper()
	e, faults := compileText(rules)
	if len(faults) > 0 {
		t.Fatal(faults)
	}
	c := &talk{layer: app.NewLayer(app.Default(), protocols.All()), in: inspectorOf(e)}
	c.flow = flow.Flow{ID: 1, Proto: packet.TCP, Family: 4, CPort: 4000, SPort: 80, State: flow.Established}
	return c
}

// say hands bytes of one side over and returns the rules that alert on the packet.
func (c *talk) say(dir app.Direction, data string) []uint32 {
	client, server := packet.AddrFrom4([4]byte{192, 0, 2, 1}), packet.AddrFrom4([4]byte{10, 0, 0, 1})
	p := &c.packet
	*p = packet.Packet{Proto: packet.TCP, Family: 4, Dir: dir, Src: client, Dst: server, SrcPort: 4000, DstPort: 80, Time: 1e9}
	p.Payload = []byte(data)
	if dir == app.ToClient {
		p.Src, p.Dst, p.SrcPort, p.DstPort = server, client, 80, 4000
	}
	c.flow.Packets[dir]++
	c.layer.Stream(&c.state.App, app.Endpoint{Client: 4000, Server: 80, Time: 1e9}, dir, p.Payload, false)
	c.in.Inspect(p, &c.flow, &c.state)
	var sids []uint32
	for i := range c.in.Alerts {
		sids = append(sids, c.in.Alerts[i].SID)
	}
	return sids
}

const (
	webRequest = "GET /download HTTP/1.1\r\nHost: example.org\r\nConnection: keep-alive\r\n\r\n"
	webAnswer  = "HTTP/1.1 200 OK\r\nServer: Apache\r\nConnection: close\r\nContent-Length: 4\r\n\r\nevil"
)

func TestTransactions(t *testing.T) {
	for _, tt := range []struct {
		name, rule string
		want       [2][]uint32 // alerts on the request and on the answer
	}{
		{"request", `alert http any any -> any any (http.uri; content:"/down"; sid:1;)`, [2][]uint32{{1}, nil}},
		{"answer", `alert http any any -> any any (http.stat_code; content:"200"; sid:1;)`, [2][]uint32{nil, {1}}},
		{"not there", `alert http any any -> any any (http.uri; content:"/up"; sid:1;)`, [2][]uint32{}},
		{"two buffers", `alert http any any -> any any (http.method; content:"GET"; http.host; content:"example"; sid:1;)`, [2][]uint32{{1}, nil}},
		{"body", `alert http any any -> any any (file.data; content:"evil"; sid:1;)`, [2][]uint32{nil, {1}}},
		{"absent", `alert http any any -> any any (http.referer; absent; sid:1;)`, [2][]uint32{{1}, nil}},
		{"both directions", `alert http any any => any any (http.uri; content:"/down"; http.stat_code; content:"200"; sid:1;)`, [2][]uint32{nil, {1}}},
		{"both, one fails", `alert http any any => any any (http.uri; content:"/up"; http.stat_code; content:"200"; sid:1;)`, [2][]uint32{}},
		{"both, one buffer twice", `alert http any any => any any (http.connection:to_client; content:"close"; http.connection:to_server; content:"keep"; sid:1;)`,
			[2][]uint32{nil, {1}}},
		{"flowbit", "alert http any any -> any any (http.uri; content:\"/down\"; flowbits:set,x; noalert; sid:1;)\n" +
			`alert http any any -> any any (flowbits:isset,x; http.stat_code; content:"200"; sid:2;)`, [2][]uint32{nil, {2}}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := newTalk(t, tt.rule+"\n")
			got := [2][]uint32{c.say(app.ToServer, webRequest), c.say(app.ToClient, webAnswer)}
			if !slices.Equal(got[0], tt.want[0]) || !slices.Equal(got[1], tt.want[1]) {
				t.Errorf("alerts %v, want %v", got, tt.want)
			}
		})
	}
}

// TestOneFile: conditions on files must hold for the same file of a transaction.
func TestOneFile(t *testing.T) {
	const rule = `alert http any any -> any any (flow:to_server; file.name; content:".exe"; file.data; content:"evil"; sid:1;)
`
	upload := func(first, second string) string {
		part := func(name, content string) string {
			return "--x\r\nContent-Disposition: form-data; name=\"f\"; filename=\"" + name + "\"\r\n\r\n" + content + "\r\n"
		}
		body := part("a.txt", first) + part("b.exe", second) + "--x--\r\n"
		return fmt.Sprintf("POST /up HTTP/1.1\r\nHost: h\r\nContent-Type: multipart/form-data; boundary=x\r\nContent-Length: %d\r\n\r\n%s", len(body), body)
	}
	for _, tt := range []struct {
		first, second string
		want          []uint32
	}{{"good", "evil", []uint32{1}}, {"evil", "good", nil}} {
		if got := newTalk(t, rule).say(app.ToServer, upload(tt.first, tt.second)); !slices.Equal(got, tt.want) {
			t.Errorf("%s in a.txt, %s in b.exe: alerts %v, want %v", tt.first, tt.second, got, tt.want)
		}
	}
}

// TestFailedTransform: what could not be transformed matches nothing, not even the absence of something.
func TestFailedTransform(t *testing.T) {
	for rule, want := range map[string][]uint32{
		`alert http any any -> any any (http.host; pcrexform:"(zzz)"; content:!"a"; sid:1;)`:     nil,
		`alert http any any -> any any (http.host; pcrexform:"(example)"; content:!"z"; sid:1;)`: {1},
	} {
		if got := newTalk(t, rule+"\n").say(app.ToServer, webRequest); !slices.Equal(got, want) {
			t.Errorf("%s: alerts %v, want %v", rule, got, want)
		}
	}
}

func TestNotes(t *testing.T) {
	c := newTalk(t, `alert http any any -> any any (http.uri; content:"/down"; flowbits:set,b; flowint:n,=,3; sid:1;)`+"\n")
	c.say(app.ToServer, webRequest)
	n := c.in.Notes(&c.flow, &c.state)
	if n == nil || !slices.Equal(n.Bits, []string{"b"}) || !slices.Equal(n.Ints, []IntNote{{"n", 3}}) {
		t.Errorf("notes %+v", n)
	}
}

func TestTransactionsDoNotAllocate(t *testing.T) {
	c := newTalk(t, `alert http any any -> any any (flow:established,to_server; http.uri; content:"/up"; http.host; content:"example"; sid:1;)
alert tcp any any -> any 80 (flow:established,to_server; content:"nothing"; depth:20; sid:2;)
`)
	c.say(app.ToServer, "GET /up HTTP/1.1\r\nHost: other\r\n")
	if n := testing.AllocsPerRun(100, func() { c.in.Inspect(&c.packet, &c.flow, &c.state) }); n != 0 {
		t.Errorf("%v allocations per packet, want none", n)
	}
}
