package language_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"picket/signatures/language"
)

// said writes a rule's options as Suricata's rules have them, without its sid.
func said(r *language.Rule) string {
	var b strings.Builder
	for _, o := range r.Options {
		if o.Name == "sid" {
			continue
		}
		b.WriteString(o.Name)
		if o.Has {
			b.WriteString(":" + o.Value)
		}
		b.WriteString("; ")
	}
	return strings.TrimSpace(b.String())
}

func TestSnort3(t *testing.T) {
	for _, c := range []struct{ rule, want string }{
		{`content:!"a|3B|;b",nocase,depth 4,offset 8;`, `content:!"a|3B|;b"; nocase; depth:4; offset:8;`},
		{`content:"long",fast_pattern,fast_pattern_offset 1,fast_pattern_length 2;`, `content:"long"; fast_pattern:1,2;`},
		{`content:"long",fast_pattern_length 2,fast_pattern;`, `content:"long"; fast_pattern:0,2;`},
		{`http_uri; content:"/a",nocase; bufferlen:3<=>5; pcre:"/;/R"; pkt_data; content:"b",within n;`,
			`http.uri; content:"/a"; nocase; bsize:2<>6; pcre:"/;/R"; pkt_data; content:"b"; within:n;`},
		{`http_header:field user-agent,with_body; content:"x",nocase;`, `http.user_agent; content:"x"; nocase;`},
		{`content:"x",nocase; bufferlen:>=5,relative; bufferlen:<5,relative;`, `content:"x"; nocase; isdataat:5,relative; isdataat:!5,relative;`},
		{`content:"x",nocase; sip_method:!invite;`, `sip.method; content:!"INVITE"; startswith; endswith; pkt_data; content:"x"; nocase;`},
		{`content:"x",nocase; sip_stat_code:4;`, `sip.stat_code; content:"4"; startswith; pkt_data; content:"x"; nocase;`},
		{`regex:"/a.b/",nocase,dotall,fast_pattern; service:http;`, `pcre:"/a.b/is";`},
		{`flowbits:set,a&b; service:ftp;`, `flowbits:set,a; flowbits:set,b;`},
		{`stream_size:>1,to_client; service:ftp;`, `stream_size:server,>,1;`},
		{`tag:session,packets 5; service:ftp;`, `tag:session,5,packets;`},
		{`dce_iface:uuid 4b324fc8-1670-01d3-1278-5a47bf6ee188,version >1; dce_opnum:"1-2"; dce_stub_data; content:"x",nocase;`,
			`dcerpc.iface:4b324fc8-1670-01d3-1278-5a47bf6ee188,>1; dcerpc.opnum:1-2; dcerpc.stub_data; content:"x"; nocase;`},
		{`itype:3<=>5; rem:"why; not"; service:ftp;`, `itype:2<>6;`},
		{`bufferlen:0<=>9; service:ftp;`, `dsize:<10;`},
		// Suricata's own words in the same file stay as they are.
		{`content:"a"; nocase; metadata:x", depth 4;`, `content:"a"; nocase; metadata:x", depth 4;`},
	} {
		r, faults := language.ParseRule("alert tcp any any -> any any ( "+c.rule+" sid:1; )", language.Pos{File: "f", Line: 1, Col: 1}, nil)
		if diff := cmp.Diff(c.want, said(&r)); diff != "" || len(faults) > 0 {
			t.Errorf("%s: faults %v, (-want +got)\n%s", c.rule, faults, diff)
		}
	}
}

// A header may name the service alone, and a rule goes over lines until its parenthesis.
func TestSnort3Header(t *testing.T) {
	text := `alert http
(
    # what this is about (and why
    msg:"one";
    http_uri; content:"a)",nocase; sid:1;
)
block file ( file_data; content:"b",nocase; sid:2; )
alert tcp any any -> any $HTTP_PORTS ( http_uri; content:"c",nocase; service:http; sid:3; )
alert tcp any any -> any $HTTP_PORTS ( content:"d",nocase; service:http; sid:4; )
alert tcp any any -> any 80 (content:"e"; nocase; http_uri; sid:5;)
`
	rules, faults := language.Parse(strings.NewReader(text), "f", nil)
	if len(faults) > 0 || len(rules) != 5 {
		t.Fatalf("%d rules, faults %v", len(rules), faults)
	}
	if rules[0].Proto != "http" || !rules[0].Dst.Ports.Any || rules[0].SID != 1 || rules[0].Line != 1 {
		t.Errorf("service: %+v", rules[0])
	}
	if rules[1].Action != "drop" || rules[1].Proto != "ip" {
		t.Errorf("block file: %s %s", rules[1].Action, rules[1].Proto)
	}
	if !rules[2].Dst.Ports.Any || rules[3].Dst.Ports.Any {
		t.Error("only a rule that sees nothing but HTTP looks at HTTP on any port")
	}
	if got := said(&rules[4]); got != `content:"e"; nocase; http_uri;` {
		t.Errorf("a rule of Suricata's in the same file: %s", got)
	}
}

func TestSnort3Faults(t *testing.T) {
	for _, c := range []struct{ rule, want string }{
		{`content:"a",nocase; js_data; sid:1;`, "f:1:52: sid 1: js_data of Snort 3: Suricata has nothing like it (say it with Suricata's keywords (docs/keywords.md))"},
		{`content:"a",nocase,never; sid:1;`, `f:1:32: sid 1: content of Snort 3: unknown modifier "never" (say it with Suricata's keywords (docs/keywords.md))`},
		{`content:"a",nocase; msg:"b; sid:1;`, `f:1:52: "msg": a quote is not closed`},
		{`http_header:field x-api; content:"a",nocase; sid:1;`, `f:1:32: sid 1: http_header of Snort 3: "field x-api" has no buffer of its own (say it with Suricata's keywords (docs/keywords.md))`},
	} {
		_, faults := language.ParseRule("alert tcp any any -> any any ( "+c.rule+" )", language.Pos{File: "f", Line: 1, Col: 1}, nil)
		if len(faults) == 0 || faults[0].Error() != c.want {
			t.Errorf("%s: got %v\nwant %s", c.rule, faults, c.want)
		}
	}
}
