package language_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"picket/signatures/language"
)

func TestParseContent(t *testing.T) {
	for _, c := range []struct {
		value, want string
		negated     bool
	}{
		{`"abc"`, "abc", false}, {`!"abc"`, "abc", true}, {`! "abc"`, "abc", true}, {`"|41 42|c|4344|"`, "ABcCD", false},
		{`"a\"b\;c\\d\:e"`, `a"b;c\d:e`, false}, {`"|41,42|"`, "AB", false}, {"\"\xff|00|\"", "\xff\x00", false},
	} {
		got, err := language.ParseContent(c.value)
		if err != nil || string(got.Bytes) != c.want || got.Negated != c.negated {
			t.Errorf("%s = %q %v, %v", c.value, got.Bytes, got.Negated, err)
		}
	}
	for _, value := range []string{
		"", `abc`, `""`, `"abc`, `"|4|"`, `"|41"`, `"|4g|"`, `"a\b"`, `"a"b"`, `"a\"`, `"||"`, `!`, `"`, `"|22 2 22|"`,
	} {
		if got, err := language.ParseContent(value); err == nil {
			t.Errorf("%s gives %q", value, got.Bytes)
		}
	}
}

func TestParsePcreValue(t *testing.T) {
	for _, c := range []struct {
		value string
		want  language.Pcre
	}{
		{`"/a/b/Ui"`, language.Pcre{Pattern: "a/b", Flags: "Ui"}},
		{`!"/a/"`, language.Pcre{Pattern: "a", Negated: true}},
		{`"/(.*)/R,flow:x, pkt:y"`, language.Pcre{Pattern: "(.*)", Flags: "R", Capture: []string{"flow:x", "pkt:y"}}},
		{`"/a,b/"`, language.Pcre{Pattern: "a,b"}},
	} {
		got, err := language.ParsePcreValue(c.value)
		if err != nil {
			t.Errorf("%s: %v", c.value, err)
		} else if d := cmp.Diff(c.want, got); d != "" {
			t.Errorf("%s: %s", c.value, d)
		}
	}
	for _, value := range []string{"", `"a"`, `"/a"`, `"/"`, `"a/"`} {
		if got, err := language.ParsePcreValue(value); err == nil {
			t.Errorf("%s gives %+v", value, got)
		}
	}
}

func TestParseNumber(t *testing.T) {
	for _, c := range []struct {
		value   string
		bits    int
		yes, no []uint64
	}{
		{"5", 8, []uint64{5}, []uint64{4, 6}},
		{"=0x10", 8, []uint64{16}, []uint64{10}},
		{"!5", 8, []uint64{4}, []uint64{5}},
		{"!= 5", 8, []uint64{4}, []uint64{5}},
		{"<5", 8, []uint64{0, 4}, []uint64{5}},
		{"<= 5", 8, []uint64{5}, []uint64{6}},
		{">5", 8, []uint64{6}, []uint64{5}},
		{">=5", 8, []uint64{5}, []uint64{4}},
		{"5-10", 16, []uint64{6, 9}, []uint64{5, 10}},
		{"5 <> 10", 16, []uint64{6, 9}, []uint64{5, 10}},
		{"!5-10", 16, []uint64{5, 10}, []uint64{6, 9}},
		{"&0xf0=0x10", 8, []uint64{0x1f}, []uint64{0x2f}},
		{"& 0xf0 != 0", 8, []uint64{0x1f}, []uint64{0x0f}},
		{">1kb", 32, []uint64{1025}, []uint64{1024}},
		{"1 MiB", 32, []uint64{1 << 20}, []uint64{1}},
		{"18446744073709551615", 64, []uint64{1<<64 - 1}, []uint64{0}},
	} {
		n, err := language.ParseNumber(c.value, c.bits)
		if err != nil {
			t.Errorf("%s: %v", c.value, err)
			continue
		}
		for _, v := range c.yes {
			if !n.Match(v) {
				t.Errorf("%s (%s) does not match %d", c.value, n, v)
			}
		}
		for _, v := range c.no {
			if n.Match(v) {
				t.Errorf("%s (%s) matches %d", c.value, n, v)
			}
		}
	}
	for _, value := range []string{"", "x", "256", "<0", ">255", ">=0", "<=255", "5-6", "6-5", "5-", "-5", "1zb", "&1", "0x", "=", "5 6", "0xg"} {
		if n, err := language.ParseNumber(value, 8); err == nil {
			t.Errorf("%q gives %s", value, n)
		}
	}
}

func TestParseNumberVariants(t *testing.T) {
	n, err := language.ParseNumberInclusive("5-10", 8)
	if err != nil || !n.Match(5) || !n.Match(10) || n.Match(4) || n.Match(11) {
		t.Errorf("inclusive: %v %v", n, err)
	}
	if n, err = language.ParseNumberInclusive("!0-10", 8); err != nil || n.Match(0) || !n.Match(11) {
		t.Errorf("inclusive from 0: %v %v", n, err)
	}
	names := func(s string) (uint64, bool) { return 7, s == "text" }
	if n, err = language.ParseNumberOrName("!Text", 8, names); err != nil || n.Match(7) || !n.Match(8) {
		t.Errorf("name: %v %v", n, err)
	}
	if _, err = language.ParseNumberOrName("tuxt", 8, names); err == nil {
		t.Error("unknown name is taken")
	}
}

func TestSplitArgs(t *testing.T) {
	want := []string{"a", `b "c,d"`, "", `e\,f`}
	if d := cmp.Diff(want, language.SplitArgs(` a,b "c,d",, e\,f `)); d != "" {
		t.Error(d)
	}
	if language.SplitArgs(" ") != nil {
		t.Error("blanks give arguments")
	}
}

func TestParseThresholds(t *testing.T) {
	text := strings.Join([]string{
		"# comment",
		"threshold gen_id 1, sig_id 2, type limit, track by_src, count 1, seconds 60",
		"event_filter gen_id 1,sig_id 0, type both, track by_flow, \\",
		"  count 3, seconds 5",
		"rate_filter gen_id 1, sig_id 3, track by_rule, count 2, seconds 60, new_action drop, timeout 10",
		"suppress gen_id 1, sig_id 4",
		"suppress gen_id 1, sig_id 4, track by_either, ip [10.0.0.0/8,!10.1.0.0/16]",
	}, "\n")
	list, faults := language.ParseThresholds(strings.NewReader(text), "t", nil)
	if len(faults) != 0 {
		t.Fatal(faults)
	}
	want := []language.Filter{
		{Kind: language.Threshold, GID: 1, SID: 2, Count: 1, Seconds: 60},
		{Kind: language.Threshold, GID: 1, Type: language.Once, Track: language.ByFlow, Count: 3, Seconds: 5},
		{Kind: language.RateFilter, GID: 1, SID: 3, Track: language.ByRule, Count: 2, Seconds: 60, Timeout: 10, NewAction: "drop"},
		{Kind: language.Suppress, GID: 1, SID: 4},
		{Kind: language.Suppress, GID: 1, SID: 4, Track: language.ByEither},
	}
	if d := cmp.Diff(want, list, cmpopts.IgnoreFields(language.Filter{}, "Pos", "Addrs")); d != "" {
		t.Error(d)
	}
	if !list[3].Addrs.Any || list[4].Addrs.Any || list[2].Line != 5 {
		t.Errorf("addresses or lines: %+v", list)
	}
}

func TestParseThresholdFaults(t *testing.T) {
	for line, want := range map[string]string{
		"threshhold gen_id 1, sig_id 2":                                                                `t:1:1: unknown threshold line "threshhold" (did you mean "threshold"?)`,
		"threshold gen_id 1, type limit, track by_src, count 1, seconds 60":                            "t:1:1: field sig_id is missing",
		"threshold gen_id 0, sig_id 2, type limit, track by_src, count 1, seconds 60":                  "t:1:1: sid 2: gen_id 0 with a sig_id (gen_id 1 is that of common rules)",
		"suppress gen_id 1, sig_id 2, track by_src, ip $NONE":                                          "t:1:1: sid 2: undefined address variable $NONE",
		"suppress gen_id 1, sig_id 2, track by_src":                                                    "t:1:1: sid 2: suppress needs track and ip together (write track by_src, by_dst or by_either and ip ADDRESS)",
		"threshold gen_id 1, sig_id 2, type limit, type both, track by_src, count 1":                   "t:1:1: sid 2: field type stands twice",
		"rate_filter gen_id 1, sig_id 3, track by_src, count 0, seconds 1, new_action drop, timeout 1": "t:1:1: sid 3: count and seconds must not be 0",
	} {
		_, faults := language.ParseThresholds(strings.NewReader(line), "t", nil)
		if len(faults) != 1 || faults[0].Error() != want {
			t.Errorf("%s: got %v\nwant %s", line, faults, want)
		}
	}
	if _, err := language.ParseThreshold("type backoff, track by_flow, count 1, multiplier 10"); err != nil {
		t.Error(err)
	}
	if _, err := language.ParseDetectionFilter("track by_src, count 30, seconds 60"); err != nil {
		t.Error(err)
	}
	if _, err := language.ParseThreshold("type limit, track by_src, count 0, seconds 60"); err == nil {
		t.Error("a rule's threshold counts to 0")
	}
	if _, err := language.ParseThreshold("gen_id 1, type limit, track by_src, count 1, seconds 60"); err == nil {
		t.Error("a rule's option takes gen_id")
	}
}

func TestParseTables(t *testing.T) {
	classes, faults := language.ParseClassification(strings.NewReader("config classification: A-b,Some, text, 2\n#x\nconfig clas\nconfig classification: c,d,e"), "c")
	if d := cmp.Diff([]language.Class{{Name: "a-b", Description: "Some, text", Priority: 2}}, classes); d != "" || len(faults) != 2 {
		t.Errorf("%s %v", d, faults)
	}
	refs, faults := language.ParseReferences(strings.NewReader("config reference: CVE\t http://x=\nconfig reference: cve http://y\nreference: z u"), "r")
	if d := cmp.Diff([]language.ReferenceSystem{{Name: "cve", URL: "http://x="}}, refs); d != "" || len(faults) != 1 {
		t.Errorf("%s %v", d, faults)
	}
	for _, c := range [][3]string{{"url", "a.org", "https://a.org"}, {"URL", "http://a.org", "http://a.org"}, {"md5", "7", "http://www.threatexpert.com/report.aspx?md5=7"}, {"x", "y", "x,y"}} {
		if got := language.ReferenceURL(language.DefaultReferences(), c[0], c[1]); got != c[2] {
			t.Errorf("reference %s,%s is %s, want %s", c[0], c[1], got, c[2])
		}
	}
	if len(language.DefaultClasses()) < 40 || len(language.DefaultReferences()) < 15 {
		t.Error("built-in tables are short")
	}
}

func FuzzContent(f *testing.F) {
	for _, s := range []string{`!"|41 42|a\;"`, `"/a/b/Ui,flow:x"`, `"|`, `"\\"`, `//i`} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, value string) {
		c, err := language.ParseContent(value)
		if err == nil && (len(c.Bytes) == 0 || len(c.Bytes) > len(value)) {
			t.Errorf("%q gives %d bytes", value, len(c.Bytes))
		}
		if p, err := language.ParsePcreValue(value); err == nil && len(p.Pattern) > len(value)-2 { // "//" may be empty, as for Suricata
			t.Errorf("%q gives %q", value, p.Pattern)
		}
		language.SplitArgs(value)
	})
}

func FuzzNumber(f *testing.F) {
	for _, s := range []string{"5", "!5-10", "&0xf0=0x10", ">1kb", "<>", "99999999999999999999gb"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, value string) {
		n, err := language.ParseNumber(value, 16)
		if err != nil {
			return
		}
		again, err := language.ParseNumber(n.String(), 16)
		if err != nil || again != n {
			t.Errorf("%q is %s and then %s, %v", value, n, again, err)
		}
	})
}

func FuzzThreshold(f *testing.F) {
	f.Add("suppress gen_id 1, sig_id 4, track by_either, ip [10.0.0.0/8,!10.1.0.0/16]")
	f.Add("rate_filter gen_id 1, sig_id 3, track by_rule, count 2, seconds 60, new_action drop, timeout 10")
	f.Add("config classification: a,b,1\\\nconfig reference: c d")
	f.Fuzz(func(t *testing.T, text string) {
		list, _ := language.ParseThresholds(strings.NewReader(text), "t", nil)
		for _, f := range list {
			if f.Kind == language.RateFilter && f.Count == 0 {
				t.Errorf("%+v", f)
			}
		}
		language.ParseClassification(strings.NewReader(text), "c")
		language.ParseReferences(strings.NewReader(text), "r")
	})
}
