package http1

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// readAll reads a block of fields; "|" separates them, "$" is the end of the block with what is left behind it.
func readAll(block string, response bool) string {
	r := fieldReader{response: response}
	b, out := []byte(block), []string(nil)
	for {
		name, value, _, n, st := r.next(b, nil)
		switch st {
		case readMore:
			return strings.Join(append(out, "..."), "|")
		case readEnd:
			return strings.Join(append(out, fmt.Sprintf("$%q", b[n:])), "|")
		}
		out = append(out, fmt.Sprintf("%q=%q", name, value))
		b = b[n:]
	}
}

// TestFields: the cases are those that browsers and servers disagree about, read as libhtp reads them.
func TestFields(t *testing.T) {
	for _, c := range []struct{ block, request, response string }{
		{"A: 1\r\nB: 2\r\n\r\nrest", `"A"="1"|"B"="2"|$"rest"`, ""},
		{"A: 1\nB: 2\n\nx", `"A"="1"|"B"="2"|$"x"`, ""},
		{"A: V\r\n a\r\n l\r\n\r\n", `"A"="V a l"|$""`, ""},
		{"A: V\r\n\te: 1\r\n\r\n", `"A"="V\te: 1"|$""`, `"A"="V"|"e"="1"|$""`},
		{":v\r\n\r\n", `""="v"|$""`, ""},
		{"no colon\r\nA: 1\r\n\r\n", `""="no colon"|"A"="1"|$""`, ""},
		{"A : 1\r\n\r\n", `"A"="1"|$""`, ""},
		{"A: 1\rB: 2\r\n\r\n", `"A"="1\rB: 2"|$""`, `"A"="1"|"B"="2"|$""`},
		{"A: 1\n\rB: 2\n\r\n", `"A"="1"|"B"="2"|$""`, `"A"="1"|"B"="2"|$""`},
		{"A: a\x00b\r\n\r\n", `"A"="a\x00b"|$""`, ""},
		{"\r\nbody", `$"body"`, ""},
		{"A: 1\r\nB: 2\r", `"A"="1"|...`, ""},
		{"A: 1\r\n", `...`, ""},
	} {
		if c.response == "" {
			c.response = c.request
		}
		if diff := cmp.Diff(c.request, readAll(c.block, false)); diff != "" {
			t.Errorf("request %q: %s", c.block, diff)
		}
		if diff := cmp.Diff(c.response, readAll(c.block, true)); diff != "" {
			t.Errorf("response %q: %s", c.block, diff)
		}
	}
}

func TestHeaders(t *testing.T) {
	var h Headers
	for i := range maxHeaders + 10 {
		h.add([]byte(fmt.Sprint("h", i)), nil)
	}
	if len(h.List) != maxHeaders+1 {
		t.Errorf("%d fields kept", len(h.List))
	}
	h = Headers{}
	for range 1000 {
		h.add([]byte("A"), []byte("v"))
	}
	if n := len(h.Get("a")); n > 3*(maxRepetitions+2) {
		t.Errorf("%d bytes of repetitions", n)
	}
	h.add([]byte("Con\x00tent-Type"), []byte("x"))
	if string(h.Get("content-type")) != "x" {
		t.Error("a NUL hides a field")
	}
	if r := (&Headers{List: []Header{{Name: []byte("content-length"), Value: []byte("5")}}}).add([]byte("Content-Length"), []byte("6")); !r.ambiguousLength {
		t.Error("ambiguous length not seen")
	}
}
