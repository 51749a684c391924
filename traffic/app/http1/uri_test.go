package http1

import "testing"

func TestNormalURI(t *testing.T) {
	for _, c := range []struct{ raw, want string }{
		{"/", "/"},
		{"/a/b?x=1", "/a/b?x=1"},
		{"/a%20b", "/a b"},
		{"/a//b///c", "/a/b/c"},
		{`/a\b`, "/a/b"},
		{"/a%2fb%5cc", "/a/b/c"},
		{"/a/./b", "/a/b"},
		{"/a/../b", "/b"},
		{"/../../etc/passwd", "/etc/passwd"},
		{"/a/b/..", "/a/"},
		{"/a/.", "/a/"},
		{"/%2e%2e/x", "/x"},
		{"/a?b=c+d", "/a?b=c+d"},
		{"/a?b=%41%2b", "/a?b=A+"},
		{"/%u0041", "/A"},
		{"/%uff21", "/A"},
		{"/%zz%4", "/%zz%4"},
		{"/%25%34%31", "/%41"},
		{"/\xc3\xa9", "/\xe9"},
		{"/\xc0\xaf", "//"}, // separators are compressed before characters are mapped
		{"/\xff", "/\xff"},
		{"http://user:pw@Host.Example:8080/p?q#f", "/p?q#f"},
		{"http://h", ""},
		{"*", "*"},
		{"/a#frag%20x", "/a#frag x"},
	} {
		d := idsPersonality()
		got, _ := d.normalURI(splitTarget([]byte(c.raw)))
		if string(got) != c.want {
			t.Errorf("%q: %q, want %q", c.raw, got, c.want)
		}
	}
}

func TestDoubleDecode(t *testing.T) {
	d := idsPersonality()
	d.doublePath, d.doubleQuery = true, true
	got, double := d.normalURI(splitTarget([]byte("/%2541?%2542")))
	if string(got) != "/A?B" || !double {
		t.Errorf("%q %v", got, double)
	}
}

func TestTarget(t *testing.T) {
	g := splitTarget([]byte("http://user:pw@Host.Example:8080/p?q#f"))
	for _, c := range []struct {
		name string
		got  []byte
		want string
	}{
		{"scheme", g.Scheme, "http"}, {"host", g.Host, "Host.Example"}, {"port", g.Port, "8080"},
		{"path", g.Path, "/p"}, {"query", g.Query, "q"}, {"fragment", g.Fragment, "f"},
	} {
		if string(c.got) != c.want {
			t.Errorf("%s: %q, want %q", c.name, c.got, c.want)
		}
	}
}

func TestHostPort(t *testing.T) {
	for _, c := range []struct {
		in, host, port string
		valid, ok      bool
	}{
		{"example.com", "example.com", "", true, true},
		{"example.com:80", "example.com", "80", true, true},
		{"example.com:0", "example.com", "0", false, true},
		{"example.com:99999", "example.com", "99999", false, true},
		{"[::1]:8080", "[::1]", "8080", true, true},
		{"[::1]xx", "[::1]", "", false, true},
		{"a..b", "a..b", "", false, true},
		{"under_score-1.example", "under_score-1.example", "", true, true},
		{"", "", "", false, false},
		{"/x", "", "", false, false},
	} {
		host, port, valid, ok := hostPort([]byte(c.in))
		if string(host) != c.host || string(port) != c.port || valid != c.valid || ok != c.ok {
			t.Errorf("%q: %q %q %v %v", c.in, host, port, valid, ok)
		}
	}
}

func TestNumbers(t *testing.T) {
	for _, c := range []struct {
		in string
		n  uint64
		ok bool
	}{{"12", 12, true}, {" 7 ", 7, true}, {"x5y", 5, true}, {"", 0, false}, {"-3", 3, true}, {"18446744073709551616", 0, false}} {
		if n, ok := contentLength([]byte(c.in)); n != c.n || ok != c.ok {
			t.Errorf("length %q: %d %v", c.in, n, ok)
		}
	}
	for _, c := range []struct {
		in  string
		n   uint64
		ext bool
		ok  bool
	}{
		{"a\r\n", 10, false, true}, {"\r\n 1F;x=y\r\n", 31, true, true}, {"g\r\n", 0, false, false},
		{"00000000000000005\r\n", 5, false, true}, {"80000000\r\n", 0, false, false}, {"0\n", 0, false, true},
	} {
		if n, ext, ok := chunkLength([]byte(c.in)); n != c.n || ext != c.ext || ok != c.ok {
			t.Errorf("chunk %q: %d %v %v", c.in, n, ext, ok)
		}
	}
	for in, want := range map[string]version{"HTTP/1.1": version11, "http / 01.0 ": version10, "HTTP/.9": version09,
		"HTTP/2.0": versionInvalid, "HTTP/1.1x": versionInvalid, "": versionInvalid} {
		if got := protocolVersion([]byte(in)); got != want {
			t.Errorf("version %q: %d", in, got)
		}
	}
	for in, want := range map[string]int{"200": 200, "2xx": 0, "99": 0, "1000": 0, "": 0} {
		if got := statusNumber([]byte(in)); got != want {
			t.Errorf("status %q: %d", in, got)
		}
	}
}

func TestRequestLine(t *testing.T) {
	for _, c := range []struct{ line, method, uri, protocol, event string }{
		{"GET / HTTP/1.1", "GET", "/", "HTTP/1.1", ""},
		{"  GET / HTTP/1.1", "GET", "/", "HTTP/1.1", "request_line_leading_whitespace"},
		{"GET\t/\tHTTP/1.1", "GET", "/", "HTTP/1.1", "method_delim_non_compliant"},
		{"GET  /a b c HTTP/1.1", "GET", "/a", "b c HTTP/1.1", ""},
		{"GET /x", "GET", "/x", "", ""},
		{"JUNK", "JUNK", "", "", "request_line_invalid"},
	} {
		r := parseRequestLine([]byte(c.line))
		if string(r.method) != c.method || string(r.uri) != c.uri || string(r.protocol) != c.protocol || r.events[0] != c.event {
			t.Errorf("%q: %q %q %q %q", c.line, r.method, r.uri, r.protocol, r.events)
		}
	}
}
