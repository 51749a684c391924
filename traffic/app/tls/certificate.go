package tls

import (
	"crypto/sha1"
	"encoding/hex"
	"strconv"
	"strings"
	"time"
	"unicode/utf16"
)

// Certificate is what rules and EVE want to know of an X.509 certificate (RFC 5280). It is not verified.
type Certificate struct {
	Subject, Issuer     string   // "C=US, O=Example, CN=example.org"
	Serial              string   // "0A:1B", as the bytes stand in the certificate
	SANs                []string // DNS names, then what else was there, in order
	NotBefore, NotAfter time.Time
	Fingerprint         string // SHA-1 of the whole, "3a:0b:…"
}

// malformed is the error of a certificate: the name of the event that it raises, which says what is wrong.
type malformed string

func (m malformed) Error() string { return "tls: " + string(m) }

// maxSANs bounds the names that are kept of one certificate.
const maxSANs = 1024

// Universal tags (X.690) that certificates are made of.
const (
	tagInteger   = 0x02
	tagOID       = 0x06
	tagUTCTime   = 0x17
	tagTime      = 0x18
	tagBMPString = 0x1e
	tagSequence  = 0x30
	tagVersion   = 0xa0
	tagSet       = 0x31
)

// element takes one DER element off the front of b.
func element(b *[]byte) (tag byte, body []byte, ok bool) {
	in := *b
	if len(in) < 2 || in[0]&0x1f == 0x1f {
		return 0, nil, false
	}
	tag = in[0]
	n, head := int(in[1]), 2
	if n >= 0x80 {
		digits := n & 0x7f
		if digits == 0 || digits > 3 || len(in) < 2+digits {
			return 0, nil, false
		}
		n = 0
		for _, d := range in[2 : 2+digits] {
			n = n<<8 | int(d)
		}
		head += digits
	}
	if n > len(in)-head {
		return 0, nil, false
	}
	*b = in[head+n:]
	return tag, in[head : head+n], true
}

// want takes an element that must have the given tag.
func want(b *[]byte, tag byte) ([]byte, bool) {
	got, body, ok := element(b)
	return body, ok && got == tag
}

// ParseCertificate reads a certificate in DER (RFC 5280 §4.1). What was read before an error is returned with it.
func ParseCertificate(der []byte) (*Certificate, error) {
	c := &Certificate{Fingerprint: Fingerprint(der)}
	rest := der
	outer, ok := want(&rest, tagSequence)
	switch {
	case !ok && len(der) > 0 && der[0] == tagSequence:
		return c, malformed(EventCertLength)
	case !ok:
		return c, malformed(EventCertDER)
	}
	body := outer
	tbs, ok := want(&body, tagSequence)
	switch {
	case !ok && cutHeader(outer):
		return c, malformed(EventCertLength)
	case !ok:
		return c, malformed(EventCertificate)
	}
	return c, c.read(tbs)
}

// read reads what is signed.
func (c *Certificate) read(tbs []byte) error {
	if len(tbs) > 0 && tbs[0] == tagVersion {
		if _, _, ok := element(&tbs); !ok {
			return malformed(EventCertVersion)
		}
	}
	serial, ok := want(&tbs, tagInteger)
	if !ok {
		return malformed(EventCertSerial)
	}
	c.Serial = colons(serial, "0123456789ABCDEF")
	if _, ok = want(&tbs, tagSequence); !ok {
		return malformed(EventCertAlgorithm)
	}
	issuer, ok := want(&tbs, tagSequence)
	if !ok {
		return malformed(EventCertName)
	}
	c.Issuer = distinguishedName(issuer)
	if err := c.readValidity(&tbs); err != nil {
		return err
	}
	subject, ok := want(&tbs, tagSequence)
	if !ok {
		return malformed(EventCertName)
	}
	c.Subject = distinguishedName(subject)
	c.extensions(tbs)
	return nil
}

func (c *Certificate) readValidity(tbs *[]byte) error {
	validity, ok := want(tbs, tagSequence)
	if !ok {
		return malformed(EventCertDate)
	}
	if c.NotBefore, ok = instant(&validity); !ok {
		return malformed(EventCertValidity)
	}
	if c.NotAfter, ok = instant(&validity); !ok {
		return malformed(EventCertValidity)
	}
	return nil
}

// cutHeader tells whether b ends within the tag and length of an element.
func cutHeader(b []byte) bool {
	return len(b) < 2 || b[1] > 0x80 && len(b) < 2+int(b[1]&0x7f)
}

// Fingerprint returns the SHA-1 of a certificate as "3a:0b:…".
func Fingerprint(der []byte) string {
	sum := sha1.Sum(der)
	return colons(sum[:], "0123456789abcdef")
}

// colons prints bytes in hexadecimal with colons between them.
func colons(b []byte, digits string) string {
	out := make([]byte, 0, 3*len(b))
	for i, c := range b {
		if i > 0 {
			out = append(out, ':')
		}
		out = append(out, digits[c>>4], digits[c&15])
	}
	return string(out)
}

// distinguishedName prints a name: attributes joined by ", ", several of one set by " + ".
func distinguishedName(b []byte) string {
	var parts []string
	for len(b) > 0 {
		set, ok := want(&b, tagSet)
		if !ok {
			break
		}
		var attrs []string
		for len(set) > 0 {
			pair, ok := want(&set, tagSequence)
			if !ok {
				break
			}
			oid, ok := want(&pair, tagOID)
			if !ok {
				break
			}
			tag, value, ok := element(&pair)
			if !ok {
				break
			}
			attrs = append(attrs, attribute(oid)+"="+text(tag, value))
		}
		parts = append(parts, strings.Join(attrs, " + "))
	}
	return strings.Join(parts, ", ")
}

// text turns a string of any of DER's kinds into UTF-8 as far as it can be.
func text(tag byte, b []byte) string {
	switch {
	case tag == tagBMPString && len(b)%2 == 0:
		units := numbers(b)
		return string(utf16.Decode(units))
	case tag == 0x0c, tag >= 0x12 && tag <= 0x1c:
		return string(b)
	}
	return hex.EncodeToString(b)
}

// attribute names an attribute type by its usual short form, or by its number.
func attribute(oid []byte) string {
	switch string(oid) {
	case "\x2a\x86\x48\x86\xf7\x0d\x01\x09\x01":
		return "Email"
	case "\x2a\x86\x48\x86\xf7\x0d\x01\x09\x02":
		return "unstructuredName"
	case "\x09\x92\x26\x89\x93\xf2\x2c\x64\x01\x01":
		return "UID"
	case "\x09\x92\x26\x89\x93\xf2\x2c\x64\x01\x19":
		return "DC"
	case "\x2b\x06\x01\x04\x01\x82\x37\x3c\x02\x01\x01":
		return "jurisdictionL"
	case "\x2b\x06\x01\x04\x01\x82\x37\x3c\x02\x01\x02":
		return "jurisdictionST"
	case "\x2b\x06\x01\x04\x01\x82\x37\x3c\x02\x01\x03":
		return "jurisdictionC"
	}
	if len(oid) == 3 && oid[0] == 0x55 && oid[1] == 0x04 { // 2.5.4.x
		if name := directoryAttribute(oid[2]); name != "" {
			return name
		}
	}
	return dotted(oid)
}

// directoryAttribute names the X.520 attribute 2.5.4.n.
func directoryAttribute(n byte) string {
	switch n {
	case 3:
		return "CN"
	case 4:
		return "SN"
	case 5:
		return "serialNumber"
	case 6:
		return "C"
	case 7:
		return "L"
	case 8:
		return "ST"
	case 9:
		return "street"
	case 10:
		return "O"
	case 11:
		return "OU"
	case 12:
		return "title"
	case 13:
		return "description"
	case 15:
		return "businessCategory"
	case 16:
		return "postalAddress"
	case 17:
		return "postalCode"
	case 41:
		return "name"
	case 42:
		return "GN"
	case 43:
		return "initials"
	case 46:
		return "dnQualifier"
	}
	return ""
}

// dotted prints an object identifier as numbers.
func dotted(oid []byte) string {
	var out []byte
	var v uint64
	for i, b := range oid {
		v = v<<7 | uint64(b&0x7f)
		if b&0x80 != 0 {
			continue
		}
		if len(out) == 0 {
			first := min(v/40, 2)
			out = strconv.AppendUint(out, first, 10)
			v -= 40 * first
		}
		out = strconv.AppendUint(append(out, '.'), v, 10)
		v = 0
		if i > 64 {
			break
		}
	}
	return string(out)
}

// instant reads a UTCTime or GeneralizedTime.
func instant(b *[]byte) (time.Time, bool) {
	tag, body, ok := element(b)
	if !ok {
		return time.Time{}, false
	}
	s, layout := string(body), "20060102150405Z"
	switch tag {
	case tagUTCTime: // RFC 5280 §4.1.2.5.1: 50 and above is the last century
		if len(s) == 11 { // without seconds
			s = s[:10] + "00Z"
		}
		if len(s) < 2 {
			return time.Time{}, false
		}
		if s[0] >= '5' {
			s = "19" + s
		} else {
			s = "20" + s
		}
	case tagTime:
	default:
		return time.Time{}, false
	}
	t, err := time.Parse(layout, s)
	if err != nil {
		t, err = time.Parse("20060102150405-0700", s)
	}
	return t.UTC(), err == nil
}

// extensions looks for the subject's alternative names in what follows the subject.
func (c *Certificate) extensions(tbs []byte) {
	for len(tbs) > 0 {
		tag, body, ok := element(&tbs)
		if !ok {
			return
		}
		if tag != 0xa3 {
			continue
		}
		list, _ := want(&body, tagSequence)
		for len(list) > 0 {
			ext, ok := want(&list, tagSequence)
			if !ok {
				return
			}
			oid, _ := want(&ext, tagOID)
			if string(oid) == "\x55\x1d\x11" {
				c.altNames(ext)
			}
		}
	}
}

// altNames reads a subjectAltName extension behind its identifier.
func (c *Certificate) altNames(ext []byte) {
	tag, body, ok := element(&ext)
	if ok && tag == 0x01 { // critical
		tag, body, ok = element(&ext)
	}
	if !ok || tag != 0x04 {
		return
	}
	names, _ := want(&body, tagSequence)
	for len(names) > 0 && len(c.SANs) < maxSANs {
		tag, name, ok := element(&names)
		if !ok {
			return
		}
		if s, ok := altName(tag, name); ok {
			c.SANs = append(c.SANs, s)
		}
	}
}

// altName prints one GeneralName: mail, DNS name, directory name, URI or address.
func altName(tag byte, b []byte) (string, bool) {
	switch tag {
	case 0x81, 0x82, 0x86:
		return string(b), true
	case 0xa4:
		name, ok := want(&b, tagSequence)
		return distinguishedName(name), ok
	case 0x87:
		return address(b)
	}
	return "", false
}

func address(b []byte) (string, bool) {
	switch len(b) {
	case 4, 16:
	default:
		return "", false
	}
	if len(b) == 4 {
		parts := make([]string, 4)
		for i, c := range b {
			parts[i] = strconv.Itoa(int(c))
		}
		return strings.Join(parts, "."), true
	}
	groups := make([]string, 8)
	for i := range groups {
		groups[i] = hex.EncodeToString(b[2*i : 2*i+2])
	}
	return strings.Join(groups, ":"), true
}
