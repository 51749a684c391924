package http1

import "bytes"

// requestLine is a request line in parts, as libhtp's IDS personality reads it. The slices point into the line.
type requestLine struct {
	method, uri, protocol []byte
	version               version
	events                [3]string
	count                 int
}

func (r *requestLine) event(name string) {
	if r.count < len(r.events) {
		r.events[r.count] = name
		r.count++
	}
}

// parseRequestLine reads a line without its end. It never fails: what is missing stays empty, and a line
// without a protocol is HTTP/0.9 until the next bytes say otherwise.
func parseRequestLine(line []byte) (r requestLine) {
	lead, rest := cutWhile(line, isSpace)
	if len(lead) > 0 {
		r.event("request_line_leading_whitespace")
	}
	var blank []byte
	r.method, rest = cutWhile(rest, notSpace)
	blank, rest = cutWhile(rest, isSpace)
	if len(bytes.Trim(blank, " ")) > 0 {
		r.event("method_delim_non_compliant")
	}
	r.version = version09
	if len(rest) > 0 {
		r.target(trim(rest))
	}
	if (r.version == version09 && len(r.protocol) == 0 || r.version == versionInvalid) && methodOf(r.method) == methodUnknown {
		r.event("request_line_invalid")
	}
	return r
}

// target splits "URI protocol" at the first space, or at any whitespace when there is no space.
func (r *requestLine) target(b []byte) {
	r.uri, r.protocol = splitAt(b, func(c byte) bool { return c == ' ' })
	if bytes.IndexFunc(r.uri, func(c rune) bool { return c != ' ' && c < 0x80 && isSpace(byte(c)) }) >= 0 {
		r.event("uri_delim_non_compliant")
		if len(r.uri) == len(b) {
			r.uri, r.protocol = splitAt(b, isSpace)
		}
	}
	if len(r.protocol) > 0 {
		r.version = protocolVersion(r.protocol)
	}
}

// splitAt cuts b at the first byte for which at holds, and trims both parts.
func splitAt(b []byte, at func(byte) bool) (head, tail []byte) {
	for i, c := range b {
		if at(c) {
			return trim(b[:i]), trim(b[i+1:])
		}
	}
	return trim(b), nil
}

// statusLine is a status line in parts, pointing into the line.
type statusLine struct {
	protocol, code, message []byte
	version                 version
	number                  int
}

// parseStatusLine reads a line that looksLikeStatus.
func parseStatusLine(line []byte) (s statusLine) {
	s.version = versionInvalid
	_, rest := cutWhile(line, func(c byte) bool { return isSpace(c) || c == 0 })
	s.protocol, rest = cutWhile(rest, notSpace)
	if len(s.protocol) == 0 {
		return s
	}
	s.version = protocolVersion(s.protocol)
	_, rest = cutWhile(rest, isSpace)
	s.code, rest = cutWhile(rest, notSpace)
	s.number = statusNumber(s.code)
	_, rest = cutWhile(rest, isSpace)
	s.message = chomp(rest)
	return s
}

// looksLikeStatus is what browsers ask of a status line: "http" in any case, after whitespace and NULs. What
// doesn't look like it is body.
func looksLikeStatus(line []byte) bool {
	_, rest := cutWhile(line, func(c byte) bool { return isSpace(c) || c == 0 })
	return len(rest) >= 4 && bytes.EqualFold(rest[:4], []byte("http"))
}

// emptyLine tells of a line that is nothing but its end.
func emptyLine(line []byte) bool {
	switch string(line) {
	case "\r", "\n", "\r\n":
		return true
	}
	return false
}

// method is a request method that changes how a message is read; all others known to libhtp are methodOther.
type method uint8

const (
	methodUnknown method = iota
	methodGet
	methodHead
	methodPost
	methodPut
	methodConnect
	methodOther
)

// methodOf compares case-sensitively, as servers do.
func methodOf(b []byte) method {
	switch string(b) {
	case "GET":
		return methodGet
	case "HEAD":
		return methodHead
	case "POST":
		return methodPost
	case "PUT":
		return methodPut
	case "CONNECT":
		return methodConnect
	case "DELETE", "OPTIONS", "TRACE", "PATCH", "PROPFIND", "PROPPATCH", "MKCOL", "COPY", "MOVE", "LOCK", "UNLOCK",
		"VERSION-CONTROL", "CHECKOUT", "UNCHECKOUT", "CHECKIN", "UPDATE", "LABEL", "REPORT", "MKWORKSPACE",
		"MKACTIVITY", "BASELINE-CONTROL", "MERGE", "INVALID":
		return methodOther
	}
	return methodUnknown
}
