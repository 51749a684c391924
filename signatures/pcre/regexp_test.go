package pcre

import (
	"errors"
	"strings"
	"testing"
)

// span matches and renders "start-end" or what else came of it.
func span(t *testing.T, pattern string, flags Flags, subject string, start int) string {
	t.Helper()
	re, err := Compile(pattern, flags)
	if err != nil {
		return "error: " + err.Error()
	}
	var m Matcher
	switch re.Match([]byte(subject), start, &m) {
	case NoMatch, Absent:
		return "no"
	case LimitHit:
		return "limit"
	}
	from, to := m.Span()
	if from > to {
		return "backwards"
	}
	return "[" + subject[from:to] + "]"
}

// TestMatch holds cases whose answers come from PCRE2 10.42.
func TestMatch(t *testing.T) {
	for _, c := range []struct {
		pattern string
		flags   Flags
		subject string
		want    string
	}{
		{"abc", 0, "xabcx", "[abc]"},
		{"abc", Caseless, "xaBCx", "[aBC]"},
		{"a.c", 0, "a\nc", "no"},
		{"a.c", DotAll, "a\nc", "[a\nc]"},
		{"^b", Multiline, "a\nb", "[b]"},
		{"^", Multiline, "a\n", "[]"},
		{"a$", 0, "a\n", "[a]"},
		{"a$", DollarEndOnly, "a\n", "no"},
		{`a\Z`, 0, "a\n", "[a]"},
		{`a\z`, 0, "a\n", "no"},
		{"a+", Ungreedy, "aaa", "[a]"},
		{"a+?", Ungreedy, "aaa", "[aaa]"},
		{"a +  # comment", Extended, "aaa", "[aaa]"},
		{`\xff\x00`, 0, "\xff\x00", "[\xff\x00]"},
		{`[\x80-\xff]+`, 0, "a\xc3\xa9b", "[\xc3\xa9]"},
		{`(a)(b)?\2c|d`, 0, "ac d", "[d]"},
		{`(\w)\1`, 0, "abccd", "[cc]"},
		{`(?i)(\w)\1`, 0, "abcCd", "[cC]"},
		{`(?P<x>a+)-(?P=x)$`, 0, "aaa-aab", "no"},
		{`(?P<x>a+)-(?P=x)$`, 0, "aaa-aaa", "[aaa-aaa]"},
		{`(?<=ab|c)x`, 0, "xabx", "[x]"},
		{`(?<!a)b`, 0, "abcb", "[b]"},
		{`foo(?!bar)`, 0, "foobarfoobaz", "[foo]"},
		{`(?:(?! from ).)*$`, 0, "a from b", "[from b]"},
		{`a(?=bc)\w`, 0, "axabc", "[ab]"},
		{`(?:ab|a){3}b`, 0, "abaabb", "[abaabb]"},
		{`(?:(a)|(b)){2}\1`, 0, "baa", "[baa]"},
		{`(?: (?:port \d+|on \S+)){0,2}?:`, 0, "x port 1 on a:", "[ port 1 on a:]"},
		{`x(?:ab){1,3}?b`, 0, "xababb", "[xababb]"},
		{`(?:(?:(?:ab){3}c){3}d){3}`, 0, strings.Repeat("abababcabababcabababcd", 3), "[" + strings.Repeat("abababcabababcabababcd", 3) + "]"},
		{`(?>a*)ab`, 0, "aab", "no"},
		{`a*+ab`, 0, "aab", "no"},
		{`(?>a+)b`, 0, "aab", "[aab]"},
		{`a\Kb`, 0, "ab", "[b]"},
		{`(?(?=a)ab|cd)`, 0, "cdab", "[cd]"},
		{`(?(?!a)cd|ab)`, 0, "xab", "[ab]"},
		{`(x)?(?(1)y|z)`, 0, "xz", "[z]"},
		{`(?<q>")?a(?(q)")$`, 0, `"a`, "[a]"},
		{`(?|(a)|(b))\1`, 0, "bb", "[bb]"},
		{`\Qa.b*\E+`, 0, "a.b**", "[a.b**]"},
		{`a(?i)b|c`, 0, "C", "[C]"},
		{`(?:(a)|b)*`, 0, "ab", "[ab]"},
		{`(?:a?)*?b`, 0, "aab", "[aab]"},
		{`(?:a|ab)(?:c|bcd)(?:d*)`, 0, "abcd", "[abcd]"},
		{`(a{2}){2,3}`, 0, "aaaaaaa", "[aaaaaa]"},
		{`a{,3}`, 0, "a{,3}", "[a{,3}]"},
		{`a{,3}b`, Python, "aab", "[aab]"},
		{`x\Z`, Python, "x\n", "no"},
		{`(?m)^$`, Python, "a\n", "[]"},
		{`[[:^lower:]]`, Caseless, "A1", "[1]"},
		{`[]a]+`, 0, "]a", "[]a]"},
		{`[^]]+`, 0, "]ab", "[ab]"},
		{`\R`, 0, "a\r\nb", "[\r\n]"},
		{`\h+\v`, 0, "a\t \n", "[\t \n]"},
		{`\101\x{42}\o{103}\cA`, 0, "ABC\x01", "[ABC\x01]"},
		{`(a)\11b`, 0, "a\tb", "[a\tb]"},
		{`\bfoo\b`, 0, "afoo foo", "[foo]"},
		{`(?s).*b`, 0, "aaab\nb", "[aaab\nb]"},
		{`.*b`, 0, "aaa\nb", "[b]"},
		{`(\1a|b)*`, 0, "bba", "[bba]"},
		{`(*FAIL)|a`, 0, "a", "[a]"},
		{`(*LF)a`, 0, "a", "[a]"},
		{`(?=a(b))\1`, 0, "ab", "no"},
		{`(?=(a))\1`, 0, "a", "[a]"},
		{`(?xx)[a b]+`, 0, "a b", "[a]"},
		{`(?^)a`, Caseless, "A", "no"},
		{"(?:)*", 0, "", "[]"},
		{"", 0, "", "[]"},
	} {
		if got := span(t, c.pattern, c.flags, c.subject, 0); got != c.want {
			t.Errorf("/%s/ on %q: %s, want %s", c.pattern, c.subject, got, c.want)
		}
	}
}

func TestMatchFrom(t *testing.T) {
	for _, c := range []struct {
		pattern, subject string
		flags            Flags
		start            int
		want             string
	}{
		{"a", "aXa", 0, 1, "[a]"},
		{"^a", "aa", 0, 1, "no"},
		{`\Ga`, "ba", 0, 1, "[a]"},
		{`\Ga`, "bba", 0, 1, "no"},
		{"a", "bba", Anchored, 1, "no"},
		{`(?<=b)a`, "ba", 0, 1, "[a]"},
		{`\bb`, "ab", 0, 1, "no"},
		{`.*c`, "ab\nc", 0, 1, "[c]"},
		{"", "ab", 0, 2, "[]"},
		{"", "ab", 0, 3, "no"},
	} {
		if got := span(t, c.pattern, c.flags, c.subject, c.start); got != c.want {
			t.Errorf("/%s/ on %q from %d: %s, want %s", c.pattern, c.subject, c.start, got, c.want)
		}
	}
}

// TestRefused names what is not supported, and what is wrong, with the offset.
func TestRefused(t *testing.T) {
	for _, c := range []struct {
		pattern string
		flags   Flags
		want    string
		offset  int
	}{
		{`a\Xb`, 0, `\X`, 1},
		{`\p{L}`, 0, `\p`, 0},
		{`(a)(?1)`, 0, "subroutine", 3},
		{`(?R)`, 0, "recursion", 0},
		{`(?<n>a)\g<n>`, 0, "subroutine", 7},
		{`(?&n)`, 0, "subroutine", 0},
		{`(?C)`, 0, "callout", 0},
		{`a(*SKIP)`, 0, "SKIP", 1},
		{`(*UTF8)a`, 0, "UTF8", 0},
		{`(?J)a`, 0, "(?J", 2},
		{`(?<=a+)b`, 0, "look-behind", 0},
		{`a**`, 0, "quantifier", 2},
		{`^*`, 0, "quantifier", 1},
		{`a{2}{3}`, 0, "quantifier", 4},
		{`a{3,2}`, 0, "out of order", 1},
		{`a{65536}`, 0, "too big", 1},
		{`(`, 0, "closing parenthesis", 0},
		{`)`, 0, "unmatched", 0},
		{`[a`, 0, "terminating ]", 2},
		{`[z-a]`, 0, "out of order", 3},
		{`[\d-z]`, 0, "range", 3},
		{`[[:foo:]]`, 0, "POSIX", 1},
		{`\8`, 0, "non-existent", 0},
		{`(?P=x)`, 0, "non-existent", 0},
		{`\j`, 0, `\j`, 0},
		{`\h`, Python, `\h`, 0},
		{`a\`, 0, "at end", 1},
		{`\x{100}`, 0, "too large", 0},
		{`(?(1)a|b|c)()`, 0, "two branches", 0},
		{strings.Repeat("(", 300) + strings.Repeat(")", 300), 0, "nested", 250},
		{strings.Repeat("a", MaxPattern+1), 0, "too long", MaxPattern},
	} {
		_, err := Compile(c.pattern, c.flags)
		var e *Error
		if !errors.As(err, &e) || !strings.Contains(e.Problem, c.want) || e.Offset != c.offset {
			t.Errorf("%.40q: %v, want %q at %d", c.pattern, err, c.want, c.offset)
		}
	}
}

func TestGroups(t *testing.T) {
	re, err := Compile(`(?P<key>\w+)=(?:"(?<value>[^"]*)"|(\d+))`, 0)
	if err != nil {
		t.Fatal(err)
	}
	var m Matcher
	subject := []byte(`..a=1 b="two"`)
	want := []string{"a:-:1", "b:two:-"}
	start := 0
	for _, w := range want {
		if re.Match(subject, start, &m) != Matched {
			t.Fatalf("no match from %d", start)
		}
		var got []string
		for g := 1; g <= re.Groups(); g++ {
			text := "-"
			if from, to, ok := m.Group(g); ok {
				text = string(subject[from:to])
			}
			got = append(got, text)
		}
		if g := strings.Join(got, ":"); g != w {
			t.Errorf("groups %s, want %s", g, w)
		}
		_, start = m.Span()
	}
	if n, ok := re.GroupNumber("value"); !ok || n != 2 || re.GroupName(1) != "key" {
		t.Errorf("value is group %d, group 1 is %q", n, re.GroupName(1))
	}
	if _, _, ok := m.Group(9); ok {
		t.Error("group 9 exists")
	}
}

func TestNoCaptures(t *testing.T) {
	re, err := Compile(`(a)(b)\1`, NoCaptures)
	if err != nil {
		t.Fatal(err)
	}
	var m Matcher
	if re.Match([]byte("aba"), 0, &m) != Matched {
		t.Fatal("no match")
	}
	if _, _, ok := m.Group(2); ok {
		t.Error("group 2 was recorded")
	}
	if _, _, ok := m.Group(1); !ok {
		t.Error("group 1, which the pattern refers to, was not recorded")
	}
}

func TestRequired(t *testing.T) {
	for _, c := range []struct {
		pattern string
		flags   Flags
		want    string
		nocase  bool
	}{
		{"foo.*barbaz", 0, "barbaz", false},
		{"Foo(?:x|y)b", Caseless, "foo", true},
		{"a|b", 0, "", false},
		{"(?:abc)?de", 0, "de", false},
		{"(?=abcd)x", 0, "", false},
		{"(?:abc){2,}", 0, "abc", false},
	} {
		re, err := Compile(c.pattern, c.flags)
		if err != nil {
			t.Fatal(err)
		}
		if lit, nocase := re.Required(); string(lit) != c.want || nocase != c.nocase {
			t.Errorf("%s: requires %q nocase %v, want %q %v", c.pattern, lit, nocase, c.want, c.nocase)
		}
	}
}

// TestLimits runs patterns that explode. All must end, at the limit or before.
func TestLimits(t *testing.T) {
	long := strings.Repeat("a", 30000) + "!"
	var m Matcher
	for _, pattern := range []string{
		`^(a+)+$`, `^(a|aa)+$`, `(a*)*b`, `(?:a|b|ab)*c`, `(.*)(.*)(.*)(.*)(.*)x$`, `(?=(a+))*\1b`, `((a{1,100}){1,100}){1,100}b`,
		`(?:(?:a?)+)+b`, `(x+x+)+y`, `^(([a-z])+.)+[A-Z]([a-z])+$`, `(?:)+{0}|b`, `(?:(?=a))*+b`, `(((((a)*)*)*)*)*b`,
	} {
		re, err := Compile(pattern, 0)
		if err != nil {
			continue // one is not valid, on purpose
		}
		before := m.LimitHits
		r := re.Match([]byte(long), 0, &m)
		if (r == LimitHit) != (m.LimitHits == before+1) {
			t.Errorf("%s: result %d, counter went from %d to %d", pattern, r, before, m.LimitHits)
		}
		if m.steps > DefaultLimit+maxFrames/8 || cap(m.stack) > 2*maxFrames {
			t.Errorf("%s: %d steps, stack of %d", pattern, m.steps, cap(m.stack))
		}
	}
	m.Limit = 10
	re, _ := Compile(`(?:a|b)*c`, 0)
	if r := re.Match([]byte(long), 0, &m); r != NoMatch && r != Absent && r != LimitHit {
		t.Errorf("result %d at a limit of 10", r)
	}
}

func TestMatchDoesNotAllocate(t *testing.T) {
	re, err := Compile(`(?i)(?:get|post)\s+(\S+?)/(?=x)(?>a+|b)+\1?.*$`, 0)
	if err != nil {
		t.Fatal(err)
	}
	var m Matcher
	subject := []byte("POST /abc/xaaab and more")
	re.Match(subject, 0, &m)
	if n := testing.AllocsPerRun(100, func() { re.Match(subject, 0, &m) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func FuzzCompile(f *testing.F) {
	for _, s := range []string{`a(?i)b|[^\W\d]{2,3}+(?<n>x)\k<n>(?(1)y|z)`, `(?=a|(?<!b))(?>c*)\Qx\E`, `(*F)[[:alpha:]]\R\x{4}`} {
		f.Add(s, uint16(0))
	}
	f.Fuzz(func(t *testing.T, pattern string, flags uint16) {
		re, err := Compile(pattern, Flags(flags))
		if err == nil {
			m := Matcher{Limit: 1000}
			re.Match([]byte("GET /index.html HTTP/1.1\r\n"), 0, &m)
		}
	})
}

func FuzzMatch(f *testing.F) {
	f.Add(`(a|b)*c(?=d)\1`, "abcda", uint16(0), 0)
	f.Add(`(?:a{2,3}?|b+)*+(?<=a)$`, "aaabbb\n", uint16(1), 2)
	var m Matcher
	f.Fuzz(func(t *testing.T, pattern, subject string, flags uint16, start int) {
		re, err := Compile(pattern, Flags(flags))
		if err != nil {
			return
		}
		m.Limit = 2000
		if re.Match([]byte(subject), start, &m) != Matched {
			return
		}
		for g := 0; g <= re.Groups(); g++ {
			from, to, ok := m.Group(g)
			if ok && (from < 0 || to > len(subject) || g > 0 && from > to) {
				t.Fatalf("group %d is %d-%d of %d", g, from, to, len(subject))
			}
		}
		if lit, nocase := re.Required(); lit != nil && !nocase && !strings.Contains(subject, string(lit)) {
			t.Fatalf("matches without the required %q", lit)
		}
	})
}
