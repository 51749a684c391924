package signatures

import (
	"bytes"
	"io"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"picket/signatures/language"
	"picket/signatures/library"
	"picket/traffic/packet"
)

// compileText compiles rules; it returns the faults that are hard.
func compileText(text string) (*Engine, []language.Fault) {
	rules, faults := language.Parse(strings.NewReader(text), "test.rules", nil)
	e, more := Compile(rules, Options{})
	faults = append(faults, more...)
	return e, slices.DeleteFunc(faults, func(f language.Fault) bool { return f.Soft })
}

func inspectorOf(e *Engine) *Inspector {
	var current atomic.Pointer[Engine]
	current.Store(e)
	return NewInspector(&current, NewMemory())
}

func udp(payload string) *packet.Packet {
	return &packet.Packet{
		Proto: packet.UDP, Family: 4, TTL: 64, SrcPort: 4000, DstPort: 9999, Payload: []byte(payload), Time: 1e9,
		Src: packet.AddrFrom4([4]byte{192, 0, 2, 1}), Dst: packet.AddrFrom4([4]byte{10, 0, 0, 1}),
	}
}

func TestPayload(t *testing.T) {
	for _, tt := range []struct {
		name, options, payload string
		want                   bool
	}{
		{"content", `content:"abc"`, "xxabcxx", true},
		{"case", `content:"abc"`, "xxABCxx", false},
		{"nocase", `content:"aBc"; nocase`, "xxABCxx", true},
		{"hex", `content:"|00 01|c"`, "a\x00\x01c", true},
		{"negated", `content:"a"; content:!"b"`, "aab", false},
		{"depth", `content:"abc"; depth:4`, "xxabc", false},
		{"offset and depth", `content:"abc"; offset:2; depth:3`, "xxabc", true},
		{"distance", `content:"a"; content:"b"; distance:2`, "a1b23b", true},
		{"within", `content:"a"; content:"b"; within:2`, "a12b", false},
		{"another place", `content:"a"; content:"b"; within:1`, "a1a2ab", true},
		{"negative distance", `content:"abc"; content:"b"; distance:-2; within:1`, "abc", true},
		{"startswith", `content:"ab"; startswith`, "xab", false},
		{"endswith", `content:"ab"; endswith`, "abxab", true},
		{"isdataat", `content:"ab"; isdataat:2,relative`, "ab12", true},
		{"no isdataat", `content:"ab"; isdataat:!1,relative`, "ab1", false},
		{"byte_test", `content:"ab"; byte_test:2,>,256,0,relative`, "ab\x01\x01", true},
		{"byte_test string", `byte_test:3,=,123,0,string,dec`, "123", true},
		{"byte_test all digits", `content:"="; byte_test:0,>,500,0,relative,string,dec`, "n=4812;", true},
		{"byte_test all digits, less", `content:"="; byte_test:0,>,500,0,relative,string,dec`, "n=481;", false},
		{"byte_test all digits to the end", `content:"="; byte_test:0,=,4812,0,relative,string,dec`, "n=4812", true},
		{"byte_test no digits", `content:"="; byte_test:0,<,500,0,relative,string,dec`, "n=;", false},
		{"byte_test nothing left", `content:"="; byte_test:0,<,500,0,relative,string,dec`, "n=", false},
		{"byte_jump", `byte_jump:1,0; content:"z"; distance:0; within:1`, "\x03abcz", true},
		{"byte_extract", `byte_extract:1,0,n; content:"z"; offset:n; depth:1`, "\x03..z", true},
		{"byte_math", `byte_math:bytes 1,offset 0,oper *,rvalue 2,result n; content:"z"; offset:n; depth:1`, "\x02...z", true},
		{"pcre", `content:"id"; pcre:"/id=\d+$/"`, "id=42", true},
		{"pcre relative", `content:"id"; pcre:"/^=\d/R"`, "id=4", true},
		{"pcre negated", `content:"id"; pcre:!"/id=\d/"`, "id=4", false},
		{"dsize", `dsize:3<>6; content:"a"`, "aaaa", true},
		{"base64", `base64_decode:offset 0; base64_data; content:"test"`, "dGVzdA==", true},
		{"ttl", `ttl:64; content:"a"`, "a", true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			e, faults := compileText("alert udp any any -> any any (" + tt.options + "; sid:1;)\n")
			if len(faults) > 0 {
				t.Fatal(faults)
			}
			in := inspectorOf(e)
			in.Inspect(udp(tt.payload), nil, nil)
			if got := len(in.Alerts) == 1; got != tt.want {
				t.Errorf("got %v alerts, want a match: %v", len(in.Alerts), tt.want)
			}
		})
	}
}

func TestRefused(t *testing.T) {
	for _, options := range []string{
		`content:"abc"; depth:2`, `content:"abc"; within:1`, `content:"abc"; depth:5; distance:1`, `content:"a"; nocase; nocase`,
		`content:"a"; fast_pattern; content:"b"; fast_pattern`, `content:!"a"; offset:2; fast_pattern`, `http.uri`, `nocase`,
		`content:"abc"; startswith; depth:5`, `dsize:2; content:"abc"`, `byte_test:1,=,n,0`, `base64_data; content:"a"`,
		`flow:to_server,to_client`, `flow:established,stateless`, `flags:S`, `nosuchword`, `dns.query; bsize:2; content:"abc"`,
		`content:"a"; fast_pattern:0,2`, `to_md5; content:"a"`, `dns.query; absent; content:"a"`,
		`frame:dns.pdu`, `frame:dns.nosuch; content:"a"`, `frame:dns.pdu; content:"a"; pkt_data; content:"b"`,
		`frame:dns.pdu; content:"a"; dns.query; content:"b"`,
		`flow:only_stream; ttl:3; content:"a"`, `ip_proto:17`,
	} {
		if _, faults := compileText("alert udp any any -> any any (" + options + "; sid:1;)\n"); len(faults) == 0 {
			t.Errorf("%s: loaded, must be refused", options)
		}
	}
}

func TestActionOrder(t *testing.T) {
	const rules = `alert udp any any -> any any (msg:"a"; content:"x"; sid:1;)
drop udp any any -> any any (msg:"d"; content:"x"; sid:2;)
pass udp any any -> any any (msg:"p"; content:"xy"; sid:3;)
`
	e, faults := compileText(rules)
	if len(faults) > 0 {
		t.Fatal(faults)
	}
	in := inspectorOf(e)
	if v := in.Inspect(udp("x"), nil, nil); v.Effect != Dropped || v.Rule.SID != 2 || len(in.Alerts) != 2 {
		t.Errorf("got %v and %d alerts, want a drop by 2 and 2 alerts", v.String(), len(in.Alerts))
	}
	if v := in.Inspect(udp("xy"), nil, nil); v.Effect != Passed || len(in.Alerts) != 0 {
		t.Errorf("got %v and %d alerts, want a silent pass", v.String(), len(in.Alerts))
	}
}

func TestThreshold(t *testing.T) {
	e, _ := compileText(`alert udp any any -> any any (content:"x"; threshold:type limit,track by_src,count 2,seconds 10; sid:1;)
`)
	in, shown := inspectorOf(e), 0
	for range 5 {
		in.Inspect(udp("x"), nil, nil)
		shown += len(in.Alerts)
	}
	if shown != 2 {
		t.Errorf("%d alerts, want 2", shown)
	}
}

func TestAddressIndex(t *testing.T) {
	e, _ := compileText(`alert udp [192.0.2.0/24,198.51.100.7] any -> any any (flowbits:noalert; ttl:64; sid:1;)
alert udp [192.0.2.1,203.0.113.0/24] any -> any any (ttl:64; sid:2;)
alert udp [203.0.113.0/24] any -> any any (ttl:64; sid:3;)
`)
	in := inspectorOf(e)
	in.Inspect(udp(""), nil, nil)
	if len(in.Alerts) != 1 || in.Alerts[0].SID != 2 {
		t.Errorf("got %v, want sid 2 alone", in.Alerts)
	}
}

func TestLibrary(t *testing.T) {
	library.Each(func(in io.Reader, name string) {
		text, err := io.ReadAll(in)
		if err != nil {
			t.Fatal(err)
		}
		e, faults := compileText(string(text))
		for _, f := range faults {
			t.Errorf("%s: %v", name, f)
		}
		if want := bytes.Count(text, []byte(" sid:")); len(e.Signatures) != want {
			t.Errorf("%s: %d rules loaded, want %d", name, len(e.Signatures), want)
		}
	})
}

func TestInspectDoesNotAllocate(t *testing.T) {
	e, _ := compileText(`alert udp any any -> any any (content:"evil"; content:"worse"; distance:0; sid:1;)
alert udp $EXTERNAL_NET any -> $HOME_NET any (content:"evil"; pcre:"/evil\d/"; sid:2;)
`)
	in, p := inspectorOf(e), udp("something evil this way comes")
	in.Inspect(p, nil, nil)
	if n := testing.AllocsPerRun(100, func() { in.Inspect(p, nil, nil) }); n != 0 {
		t.Errorf("%v allocations per packet, want none", n)
	}
}

func FuzzCompile(f *testing.F) {
	f.Add(`alert tcp any any -> any any (msg:"x"; content:"a"; nocase; sid:1;)`)
	f.Add(`alert http any any -> any any (http.uri; to_lowercase; content:"a"; pcre:"/a/R"; sid:1;)`)
	f.Add(`alert udp [1.2.3.4,!5.6.7.8] 1:5 <> any any (byte_extract:1,0,n; byte_test:1,=,n,0; base64_decode; base64_data; content:"a"; sid:1;)`)
	f.Fuzz(func(t *testing.T, text string) {
		e, _ := compileText(text)
		in := inspectorOf(e)
		in.Inspect(udp("a\x01\x02\x03 some payload"), nil, nil)
	})
}
