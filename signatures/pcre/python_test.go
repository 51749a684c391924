package pcre

import (
	"bytes"
	"encoding/json"
	"math/rand/v2"
	"os/exec"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
)

// pythonSpans returns the offsets of the match and its groups in bytes, nil for no match.
func pythonSpans(re *Regexp, subject string, m *Matcher) []int {
	if re.Match([]byte(subject), 0, m) != Matched {
		return nil
	}
	var all []int
	for g := range re.Groups() + 1 {
		start, end, ok := m.Group(g)
		if !ok {
			start, end = -1, -1
		}
		all = append(all, start, end)
	}
	return all
}

// TestPythonText holds what Python's re (3.11, str patterns) says of text outside ASCII.
func TestPythonText(t *testing.T) {
	for _, c := range []struct {
		pattern, subject string
		want             []int
	}{
		{`\w+`, "-héß_٣²-", []int{1, 11}},
		{`\d+`, "²٣4", []int{2, 5}},
		{`^\s+$`, "\u00a0\u0085\x1c\u2028 \u3000", []int{0, 12}},
		{`\s`, "\x1f", []int{0, 1}},
		{`(?a)\s`, "\x1f\u00a0", nil},
		{`(?a)\w+`, "éa", []int{2, 3}},
		{`^.\b`, "é ", []int{0, 2}},
		{`a\b`, "aé", nil},
		{`(?a)a\b`, "aé", []int{0, 1}},
		{`^.{3}$`, "日本語", []int{0, 9}},
		{`^[^ ]{2} `, "é😀 ", []int{0, 7}},
		{`(?<=é)x`, "éx", []int{2, 3}},
		{`^é?$`, "", []int{0, 0}},
		{`^é+$`, "éé", []int{0, 4}},
		{`^[éè]+`, "èéê", []int{0, 4}},
		{`^[à-ÿ]+`, "çéx", []int{0, 4}},
		{`^[^à-ÿ]+`, "çéx", nil},
		{`^[^\x00-\x7f]+`, "é日x", []int{0, 5}},
		{`^[\u0400-\u04ff]+`, "привет!", []int{0, 12}},
		{`(?i)^[а-я]+$`, "ПРИВЕТ", []int{0, 12}},
		{`(?i)échec`, "ÉCHEC", []int{0, 6}},
		{`(?i)session`, "ſeſſıon", []int{0, 11}},
		{`(?i)[^k]`, "\u212a", nil},
		{`(?ai)k`, "\u212a", nil},
		{`(\w)\1`, "éè", nil},
		{`(\w)\1`, "éé", []int{0, 4, 0, 2}},
		{`\xe9\u00e8`, "éè", []int{0, 4}},
		{`^.$`, "\xe2\x82", []int{0, 2}},    // one U+FFFD
		{`^..$`, "\xf0\x80", []int{0, 2}},   // two
		{`^.x`, "\xed\xa0x", nil},           // a surrogate: two
		{`^\W+x`, "\xff\xfex", []int{0, 3}}, // U+FFFD is no word
		{`(a)|(é)`, "é", []int{0, 2, -1, -1, 0, 2}},
	} {
		re, err := Compile(c.pattern, Python)
		if err != nil {
			t.Errorf("%s: %v", c.pattern, err)
			continue
		}
		if d := cmp.Diff(c.want, pythonSpans(re, c.subject, &Matcher{})); d != "" {
			t.Errorf("%s in %q: %s", c.pattern, c.subject, d)
		}
	}
}

// TestPythonTooMuch wants a pattern refused that names more characters than a page has room for.
func TestPythonTooMuch(t *testing.T) {
	var many strings.Builder
	for r := 'Ѐ'; r < 'Ѐ'+200; r++ {
		many.WriteRune(r)
	}
	if _, err := Compile(many.String(), Python); err == nil || !strings.Contains(err.Error(), "outside ASCII") {
		t.Error(err)
	}
}

// pythonAtoms and pythonChars are what random patterns and subjects are made of.
var (
	pythonAtoms = []string{`\w`, `\W`, `\s`, `\S`, `\d`, `\D`, `\b`, `\B`, `.`, `[^x]`, `[\w.-]`, `[^\s]`, `a`, `k`, `s`, `i`, `S`, `é`, `É`, `[éß]`,
		`[à-ü]`, `[^à-ü]`, `[a-zÀ-Þ]`, `(?i:k)`, `(?i:s)`, `(?i:i)`, `(?i:é)`, `(?i:[a-z])`, `(?i:[^a-z])`, `(?i:[à-ü])`, `(?i:ß)`, `(?a:\w)`,
		`(?a:\s)`, `(?a:\b)`, `(\w+)`, `(.)`, `\1`, `(?<=é)`, `(?<!\w)`, `(?=\s)`, `(?!\d)`, `^`, `$`, ` `, `\xe9`, `\u212a`, `٣`, `ſ`, `ı`, `日`, `[^日]`}
	pythonChars = []rune("aikszxIKS019_-. \t\n\x0b\x1c\x1f\x7féèÉßüÀÿ\u0085\u00a0\u2028\u3000٣²ⅧſKİı日本😀\u0301\ufffd\u200bµμÅåΩΣςdžDž")
	quantifiers = []string{"", "", "", "", "+", "*", "?", "{2}", "+?", "*?"}
)

type pythonCase struct {
	Pattern string `json:"pattern"`
	Subject string `json:"subject"`
}

func inventPython(r *rand.Rand) pythonCase {
	var pattern, subject strings.Builder
	pattern.WriteString([]string{"", "", "", "(?i)", "(?a)", "(?m)", "(?s)"}[r.IntN(7)])
	for range 1 + r.IntN(5) {
		atom := pythonAtoms[r.IntN(len(pythonAtoms))]
		pattern.WriteString(atom)
		if !strings.HasPrefix(atom, "(?<") && !strings.HasPrefix(atom, "(?=") && !strings.HasPrefix(atom, "(?!") && atom != "^" && atom != "$" && !strings.EqualFold(atom, `\b`) {
			pattern.WriteString(quantifiers[r.IntN(len(quantifiers))])
		}
	}
	for range r.IntN(8) {
		subject.WriteRune(pythonChars[r.IntN(len(pythonChars))])
	}
	return pythonCase{pattern.String(), subject.String()}
}

// pythonProgram answers each case with the spans in bytes, [] for no match, null where Python refuses the pattern.
const pythonProgram = `
import json, re, sys
out = []
for c in json.load(sys.stdin):
    s = c["subject"]
    try:
        m = re.compile(c["pattern"]).search(s)
    except re.error:
        out.append(None)
        continue
    spans = []
    for g in range(m.re.groups + 1) if m else []:
        spans += [len(s[:p].encode()) if p >= 0 else -1 for p in m.span(g)]
    out.append(spans)
json.dump(out, sys.stdout)
`

// TestPythonOracle compares with Python's own re.
func TestPythonOracle(t *testing.T) {
	python, err := exec.LookPath("python3")
	if err != nil {
		t.Skip("python3 is not there: ", err)
	}
	r := rand.New(rand.NewPCG(20, 26))
	cases := make([]pythonCase, 5_000)
	for i := range cases {
		cases[i] = inventPython(r)
	}
	in, err := json.Marshal(cases)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(python, "-c", pythonProgram)
	cmd.Stdin = bytes.NewReader(in)
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	var want []*[]int
	if err := json.Unmarshal(out, &want); err != nil {
		t.Fatal(err)
	}
	comparePython(t, cases, want)
}

func comparePython(t *testing.T, cases []pythonCase, want []*[]int) {
	var m Matcher
	compared, matched := 0, 0
	for i, c := range cases {
		re, err := Compile(c.Pattern, Python)
		if want[i] == nil || err != nil { // what is refused here or there is not this test's subject
			continue
		}
		if c.Subject == "" && strings.Contains(c.Pattern, `\B`) { // Python before 3.14 has no \B there; judged texts end in a newline
			continue
		}
		compared++
		got := pythonSpans(re, c.Subject, &m)
		if got != nil {
			matched++
		}
		if d := cmp.Diff(*want[i], got); d != "" && len(*want[i])+len(got) > 0 {
			t.Errorf("%s in %q: Python %v, here %v", c.Pattern, c.Subject, *want[i], got)
		}
	}
	if compared < len(cases)/2 || matched < compared/10 {
		t.Errorf("only %d of %d cases were compared, %d matched", compared, len(cases), matched)
	}
}

// FuzzPython insists that spans lie in the subject, between characters, and that a subject in ASCII is judged alike whether
// or not it is laid out by a page.
func FuzzPython(f *testing.F) {
	f.Add(`(?i)^\w+ é(.)\1`, "é日\xff k")
	f.Add(`[à-ü\u0400-\u04ff]{2}`, "xx")
	f.Fuzz(func(t *testing.T, pattern, subject string) {
		re, err := Compile(pattern, Python)
		if err != nil || len(subject) > 200 {
			return
		}
		m := Matcher{Limit: 1000}
		spans := pythonSpans(re, subject, &m)
		for _, at := range spans {
			if at < -1 || at > len(subject) || utf8.ValidString(subject) && at >= 0 && at < len(subject) && !utf8.RuneStart(subject[at]) {
				t.Fatalf("%s in %q: %v", pattern, subject, spans)
			}
		}
		if paged, err := re.paged(); err != nil {
			t.Fatalf("%s compiles once and then not: %v", pattern, err)
		} else if IsASCII([]byte(subject)) && m.LimitHits == 0 {
			if d := cmp.Diff(spans, pythonSpans(paged, subject, &m)); d != "" && m.LimitHits == 0 {
				t.Fatalf("%s in %q: %s", pattern, subject, d)
			}
		}
	})
}
