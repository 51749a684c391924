package expression

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"picket/signatures/pcre"
)

func TestTags(t *testing.T) {
	for _, c := range []struct {
		text, line string
		options    Options
		want       Fields // nil: no match
	}{
		{`from <HOST>$`, "from 192.0.2.1\n", Options{Names: true}, Fields{{"ip4", "192.0.2.1"}}},
		{`from <HOST>$`, "from ::ffff:192.0.2.1\n", Options{Names: true}, Fields{{"ip4", "192.0.2.1"}}},
		{`from <HOST>$`, "from [2001:db8::1]\n", Options{Names: true}, Fields{{"ip6", "2001:db8::1"}}},
		{`from <HOST>$`, "from a.example.com\n", Options{Names: true}, Fields{{"dns", "a.example.com"}}},
		{`from <HOST>$`, "from a.example.com\n", Options{}, nil},
		{`<SUBNET>`, "2001:db8::/32", Options{}, Fields{{"ip6", "2001:db8::"}, {"cidr", "32"}}},
		{`<F-USER>\S*</F-USER> <F-ALT_USER>\S+</F-ALT_USER> <F-ID/>`, " joe x", Options{}, Fields{{"user", "joe"}, {"alt_user", "joe"}, {"fid", "x"}}},
		{`<F-TUPLE_ID>\w</F-TUPLE_ID> <F-ID>\w</F-ID>`, "a b", Options{}, Fields{{"tuple_id", "a"}, {"fid", "b,a"}}},
		{`((?i)bad) <IP4></F-X>`, "BAD 192.0.2.1</F-X>", Options{}, Fields{{"ip4", "192.0.2.1"}}},
		{`^a<SKIPLINES>b <IP4>$`, "a\nx\ny\nb 192.0.2.1\n", Options{Lines: true}, Fields{{"skiplines0", "x\ny\n"}, {"ip4", "192.0.2.1"}}},
	} {
		e, err := Compile(c.text, c.options)
		if err != nil {
			t.Errorf("%s: %v", c.text, err)
			continue
		}
		var m pcre.Matcher
		var got Fields
		if e.Match([]byte(c.line), &m) == pcre.Matched {
			e.Fill(&got, c.line, &m)
		}
		if d := cmp.Diff(c.want, got); d != "" {
			t.Errorf("%s in %q: %s", c.text, c.line, d)
		}
	}
}

func FuzzCompile(f *testing.F) {
	f.Add("from <HOST> <F-USER>x</F-USER><SKIPLINES>", "from 1.2.3.4 x\n")
	f.Fuzz(func(t *testing.T, text, line string) {
		e, err := Compile(text, Options{Names: true})
		if err != nil {
			return
		}
		m := pcre.Matcher{Limit: 1000}
		if e.Match([]byte(line), &m) == pcre.Matched {
			var fields Fields
			e.Fill(&fields, line, &m)
			e.Content([]byte(line), &m)
			e.Skipped([]byte(line), &m)
		}
	})
}
