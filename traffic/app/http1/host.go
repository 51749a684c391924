package http1

import (
	"bytes"
	"net/netip"
)

// hostPort splits an authority into host and port text. ok is false when there is no host at all; valid is
// libhtp's relaxed judgement of both.
func hostPort(b []byte) (host, port []byte, valid, ok bool) {
	host, rest := takeHost(b)
	if len(host) == 0 {
		return nil, nil, false, false
	}
	valid = validHost(host)
	if p, _ := takePort(rest); p != nil {
		return host, p, valid && portNumber(p) != 0, true
	}
	return host, nil, valid && len(rest) == 0, true
}

// takeHost takes a host name or a bracketed IPv6 address, after an optional "//" and blanks.
func takeHost(b []byte) (host, rest []byte) {
	if bytes.HasPrefix(b, []byte("//")) {
		b = b[2:]
	}
	if len(b) > 0 && b[0] == '/' {
		return nil, b
	}
	for len(b) > 0 && b[0] == ' ' {
		b = b[1:]
	}
	n := hostLength(b)
	host, rest = b[:n], b[n:]
	return bytes.TrimRight(host, " "), rest
}

func hostLength(b []byte) int {
	if len(b) > 1 && b[0] == '[' {
		n := 1 + notIn(b[1:], "/?#]")
		if n > 1 {
			if n < len(b) && b[n] == ']' {
				n++
			}
			return n
		}
	}
	return notIn(b, "/?#:")
}

// notIn is the length of the prefix of b without any byte of set.
func notIn(b []byte, set string) int {
	if i := bytes.IndexAny(b, set); i >= 0 {
		return i
	}
	return len(b)
}

// takePort takes ":port"; nil when there is none.
func takePort(b []byte) (port, rest []byte) {
	if len(b) == 0 || b[0] != ':' {
		return nil, b
	}
	inner := b[1:]
	for len(inner) > 0 && inner[0] == ' ' {
		inner = inner[1:]
	}
	n := notIn(inner, "/?#")
	port, rest = inner[:n], inner[n:]
	if port = port[:notIn(port, " ")]; len(port) == 0 {
		return nil, b
	}
	return port, rest
}

// validHost is a relaxed check: labels of letters, digits, '-' and '_', at most 63 bytes each, 255 in all.
func validHost(b []byte) bool {
	if len(b) == 0 || len(b) > 255 {
		return false
	}
	if b[0] == '[' && b[len(b)-1] == ']' {
		a, err := netip.ParseAddr(string(b[1 : len(b)-1]))
		return err == nil && a.Is6()
	}
	if b[0] == '.' || bytes.Contains(b, []byte("..")) {
		return false
	}
	label := 0
	for _, c := range b {
		if c == '.' {
			label = 0
			continue
		}
		if label++; label > 63 || !hostByte(c) {
			return false
		}
	}
	return true
}

func hostByte(c byte) bool {
	return isDigit(c) || c|0x20 >= 'a' && c|0x20 <= 'z' || c == '-' || c == '_' || c >= 0xc0
}
