package pcre

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestRequiredAny(t *testing.T) {
	for _, c := range []struct{ pattern, want string }{
		{`^(?:Connection (?:closed|reset)|Disconnect(?:ed|ing)) by`, "Connection |Disconnect"},
		{`a+b\s+(?:one|three)`, "one|three"},
		{`(?:one|)x`, "x"},
		{`(?i)User \S+`, "user "},
		{`\d+`, ""},
	} {
		re, err := Compile(c.pattern, Python)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, l := range re.RequiredAny() {
			got = append(got, string(l.Text))
		}
		if d := cmp.Diff(c.want, strings.Join(got, "|")); d != "" {
			t.Errorf("%s: %s", c.pattern, d)
		}
	}
}
