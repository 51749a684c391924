package dates

import (
	"encoding/json"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"picket/signatures/pcre"
)

// kitClock is the clock of fail2ban's own tests: 2005-08-14 12:00 in central Europe.
func kitClock(tb testing.TB) Clock {
	tb.Helper()
	zone, err := time.LoadLocation("Europe/Zurich")
	if err != nil {
		tb.Skip("no time zone data: ", err)
	}
	return Clock{Now: time.Unix(1124013600, 0), Zone: zone}
}

// fastTemplates are the templates of fastPatterns; compiling them takes longer than all else here.
var fastTemplates = sync.OnceValue(func() (all [][]*Template) {
	for _, p := range fastPatterns {
		templates, err := Parse(p, 2026)
		if err != nil {
			panic(err)
		}
		all = append(all, templates)
	}
	return all
})

func detector(tb testing.TB, pattern string) *Detector {
	tb.Helper()
	for i, p := range fastPatterns {
		if p == pattern {
			return NewDetector(fastTemplates()[i], kitClock(tb))
		}
	}
	templates, err := Parse(pattern, 2026)
	if err != nil {
		tb.Fatal(err)
	}
	return NewDetector(templates, kitClock(tb))
}

func TestFind(t *testing.T) {
	const want = "2005-01-23T20:59:59Z"
	for _, c := range []struct{ pattern, line, date, want string }{
		{"", "Sun Jan 23 21:59:59.011 2005 x", "Sun Jan 23 21:59:59.011 2005", want},
		{"", "Jan 23 21:59:59 host x", "Jan 23 21:59:59", want},
		{"", "2005-01-23T20:59:59.981746Z x", "2005-01-23T20:59:59.981746Z", want},
		{"", "2005/01/23 21:59:59 x", "2005/01/23 21:59:59", want},
		{"", "23/01/2005 21:59:59 x", "23/01/2005 21:59:59", want},
		{"", "1.2.3.4 - - [23/Jan/2005:15:59:59 -0500] x", "23/Jan/2005:15:59:59 -0500", want},
		{"", "050123 21:59:59 x", "050123 21:59:59", want},
		{"", "Jan 23, 2005 9:59:59 PM x", "Jan 23, 2005 9:59:59 PM", want},
		{"", "@4000000041f4104f00000000 x", "@4000000041f4104f00000000", want},
		{"", "1106513999 x", "1106513999", want},
		{"", "[1106513999] x", "1106513999", want},
		{"", "EST Jan 23 15:59:59 x", "EST Jan 23 15:59:59", want},
		{"", "Nov 24 23:46:43 x", "Nov 24 23:46:43", "2004-11-24T22:46:43Z"}, // ahead of now: last year
		{"", "13:00:00 x", "13:00:00", "2005-08-13T11:00:00Z"},               // ahead of now: yesterday
		{"{^LN-BEG}", "x Jan 23 21:59:59 x", "", ""},
		{"", "Feb 30 21:59:59 x", "Feb 30 21:59:59", ""}, // no such day
		{"{LEPOCH}", "1106513999000 x", "1106513999000", want},
		{"^on {DATE}", "on Jan 23 21:59:59 x", "on Jan 23 21:59:59", want},
		{"^on ({DATE})", "on Jan 23 21:59:59 x", "Jan 23 21:59:59", want},
		{"%%%%Y%%m%%d", "x", "", "error"},
		{"%Y-%j", "2005-023 x", "2005-023", "2005-01-22T23:00:00Z"},
		{"", "2005-01-23 21:59:59 utc", "2005-01-23 21:59:59", want}, // %z is in capitals where letters' case is not ignored
		{"", "23/Jan/2005 21:59:59 utc", "23/Jan/2005 21:59:59 utc", ""},
		{"", "Jan 23 21:59:5٩ x", "Jan 23 21:59:5٩", want},
		{"^EPOCH", "98765432109 x", "98765432109", "2262-04-11T23:47:16Z"}, // the last that nanoseconds reach
		{"^%Y-%m-%d", "0005-01-23 x", "0005-01-23", "1677-09-21T00:12:43Z"},
		{"%d/%b/%y:%H %Exz", "23/Jan/05:21 CET", "23/Jan/05:21 CET", "2005-01-23T20:00:00Z"},
	} {
		if c.want == "error" {
			continue
		}
		f, ok := detector(t, c.pattern).Find([]byte(c.line))
		got := ""
		if ok && f.Dated {
			got = time.Unix(0, f.Nanos).UTC().Format(time.RFC3339)
		}
		if d := cmp.Diff([]string{c.date, c.want}, []string{c.line[f.Start:f.End], got}); d != "" {
			t.Errorf("%q with %q: %s", c.line, c.pattern, d)
		}
	}
}

// TestPlaces: a date is looked for first where the last one stood, in characters: what stands before it may be longer in bytes.
func TestPlaces(t *testing.T) {
	d := detector(t, "{EPOCH}")
	for _, line := range []string{"x 1106513999.25463 x", "é 1106513999.25463\t"} {
		if f, _ := d.Find([]byte(line)); line[f.Start:f.End] != "1106513999.25463" {
			t.Errorf("%q: %q is cut out", line, line[f.Start:f.End])
		}
	}
}

// TestSummerTime holds what C's mktime, and so fail2ban, takes hours for that the clock skips or shows twice.
func TestSummerTime(t *testing.T) {
	for zone, want := range map[string]string{
		"2025-03-09 02:29:37 America/New_York":    "2025-03-09T07:29:37Z",
		"2005-03-27 02:30:00 Europe/Zurich":       "2005-03-27T01:30:00Z",
		"2025-10-05 02:10:00 Australia/Lord_Howe": "2025-10-04T15:40:00Z",
		"2025-11-02 01:30:00 America/New_York":    "2025-11-02T05:30:00Z",
		"2025-10-26 02:30:00 Europe/Zurich":       "2025-10-26T00:30:00Z",
		"2025-10-26 03:00:00 Europe/Zurich":       "2025-10-26T02:00:00Z",
		"2025-04-06 01:40:00 Australia/Lord_Howe": "2025-04-05T14:40:00Z",
	} {
		text, name := zone[:19], zone[20:]
		location, err := time.LoadLocation(name)
		if err != nil {
			t.Skip("no time zone data: ", err)
		}
		d := NewDetector(fastTemplates()[0], Clock{Now: time.Unix(1792890000, 0), Zone: location})
		f, _ := d.Find([]byte(text + " x"))
		if got := time.Unix(0, f.Nanos).UTC().Format(time.RFC3339); got != want {
			t.Errorf("%s is %s, want %s", zone, got, want)
		}
	}
}

func TestParseFaults(t *testing.T) {
	for _, pattern := range []string{"%Q", "%", "(", "%H(?P<x>"} {
		if _, err := Parse(pattern, 2026); err == nil {
			t.Errorf("%q is taken", pattern)
		}
	}
}

// plainFind is Find without the fast readers.
func plainFind(d *Detector, line []byte) (Found, bool) {
	for _, c := range d.templates {
		copied := *c.Template
		copied.fast = nil
		c.Template = &copied
	}
	return d.Find(line)
}

var fastPatterns = []string{"{^LN-BEG}", `^[^\[]*\[({DATE})`}

var fastLines = []string{
	"Jan 23 21:59:59 srv x", "Jan  3 21:59:59 srv x", "jan 30 01:02:03", "Jan 23 21:59:59.5 x", "Jan 23 21:59:59 2005 x",
	"Jan 00 21:59:59 x", "Jan 0 21:59:59 x", "Feb 30 21:59:59 x", "Jan 23 21:59:59x", "2005-01-23T21:59:59 x", "2005-01-23 21:59:59,123 x",
	"2005-01-23 21:59:59.123456+02:00 x", "2005-01-23 21:59:59Z", "2005-01-23 21:59:59 UTC x", "2005/01/23 21:59:59 [error]",
	"a [23/Jan/2005:21:59:59 +0100] x", "a [23/Jan/2005:21:59:59 +0100 x", "[32/Jan/2005:21:59:59 +0100]",
}

// checkFast insists that a detector says the same with and without fast readers, for a line and the same again.
func checkFast(t *testing.T, pattern, before, line string) {
	fast, plain := detector(t, pattern), detector(t, pattern)
	for _, l := range []string{before, line, line} {
		f, ok := fast.Find([]byte(l))
		p, plainOK := plainFind(plain, []byte(l))
		if ok != plainOK || f.Start != p.Start || f.End != p.End || f.Nanos != p.Nanos || f.Dated != p.Dated {
			t.Fatalf("%q after %q with %q: fast %v %d-%d %d, plain %v %d-%d %d", l, before, pattern,
				ok, f.Start, f.End, f.Nanos, plainOK, p.Start, p.End, p.Nanos)
		}
	}
}

func TestFast(t *testing.T) {
	for _, pattern := range fastPatterns {
		for _, before := range []string{fastLines[0], fastLines[9], fastLines[15]} {
			for _, line := range fastLines {
				checkFast(t, pattern, before, line)
			}
		}
	}
}

func FuzzFast(f *testing.F) {
	for _, l := range fastLines {
		f.Add(0, l)
		f.Add(1, l)
	}
	f.Fuzz(func(t *testing.T, which int, line string) {
		if len(line) > 200 {
			return
		}
		befores := []string{fastLines[0], fastLines[9], fastLines[15]}
		checkFast(t, fastPatterns[uint(which)%2], befores[uint(which)/2%3], line)
	})
}

func FuzzFind(f *testing.F) {
	for _, l := range fastLines {
		f.Add("", l, l)
	}
	f.Add("{^LN-BEG}%Y-%m-%d %H:%M:%S", "x", "2005-01-01 00:00:00")
	f.Add("{EPOCH}", "x", "1106513999")
	clock := Clock{Now: time.Unix(1124013600, 0), Zone: time.UTC}
	f.Fuzz(func(t *testing.T, pattern, first, second string) {
		templates, err := Parse(pattern, 2026)
		if err != nil {
			return
		}
		d := NewDetector(templates, clock)
		for _, line := range []string{first, second, first} {
			found, _ := d.Find([]byte(line))
			if found.Start < 0 || found.End < found.Start || found.End > len(line) {
				t.Fatalf("date at %d-%d of %d", found.Start, found.End, len(line))
			}
		}
	})
}

func TestNoAllocations(t *testing.T) {
	d := detector(t, "{^LN-BEG}")
	line := []byte("Jan 23 21:59:59 srv sshd[1]: x")
	if n := testing.AllocsPerRun(100, func() { d.Find(line) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func TestAllDefaultsCompile(t *testing.T) {
	all, err := defaultTemplates(2026)
	if err != nil {
		t.Fatal(err)
	}
	if len(all) != 31 {
		t.Errorf("%d templates, want 31: 14 of 17 are tried at the line's beginning first", len(all))
	}
	for _, x := range all {
		if x.Name() == "" || x.re.MinLen() == 0 {
			t.Errorf("%q matches nothing", x.Name())
		}
	}
	var m pcre.Matcher
	if _, ok := all[0].find([]byte("2005-01-23 21:59:59"), 99, 0, &m); !ok {
		t.Error("the first template is not ISO 8601")
	}
}

// TestOffset compares with the kit's table of zones.
func TestOffset(t *testing.T) {
	text, err := os.ReadFile("../../../shared/kits/fail2ban/vectors.json")
	if err != nil {
		t.Skip("the fail2ban kit is not there: ", err)
	}
	var v struct {
		Abbreviations map[string]int `json:"tz_abbr_minutes"`
		Offsets       map[string]int `json:"zone2offset"`
	}
	if err := json.Unmarshal(text, &v); err != nil {
		t.Fatal(err)
	}
	for _, table := range []map[string]int{v.Abbreviations, v.Offsets} {
		for zone, want := range table {
			if got, ok := Offset(zone); !ok || got != want {
				t.Errorf("%q is %d, %v, want %d", zone, got, ok, want)
			}
		}
	}
	for _, zone := range []string{"", "XYZ", "+", "+1", "+99", "UTC+0x"} {
		if got, ok := Offset(zone); ok {
			t.Errorf("%q is %d", zone, got)
		}
	}
}
