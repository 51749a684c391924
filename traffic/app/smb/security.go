package smb

import (
	"bytes"
	"fmt"
)

// security looks for who logs in, in a security blob (SPNEGO or bare NTLMSSP).
func (s *Setup) security(blob []byte) {
	if i := bytes.Index(blob, []byte("NTLMSSP\x00")); i >= 0 {
		s.ntlm(blob[i:])
		return
	}
	oid := []byte("\x06\x09\x2a\x86\x48\x86\xf7\x12\x01\x02\x02\x01\x00") // Kerberos 5, AP-REQ (RFC 4121 §4.1)
	if i := bytes.Index(blob, oid); i >= 0 {
		s.Ticket = ticket(blob[i+len(oid):])
	}
}

// ntlm reads an AUTHENTICATE_MESSAGE (MS-NLMP §2.2.1.3).
func (s *Setup) ntlm(b []byte) {
	if u32(b, 8) != 3 || len(b) < 64 {
		return
	}
	field := func(at int) []byte { return text(whole(b, int(u32(b, at+4)), int(u16(b, at)))) }
	n := &NTLMSSP{Domain: field(28), User: field(36), Host: field(44)}
	if u32(b, 60)&0x02000000 != 0 && len(b) >= 72 {
		n.Version = fmt.Sprintf("%d.%d build %d rev %d", b[64], b[65], u16(b, 66), b[71])
	}
	s.NTLMSSP = n
}

// element takes the DER element at the begin of b (X.690).
func element(b []byte) (tag byte, body, rest []byte, ok bool) {
	if len(b) < 2 {
		return 0, nil, nil, false
	}
	tag, n, at := b[0], int(b[1]), 2
	if n&0x80 != 0 {
		count := n & 0x7f
		if count == 0 || count > 3 || len(b) < 2+count {
			return 0, nil, nil, false
		}
		n = 0
		for _, c := range b[2 : 2+count] {
			n = n<<8 | int(c)
		}
		at += count
	}
	if n > len(b)-at {
		return 0, nil, nil, false
	}
	return tag, b[at : at+n], b[at+n:], true
}

// inside finds the element with a tag among those that follow each other in b.
func inside(b []byte, tag byte) []byte {
	for len(b) > 0 {
		t, body, rest, ok := element(b)
		if !ok {
			return nil
		}
		if t == tag {
			return body
		}
		b = rest
	}
	return nil
}

// ticket reads realm and service name out of an AP-REQ (RFC 4120 §5.5.1, §5.3).
func ticket(b []byte) *Ticket {
	const sequence, generalString = 0x30, 0x1b
	apReq := inside(inside(b, 0x6e), sequence)
	t := inside(inside(inside(apReq, 0xa3), 0x61), sequence)
	if t == nil {
		return nil
	}
	out := &Ticket{Realm: bytes.Clone(inside(inside(t, 0xa1), generalString))}
	names := inside(inside(inside(inside(t, 0xa2), sequence), 0xa1), sequence)
	for len(names) > 0 && len(out.SNames) < 16 {
		_, body, rest, ok := element(names)
		if !ok {
			break
		}
		out.SNames = append(out.SNames, bytes.Clone(body))
		names = rest
	}
	return out
}
