package transform

import (
	"bytes"
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"strings"
	"unsafe"

	"golang.org/x/net/publicsuffix"
)

// dotPrefix puts a dot before the source.
func dotPrefix(dst, src []byte) []byte {
	return append(append(dst, '.'), src...)
}

func stripWhitespace(dst, src []byte) []byte {
	for _, c := range src {
		if !isSpace(c) {
			dst = append(dst, c)
		}
	}
	return dst
}

// compressWhitespace keeps the first byte of each run of white space, whichever it is.
func compressWhitespace(dst, src []byte) []byte {
	space := false
	for _, c := range src {
		if isSpace(c) {
			if space {
				continue
			}
			space = true
		} else {
			space = false
		}
		dst = append(dst, c)
	}
	return dst
}

// isSpace is C's isspace: space, and tab to carriage return.
func isSpace(c byte) bool { return c == ' ' || c-'\t' < 5 }

func toLower(dst, src []byte) []byte {
	for _, c := range src {
		dst = append(dst, lower(c))
	}
	return dst
}

func toUpper(dst, src []byte) []byte {
	for _, c := range src {
		if c-'a' < 26 {
			c &^= 0x20
		}
		dst = append(dst, c)
	}
	return dst
}

func lower(c byte) byte {
	if c-'A' < 26 {
		return c | 0x20
	}
	return c
}

// The digests are raw bytes, which rules write as |hex|.

func toMD5(dst, src []byte) []byte {
	sum := md5.Sum(src)
	return append(dst, sum[:]...)
}

func toSHA1(dst, src []byte) []byte {
	sum := sha1.Sum(src)
	return append(dst, sum[:]...)
}

func toSHA256(dst, src []byte) []byte {
	sum := sha256.Sum256(src)
	return append(dst, sum[:]...)
}

// urlDecode decodes %XX, and + to space. What follows a % that is none is copied as it is, even a % or + (so that
// "%%41" stays).
func urlDecode(dst, src []byte) []byte {
	for i := 0; i < len(src); i++ {
		c := src[i]
		switch {
		case c == '+':
			dst = append(dst, ' ')
		case c != '%':
			dst = append(dst, c)
		default:
			digits := 0
			for digits < 2 && i+1+digits < len(src) && hexValue(src[i+1+digits]) >= 0 {
				digits++
			}
			if digits == 2 {
				dst = append(dst, byte(hexValue(src[i+1])<<4|hexValue(src[i+2])))
				i += 2
				continue
			}
			end := min(len(src), i+1+digits+1) // the byte that broke it comes along
			dst = append(dst, src[i:end]...)
			i = end - 1
		}
	}
	return dst
}

func hexValue(c byte) int {
	switch {
	case c-'0' < 10:
		return int(c - '0')
	case c|0x20-'a' < 6:
		return int(c|0x20-'a') + 10
	}
	return -1
}

// headerLower turns what stands before the first colon of each line into lower case.
func headerLower(dst, src []byte) []byte {
	name := true
	for _, c := range src {
		switch {
		case name && c == ':':
			name = false
		case name:
			c = lower(c)
		case c == '\n':
			name = true
		}
		dst = append(dst, c)
	}
	return dst
}

// stripPseudoHeaders leaves out the lines that begin with a colon (HTTP/2's :method and the like).
func stripPseudoHeaders(dst, src []byte) []byte {
	for len(src) > 0 {
		line := src
		if i := bytes.IndexByte(src, '\n'); i >= 0 {
			line = src[:i+1]
		}
		if line[0] != ':' {
			dst = append(dst, line...)
		}
		src = src[len(line):]
	}
	return dst
}

// domain keeps the public suffix and the label before it: "co.uk" knows no domain, "www.a.co.uk" is in "a.co.uk".
func domain(dst, src []byte) []byte {
	start, _ := splitDomain(src)
	return append(dst, src[start:]...)
}

// tld keeps the public suffix, if there is a label before it.
func tld(dst, src []byte) []byte {
	_, suffix := splitDomain(src)
	return append(dst, src[suffix:]...)
}

// maxDomain is the longest domain name, RFC 1035 §2.3.4.
const maxDomain = 253

// splitDomain returns where the registrable domain and where its public suffix begins; the end for both if there is none.
func splitDomain(name []byte) (domain, suffix int) {
	// The string lives no longer than this call, and nobody writes to name meanwhile.
	bare := strings.TrimSuffix(unsafe.String(unsafe.SliceData(name), len(name)), ".")
	if bare == "" || len(bare) > maxDomain || bare[0] == '.' || strings.Contains(bare, "..") {
		return len(name), len(name)
	}
	ending, _ := publicsuffix.PublicSuffix(bare)
	suffix = len(bare) - len(ending)
	if suffix < 2 {
		return len(name), len(name)
	}
	return 1 + strings.LastIndexByte(bare[:suffix-1], '.'), suffix
}
