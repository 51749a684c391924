package dataset

import (
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"net/netip"
	"strings"
)

// Kind is what a set's values are.
type Kind uint8

// The kinds; IP holds IPv6 and IPv4 addresses.
const (
	NoKind Kind = iota
	String
	MD5
	SHA256
	IPv4
	IP
)

// KindByName reads the option type.
func KindByName(name string) (Kind, bool) {
	switch strings.ToLower(name) {
	case "string":
		return String, true
	case "md5":
		return MD5, true
	case "sha256":
		return SHA256, true
	case "ipv4":
		return IPv4, true
	case "ip", "ipv6":
		return IP, true
	}
	return NoKind, false
}

// fits tells whether a value out of a buffer has the kind's length.
func (k Kind) fits(v []byte) bool {
	switch k {
	case MD5:
		return len(v) == 16
	case SHA256:
		return len(v) == 32
	case IPv4:
		return len(v) == 4
	case IP:
		return len(v) == 16 || len(v) == 4
	}
	return true
}

// parse reads a value as files have it: the bytes that a buffer would hold.
func (k Kind) parse(text string) (string, error) {
	switch k {
	case String:
		b, err := base64.StdEncoding.DecodeString(text)
		if err != nil {
			return "", fmt.Errorf("%q is not base64", text)
		}
		return string(b), nil
	case MD5, SHA256:
		b, err := hex.DecodeString(text)
		if err != nil || !k.fits(b) {
			return "", fmt.Errorf("%q is not a sum in hexadecimal", text)
		}
		return string(b), nil
	}
	a, err := netip.ParseAddr(text)
	if err != nil || k == IPv4 && !a.Is4() {
		return "", fmt.Errorf("%q is not an address", text)
	}
	return string(a.Unmap().AsSlice()), nil
}

// format is parse's inverse.
func (k Kind) format(v string) string {
	switch k {
	case String:
		return base64.StdEncoding.EncodeToString([]byte(v))
	case MD5, SHA256:
		return hex.EncodeToString([]byte(v))
	}
	a, _ := netip.AddrFromSlice([]byte(v))
	return a.String()
}
