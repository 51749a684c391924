package tls

import (
	"crypto/md5"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// JA3 returns the client's fingerprint string and its MD5 (https://github.com/salesforce/ja3): version, ciphers,
// extensions, groups and point formats. Empty before the ClientHello.
func (s *Session) JA3() (text, sum string) {
	if s.noJA3 || s.Seen&SeenClientHello == 0 || s.Client.Legacy == 0 {
		return "", ""
	}
	if s.ja3 == "" {
		c := &s.Client
		b := strconv.AppendUint(nil, uint64(c.Legacy), 10)
		b = dashed(append(b, ','), c.Ciphers)
		b = dashed(append(b, ','), c.Extensions)
		b = dashed(append(b, ','), c.Groups)
		b = append(b, ',')
		for i, f := range c.Formats {
			if i > 0 {
				b = append(b, '-')
			}
			b = strconv.AppendUint(b, uint64(f), 10)
		}
		s.ja3, s.ja3sum[0] = string(b), md5hex(b)
	}
	return s.ja3, s.ja3sum[0]
}

// JA3S returns the server's fingerprint string and its MD5: version, chosen cipher and extensions.
func (s *Session) JA3S() (text, sum string) {
	if s.noJA3 || s.Seen&SeenServerHello == 0 || s.Server.Legacy == 0 {
		return "", ""
	}
	if s.ja3s == "" {
		b := strconv.AppendUint(nil, uint64(s.Server.Legacy), 10)
		b = dashed(append(b, ','), s.Server.Ciphers)
		b = dashed(append(b, ','), s.Server.Extensions)
		s.ja3s, s.ja3sum[1] = string(b), md5hex(b)
	}
	return s.ja3s, s.ja3sum[1]
}

func md5hex(b []byte) string {
	sum := md5.Sum(b)
	return hex.EncodeToString(sum[:])
}

// dashed appends numbers joined by dashes, without GREASE.
func dashed(b []byte, list []uint16) []byte {
	first := true
	for _, v := range list {
		if grease(v) {
			continue
		}
		if !first {
			b = append(b, '-')
		}
		first = false
		b = strconv.AppendUint(b, uint64(v), 10)
	}
	return b
}

// JA4 returns the client's fingerprint (https://github.com/FoxIO-LLC/ja4, BSD 3-clause part) over TCP.
func (s *Session) JA4() string {
	if s.noJA4 || s.Seen&SeenClientHello == 0 || s.Client.Legacy == 0 {
		return ""
	}
	if s.ja4 == "" {
		s.ja4 = s.Client.JA4('t')
	}
	return s.ja4
}

// JA4 computes the fingerprint of a hello; transport is 't' over TCP and 'q' in QUIC.
func (c *Side) JA4(transport byte) string {
	ciphers, exts := noGrease(c.Ciphers), noGrease(c.Extensions)
	sni := byte('i')
	if slices.Contains(exts, extServerName) {
		sni = 'd'
	}
	a := fmt.Sprintf("%c%s%c%02d%02d%s", transport, c.ja4Version(), sni, min(len(ciphers), 99), min(len(exts), 99), c.ja4ALPN())
	slices.Sort(ciphers)
	exts = slices.DeleteFunc(exts, func(e uint16) bool { return e == extServerName || e == extALPN })
	slices.Sort(exts)
	tail := hexed(exts) + "_" + hexed(noGrease(c.SigAlgs)) // with the line even where there are no algorithms, as Suricata
	return a + "_" + sha12(hexed(ciphers), len(ciphers) == 0) + "_" + sha12(tail, len(exts) == 0)
}

// ja4Version names the highest version on offer.
func (c *Side) ja4Version() string {
	v := c.Legacy
	if len(c.Offers) > 0 {
		v = 0
		for _, o := range c.Offers {
			if !grease(o) {
				v = max(v, o)
			}
		}
	}
	switch v {
	case TLS13:
		return "13"
	case TLS12:
		return "12"
	case TLS11:
		return "11"
	case TLS10:
		return "10"
	case SSL3:
		return "s3"
	case SSL2:
		return "s2"
	}
	return "00"
}

// ja4ALPN gives the first and last character of the first protocol name, or of its hexadecimal form.
func (c *Side) ja4ALPN() string {
	if len(c.ALPN) == 0 || len(c.ALPN[0]) == 0 {
		return "00"
	}
	name := c.ALPN[0]
	first, last := name[0], name[len(name)-1]
	if alnum(first) && alnum(last) {
		return string([]byte{first, last})
	}
	return hex.EncodeToString([]byte{first})[:1] + hex.EncodeToString([]byte{last})[1:]
}

func alnum(b byte) bool {
	return (b >= '0' && b <= '9') || (b|0x20 >= 'a' && b|0x20 <= 'z')
}

func noGrease(list []uint16) []uint16 {
	out := make([]uint16, 0, len(list))
	for _, v := range list {
		if !grease(v) {
			out = append(out, v)
		}
	}
	return out
}

func hexed(list []uint16) string {
	var b strings.Builder
	for i, v := range list {
		if i > 0 {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, "%04x", v)
	}
	return b.String()
}

// sha12 is the first half-dozen bytes of a SHA-256 in hexadecimal, zeros for nothing.
func sha12(s string, empty bool) string {
	if empty {
		return "000000000000"
	}
	sum := sha256.Sum256([]byte(s))
	return hex.EncodeToString(sum[:6])
}
