package transform

import (
	"bytes"
	"compress/gzip"
	"compress/zlib"
	"strings"
	"testing"
)

func TestApply(t *testing.T) {
	for _, c := range []struct{ name, arg, src, want string }{
		{"dotprefix", "", "a.com", ".a.com"},
		{"dotprefix", "", "", ""},
		{"strip_whitespace", "", " a\t\v b\r\n", "ab"},
		{"compress_whitespace", "", "a \t b\n\nc ", "a b\nc "},
		{"to_lowercase", "", "AbC\xC4", "abc\xC4"},
		{"to_uppercase", "", "AbC\xE4", "ABC\xE4"},
		{"to_md5", "", "abc", "\x90\x01\x50\x98\x3c\xd2\x4f\xb0\xd6\x96\x3f\x7d\x28\xe1\x7f\x72"},
		{"url_decode", "", "Suricata%20is+%27%61wesome%21%27%25%30%30%ZZ%4", "Suricata is 'awesome!'%00%ZZ%4"},
		{"url_decode", "", "%%41%+%4+%", "%%41%+%4+%"},
		{"header_lowercase", "", "Host: A:B\r\nX-Y: Z", "host: A:B\r\nx-y: Z"},
		{"strip_pseudo_headers", "", ":method: GET\r\nhost: a\r\n:x\n", "host: a\r\n"},
		{"domain", "", "www.example.co.uk", "example.co.uk"},
		{"domain", "", "example.com.", "example.com."},
		{"domain", "", "com", ""},
		{"domain", "", "..", ""},
		{"tld", "", "www.example.co.uk", "co.uk"},
		{"tld", "", "uk", ""},
		{"xor", "0a0DC8ff", "example.com", "ou\xa9\x92za\xad\xd1ib\xa5"},
		{"xor", `offset   1,  extract 1 0`, "\x20HELLO", "\x20hello"},
		{"xor", `"20"`, "HELLO", "hello"},
		{"xor", "extract 1 200", "HELLO", "HELLO"},
		{"xor", "offset 9,20", "HELLO", "HELLO"},
		{"subslice", "1,4", "abcdefg", "bcde"},
		{"subslice", "-3", "abcdefg", "efg"},
		{"subslice", "0,-3", "abcdefg", "abcd"},
		{"subslice", "2,30", "abcdefg", ""},
		{"subslice", "2,30,truncate", "abcdefg", "cdefg"},
		{"subslice", "6,-4", "abcdefg", "def"},
		{"subslice", "-20, 5, TRUNCATE", "abcdefg", "abcde"},
		{"from_base64", "", "Zm9vYmFy", "foobar"},
		{"from_base64", "offset 6, mode rfc2045", "/?arg=Zm 9v Ym Fy", "foobar"},
		{"from_base64", "offset 6, mode rfc4648", "/?arg=Zm 9v Ym Fy", "f"},
		{"from_base64", "offset 6, mode strict", "/?arg=Zm 9v Ym Fy", "FAILED"},
		{"from_base64", "mode strict", "Zm9vYg==", "foob"},
		{"from_base64", "mode strict", "Zm9v\n", "FAILED"},
		{"from_base64", "bytes 6, offset 6", "/?arg=dGhpc2lzYXRlc3QK", "this"},
		{"from_base64", "offset 60", "Zm9v", "Zm9v"},
		{"from_base64", "", "!", "FAILED"},
		{"from_base64", "", "Z===", "FAILED"},
		{"pcrexform", `[a-zA-Z]+\s+(.*)\s+HTTP`, "GET /x HTTP/1.1", "/x"},
		{"pcrexform", `(x)|y`, "y", "FAILED"},
		{"gunzip", "", "not gzip", ""},
		{"gunzip", "", zipped("hello hello"), "hello hello"},
		{"gunzip", "max-size 8", zipped("hello hello"), "hello he"},
		{"gunzip", "max-size=1KiB", zipped(strings.Repeat("a", 5000)), strings.Repeat("a", 1024)},
		{"zlib_deflate", "", deflated("hello hello"), "hello hello"},
		{"zlib_deflate", "", "x", ""},
	} {
		tr, err := Parse(c.name, c.arg)
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		var sc Scratch
		for range 2 { // the second time with a used scratch
			out, ok := tr.Apply([]byte("before "), []byte(c.src), &sc)
			got := strings.TrimPrefix(string(out), "before ")
			if !ok {
				got = "FAILED"
			}
			if got != c.want {
				t.Errorf("%s of %q: %q, want %q", tr.ID(), c.src, got, c.want)
			}
		}
	}
}

func zipped(text string) string {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	_, _ = w.Write([]byte(text))
	_ = w.Close()
	return b.String()
}

func deflated(text string) string {
	var b bytes.Buffer
	w := zlib.NewWriter(&b)
	_, _ = w.Write([]byte(text))
	_ = w.Close()
	return b.String()
}

func TestRefusedArguments(t *testing.T) {
	for _, c := range []struct{ name, arg string }{
		{"nosuch", ""}, {"dotprefix", "x"}, {"luaxform", "x.lua"},
		{"xor", ""}, {"xor", "abc"}, {"xor", "zz"}, {"xor", "offset abc,\"xor_key\""}, {"xor", "offset ,42"}, {"xor", "offset 1"},
		{"xor", "extract 0 0"}, {"xor", "extract 256 0"}, {"xor", "extract 1"}, {"xor", strings.Repeat("00", 256)},
		{"subslice", ""}, {"subslice", "f, y"}, {"subslice", "1,0"}, {"subslice", "1 1"}, {"subslice", "1,2,3"},
		{"from_base64", "mode x"}, {"from_base64", "offset 70000"}, {"from_base64", "bytes var"}, {"from_base64", "offset 1, offset 2"},
		{"from_base64", "what 1"},
		{"gunzip", "max-size 0"}, {"gunzip", "max-size x"}, {"gunzip", "min-size 1"}, {"gunzip", "max-size 4gb"},
		{"pcrexform", "nogroup"}, {"pcrexform", "(a)(b)"}, {"pcrexform", "("}, {"pcrexform", ""},
	} {
		if _, err := Parse(c.name, c.arg); err == nil || !strings.HasPrefix(err.Error(), c.name+": ") {
			t.Errorf("%s:%s; error %v", c.name, c.arg, err)
		}
	}
}

func TestApplyDoesNotAllocate(t *testing.T) {
	var sc Scratch
	dst := make([]byte, 0, 4096)
	src := []byte(zipped("www.example.co.uk"))
	for name, arg := range map[string]string{
		"dotprefix": "", "to_sha256": "", "gunzip": "", "from_base64": "", "pcrexform": "(.)", "url_decode": "", "xor": "01",
	} {
		tr, err := Parse(name, arg)
		if err != nil {
			t.Fatal(err)
		}
		tr.Apply(dst, src, &sc)
		if n := testing.AllocsPerRun(50, func() { tr.Apply(dst, src, &sc) }); n != 0 {
			t.Errorf("%s: %v allocations", name, n)
		}
	}
}

func FuzzApply(f *testing.F) {
	f.Add("url_decode", "", []byte("a%41+%"))
	f.Add("from_base64", "mode rfc2045", []byte("Zm 9v="))
	f.Add("subslice", "-3,2,truncate", []byte("abcdef"))
	f.Add("xor", "offset 1,extract 1 0", []byte("abcdef"))
	f.Add("gunzip", "", []byte(zipped("abc")))
	f.Fuzz(func(t *testing.T, name, arg string, src []byte) {
		tr, err := Parse(name, arg)
		if err != nil {
			return
		}
		var sc Scratch
		out, _ := tr.Apply(nil, src, &sc)
		if limit := len(src) + 64; len(out) > limit && name != "gunzip" && name != "zlib_deflate" {
			t.Fatalf("%d bytes became %d", len(src), len(out))
		}
	})
}
