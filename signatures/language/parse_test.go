package language_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"picket/signatures/language"
)

// one makes a rules file with one rule of the given header.
func one(header string) string { return header + ` (msg:"m"; sid:1;)` }

func TestParseLines(t *testing.T) {
	text := "\xef\xbb\xbf# comment\r\n" +
		"alert tcp any any -> any any (msg:\"a\"; \\\r\n  sid:1;)\r\n" +
		"; also a comment\n" +
		" alert tcp any any -> any any (sid:2;)\n" +
		"#alert tcp any any -> any any \\\n" +
		"alert udp any any -> any 53 (msg:\"b\\\"q\\;\"; sid:3; gid:2; rev:7;)"
	rules, faults := language.Parse(strings.NewReader(text), "f.rules", nil)
	if len(rules) != 2 || rules[0].Line != 2 || rules[1].Line != 7 {
		t.Fatalf("rules: %+v", rules)
	}
	if got := rules[1]; got.SID != 3 || got.GID != 2 || got.Rev != 7 || got.Msg != `b"q;` {
		t.Errorf("sid %d gid %d rev %d msg %q", got.SID, got.GID, got.Rev, got.Msg)
	}
	if len(faults) != 1 || !faults[0].Soft || faults[0].Line != 5 {
		t.Errorf("faults: %v", faults)
	}
}

func TestParseFaults(t *testing.T) {
	for _, c := range []struct{ name, rule, want string }{
		{"action", one("alrt tcp any any -> any any"), `f:1:1: sid 1: unknown action "alrt" (did you mean "alert"?)`},
		{"protocol", one("alert htp any any -> any any"), `f:1:7: sid 1: unknown protocol "htp" (did you mean "http"?)`},
		{"direction", one("alert tcp any any <- any any"), `f:1:19: sid 1: unknown direction "<-" (exchange the sides and write "->")`},
		{"variable", one("alert tcp $HOME_NTE any -> any any"), `f:1:11: sid 1: undefined address variable $HOME_NTE (did you mean "HOME_NET"?)`},
		{"port", one("alert tcp any 1-5 -> any any"), `f:1:15: sid 1: "1-5" is not a port (a range of ports is written with a colon)`},
		{"no sid", `alert tcp any any -> any any (msg:"m";)`, `f:1:1: rule has no sid (add sid:NUMBER; local rules begin at 1000000)`},
		{"two sids", `alert tcp any any -> any any (sid:1; sid:2;)`, `f:1:38: sid 2: sid stands twice in one rule`},
		{"sid", `alert tcp any any -> any any (sid:x;)`, `f:1:35: sid: "x" is not a number from 1 to 4294967294`},
		{"semicolon", `alert tcp any any -> any any (sid:1; content:"a;b"; )`, `f:1:46: sid 1: content: value "\"a" does not end with its quote (write \; for a semicolon inside quotes, and end the option with ;)`},
		{"end", `alert tcp any any -> any any (sid:1; nocase)`, `f:1:38: sid 1: option "nocase" has no terminating semicolon (end every option with ;)`},
		{"header", `alert http any (sid:9;)`, `f:1:16: sid 9: source port is missing (a rule is: action protocol address port -> address port (options))`},
	} {
		_, faults := language.ParseRule(c.rule, language.Pos{File: "f", Line: 1, Col: 1}, nil)
		if len(faults) == 0 || faults[0].Error() != c.want {
			t.Errorf("%s: got %v\nwant %s", c.name, faults, c.want)
		}
	}
}

func TestParseAccepts(t *testing.T) {
	for _, rule := range []string{
		one("alert http1:request_headers any any -> any any"),
		one("REJECTBOTH tcp-pkt any any <> any any"),
		one("alert tcp 10.0.0.0/8,192.168.0.0/16 any => !$HOME_NET [80,443,8000:]"),
		one("alert ip6 [2001:db8::1-2001:db8::ff,!2001:db8::3] any -> any ![1,2]"),
		one("alert\ttcp  any any -> [ $HOME_NET , !10.1.0.0/255.255.0.0 ] any"),
		`alert tcp any any -> any any (content:"a\;b"; pcre:"/x\;/"; sid:1;)`,
	} {
		_, faults := language.ParseRule(rule, language.Pos{File: "f", Line: 1, Col: 1}, nil)
		for _, f := range faults {
			t.Error(f)
		}
	}
}

func TestParseOptions(t *testing.T) {
	r, _ := language.ParseRule(`alert tcp any any -> any any ( Content : "a" ; nocase; sid:1;)`, language.Pos{Col: 1}, nil)
	want := []language.Option{
		{Name: "content", Value: `"a"`, Has: true, Col: 32, ValueCol: 42},
		{Name: "nocase", Col: 48, ValueCol: 54},
		{Name: "sid", Value: "1", Has: true, Col: 56, ValueCol: 60},
	}
	if d := cmp.Diff(want, r.Options); d != "" {
		t.Error(d)
	}
}

func TestParseDuplicates(t *testing.T) {
	text := strings.Join([]string{
		`alert tcp any any -> any any (msg:"old"; sid:1; rev:1;)`,
		`alert tcp any any -> any any (msg:"new"; sid:1; rev:2;)`,
		`alert tcp any any -> any any (msg:"again"; sid:1; rev:2;)`,
		`alert tcp any any -> any any (msg:"other"; gid:2; sid:1;)`,
	}, "\n")
	rules, faults := language.Parse(strings.NewReader(text), "f", nil)
	if len(rules) != 2 || rules[0].Msg != "new" || rules[1].Msg != "other" {
		t.Errorf("rules %+v", rules)
	}
	if len(faults) != 2 || !faults[0].Soft || faults[1].Soft || faults[1].Line != 3 {
		t.Errorf("faults %v", faults)
	}
}

func TestRequires(t *testing.T) {
	vars := language.DefaultVars()
	vars.Lacks = func(kind, name string) bool { return kind == "feature" && name == "geoip" }
	for _, c := range []struct {
		value string
		skip  bool
	}{
		{"version >= 8", false}, {"version >=8.0.6", false}, {"version >= 8.0.7", true}, {"version >= 7 < 8", true},
		{"version >= 7.0.3 < 8 | >= 8.0.1", false}, {"feature geoip", true}, {"feature ja4, version >= 6", false},
		{"moon phase full", true},
	} {
		text := "alert asdf any any -> any any (requires: " + c.value + "; sid:1;)"
		r, faults := language.ParseRule(text, language.Pos{Col: 1}, &vars)
		if r.Skip != c.skip || len(faults) != 1 || faults[0].Soft != c.skip {
			t.Errorf("%s: skip %v, faults %v", c.value, r.Skip, faults)
		}
	}
}

func TestNearest(t *testing.T) {
	list := []string{"content", "pcre", "http.uri", "http.user_agent"}
	for word, want := range map[string]string{"contnet": "content", "htp.uri": "http.uri", "pcer": "pcre", "flow": "", "": ""} {
		if got := language.Nearest(word, list); got != want {
			t.Errorf("Nearest(%q) = %q, want %q", word, got, want)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add(one("alert tcp any any -> any any"))
	f.Add("alert tcp [![!1.2.3.4],$A] !80: -> any any (content:\"\\;\"; requires: version >= 7 < 8 | > 9; sid:1;)\\\n\\\r\n#")
	f.Add("alert ip [::-ffff::] any <> $HOME_NET ![1:2,!3] ((sid:1;;msg:\"\\\")))")
	f.Add("alert http ( http_header:field host; content:\"a;b\",nocase,depth 4,fast_pattern_offset 1,fast_pattern_length 1,fast_pattern;\n sip_method:!x; sid:1; )")
	f.Add("block file\n(\n bufferlen:1<=>2,relative; regex:\"/a/\",nocase; tag:a,b 1; flowbits:set,a&b; stream_size:1; service:http; sid:2; :\"")
	vars := language.DefaultVars()
	vars.Address["A"] = "[$A,$A,$A]"
	f.Fuzz(func(t *testing.T, text string) {
		rules, faults := language.Parse(strings.NewReader(text), "f", &vars)
		for _, r := range rules {
			if r.SID == 0 || r.Action == "" || r.Proto == "" {
				t.Errorf("incomplete rule %+v", r)
			}
		}
		for _, f := range faults {
			if f.Line < 1 || f.Col < 1 || f.Cause == "" {
				t.Errorf("fault without a place: %+v", f)
			}
		}
	})
}
