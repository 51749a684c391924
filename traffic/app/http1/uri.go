package http1

import "bytes"

// splitTarget splits "scheme://user@host:port/path?query#fragment". An authority is looked for only behind a
// scheme, and a scheme only when the target doesn't begin with '/'.
func splitTarget(b []byte) (t Target) {
	if i := bytes.IndexByte(b, ':'); i >= 0 && b[0] != '/' {
		t.Scheme, b = b[:i], b[i+1:]
		b = skipCredentials(b)
		var host []byte
		if host, b = splitHost(b); host != nil {
			t.Host = host
			t.Port, b = takePort(b)
		}
	}
	if n := notIn(b, "#?"); n > 0 {
		t.Path, b = b[:n], b[n:]
	}
	if len(b) > 0 && b[0] == '?' {
		n := notIn(b, "#")
		t.Query, b = b[1:n:n], b[n:]
	}
	if len(b) > 0 && b[0] == '#' {
		t.Fragment = b[1:]
	}
	return t
}

func splitHost(b []byte) (host, rest []byte) {
	host, rest = takeHost(b)
	if len(host) == 0 {
		return nil, b
	}
	return host, rest
}

// skipCredentials skips "//user:password@".
func skipCredentials(b []byte) []byte {
	if !bytes.HasPrefix(b, []byte("//")) || len(b) > 2 && b[2] == '/' {
		return b
	}
	if i := bytes.IndexByte(b[2:], '@'); i >= 0 {
		return b[2+i+1:]
	}
	return b
}

// decoder holds the URI choices of a server's personality; libhtp.default-config's keys set them.
type decoder struct {
	backslash   bool // '\' separates path segments
	separators  bool // %2f and %5c are decoded in a path
	compress    bool // "//" becomes "/"
	percentU    bool // %uXXXX is decoded
	bestFit     bool // UTF-8 becomes single bytes
	lowercase   bool
	plusSpace   bool // '+' in a query is a space
	rawNUL      bool // a NUL ends the path
	doublePath  bool
	doubleQuery bool
	includeAll  bool // http.uri starts with scheme and host when they were in the target
}

// idsPersonality is Suricata's default.
func idsPersonality() decoder {
	return decoder{backslash: true, separators: true, compress: true, percentU: true, bestFit: true}
}

// normalPath appends the decoded path to dst: escapes undone once, separators unified and compressed, UTF-8
// mapped to single bytes, dot segments removed (RFC 3986 5.2.4).
func (d *decoder) normalPath(dst, path []byte) []byte {
	start := len(dst)
	previous := byte(0)
	for i := 0; i < len(path); {
		c, n, decoded := d.escape(path[i:], true)
		i += n
		if c == 0 && !decoded && d.rawNUL {
			break
		}
		c = d.pathByte(c)
		if c == '/' && previous == '/' && d.compress {
			continue
		}
		previous = c
		dst = append(dst, c)
	}
	if d.bestFit {
		dst = dst[:start+len(bestFit(dst[start:]))]
	}
	return dst[:start+len(removeDots(dst[start:]))]
}

func (d *decoder) pathByte(c byte) byte {
	if c == '\\' && d.backslash {
		return '/'
	}
	if d.lowercase {
		return lower(c)
	}
	return c
}

// decode appends b with its escapes undone once.
func (d *decoder) decode(dst, b []byte) []byte {
	for i := 0; i < len(b); {
		if b[i] == '+' && d.plusSpace {
			dst = append(dst, ' ')
			i++
			continue
		}
		c, n, _ := d.escape(b[i:], false)
		dst = append(dst, c)
		i += n
	}
	return dst
}

// escape reads one byte, escaped or not, from b (not empty). Invalid escapes stay as they are.
func (d *decoder) escape(b []byte, path bool) (c byte, n int, decoded bool) {
	if b[0] != '%' || len(b) < 3 {
		return b[0], 1, false
	}
	if (b[1] == 'u' || b[1] == 'U') && d.percentU && len(b) >= 6 {
		if v, ok := hex4(b[2:6]); ok {
			return d.separator(fit(v), path, 6)
		}
	}
	hi, lo := hexValue(b[1]), hexValue(b[2])
	if hi < 0 || lo < 0 {
		return b[0], 1, false
	}
	return d.separator(byte(hi<<4|lo), path, 3)
}

// separator keeps an encoded separator encoded when the server would.
func (d *decoder) separator(c byte, path bool, n int) (byte, int, bool) {
	if path && !d.separators && (c == '/' || c == '\\' && d.backslash) {
		return '%', 1, false
	}
	return c, n, true
}

func hex4(b []byte) (v rune, ok bool) {
	for _, c := range b[:4] {
		h := hexValue(c)
		if h < 0 {
			return 0, false
		}
		v = v<<4 | rune(h)
	}
	return v, true
}

// removeDots removes "." and ".." segments in place.
func removeDots(p []byte) []byte {
	if !bytes.Contains(p, []byte(".")) {
		return p
	}
	out := p[:0]
	for len(p) > 0 {
		switch {
		case bytes.HasPrefix(p, []byte("../")):
			p = p[3:]
		case bytes.HasPrefix(p, []byte("./")):
			p = p[2:]
		case bytes.HasPrefix(p, []byte("/./")):
			p = p[2:]
		case string(p) == "/.":
			p = p[:1]
			p[0] = '/'
		case bytes.HasPrefix(p, []byte("/../")):
			p = p[3:]
			out = cutSegment(out)
		case string(p) == "/..":
			p = p[:1]
			p[0] = '/'
			out = cutSegment(out)
		case string(p) == ".", string(p) == "..":
			p = nil
		default:
			n := bytes.IndexByte(p[1:], '/') + 1
			if n == 0 {
				n = len(p)
			}
			out = append(out, p[:n]...)
			p = p[n:]
		}
	}
	return out
}

func cutSegment(out []byte) []byte {
	return out[:max(bytes.LastIndexByte(out, '/'), 0)]
}

// normalURI builds http.uri. double tells that something was encoded twice.
func (d *decoder) normalURI(t Target) (uri []byte, double bool) {
	size := len(t.Path) + len(t.Query) + len(t.Fragment) + 2
	if d.includeAll {
		size += len(t.Scheme) + len(t.Host) + len(t.Port) + 4
	}
	uri = make([]byte, 0, size)
	if d.includeAll && t.Host != nil {
		uri = append(append(append(uri, t.Scheme...), "://"...), t.Host...)
		if t.Port != nil {
			uri = append(append(uri, ':'), t.Port...)
		}
	}
	if t.Path != nil {
		start := len(uri)
		uri = d.normalPath(uri, t.Path)
		if d.doublePath {
			uri, double = d.again(uri, start)
		}
	}
	if t.Query != nil {
		uri = append(uri, '?')
		start := len(uri)
		uri = d.decode(uri, t.Query)
		if d.doubleQuery {
			var more bool
			uri, more = d.again(uri, start)
			double = double || more
		}
	}
	if t.Fragment != nil {
		uri = d.decode(append(uri, '#'), t.Fragment)
	}
	return uri, double
}

// again decodes uri[start:] once more, in place.
func (d *decoder) again(uri []byte, start int) ([]byte, bool) {
	before := len(uri)
	uri = d.decode(uri[:start], uri[start:])
	return uri, len(uri) < before
}
