package tls

import (
	"encoding/binary"
	"errors"
)

// Bounds of what is kept of one hello. A hello fits in 256 kB of handshake; lists longer than these are odd.
const (
	maxList = 1024 // entries of one list of numbers
	maxALPN = 64   // protocol names
)

// Extension numbers (IANA TLS ExtensionType values) that are looked into.
const (
	extServerName = 0
	extGroups     = 10
	extFormats    = 11
	extSigAlgs    = 13
	extALPN       = 16
	extTicket     = 35
	extEarlyData  = 42
	extVersions   = 43
)

var errHello = errors.New("tls: malformed hello")

// cut takes n bytes off the front of b; false when there are not so many.
func cut(b *[]byte, n int) ([]byte, bool) {
	if n < 0 || n > len(*b) {
		return nil, false
	}
	head := (*b)[:n]
	*b = (*b)[n:]
	return head, true
}

// cut8 and cut16 take a field that begins with its length.
func cut8(b *[]byte) ([]byte, bool) {
	if len(*b) < 1 {
		return nil, false
	}
	n := int((*b)[0])
	*b = (*b)[1:]
	return cut(b, n)
}

func cut16(b *[]byte) ([]byte, bool) {
	if len(*b) < 2 {
		return nil, false
	}
	n := int(binary.BigEndian.Uint16(*b))
	*b = (*b)[2:]
	return cut(b, n)
}

func clone(b []byte) []byte { return append([]byte(nil), b...) }

// numbers reads a list of 16-bit numbers.
func numbers(b []byte) []uint16 {
	n := min(len(b)/2, maxList)
	list := make([]uint16, n)
	for i := range list {
		list[i] = binary.BigEndian.Uint16(b[2*i:])
	}
	return list
}

// clientHello reads a ClientHello's body.
func (p *parser) clientHello(b []byte) error {
	s := &p.session.Client
	if !readOpening(s, &b) {
		return errHello
	}
	suites, ok := cut16(&b)
	if !ok {
		return errHello
	}
	s.Ciphers = numbers(suites)
	if _, ok = cut8(&b); !ok { // compression methods
		return errHello
	}
	return p.extensions(s, b, true)
}

// serverHello reads a ServerHello's body.
func (p *parser) serverHello(b []byte) error {
	s := &p.session.Server
	if len(b) >= 2 && early(binary.BigEndian.Uint16(b)) {
		return p.earlyServerHello(s, b)
	}
	if !readOpening(s, &b) {
		return errHello
	}
	if id := p.session.Client.SessionID; len(id) > 0 && string(id) == string(s.SessionID) {
		p.session.Seen |= SeenResumption
	}
	rest, ok := cut(&b, 3) // cipher suite and compression method
	if !ok {
		return errHello
	}
	s.Ciphers = numbers(rest[:2])
	return p.extensions(s, b, false)
}

// early tells the versions of TLS 1.3's drafts up to 21, whose ServerHello had no session ID and no compression.
func early(v uint16) bool { return v == TLS13 || v > 0x7f00 && v <= 0x7f15 }

// earlyServerHello reads the ServerHello of those drafts.
func (p *parser) earlyServerHello(s *Side, b []byte) error {
	head, ok := cut(&b, 36)
	if !ok {
		return errHello
	}
	*s = Side{Chain: s.Chain, leaf: s.leaf}
	s.Legacy = binary.BigEndian.Uint16(head)
	if s.Version = draft(s.Legacy); s.Legacy == TLS13 {
		s.Version = 0x7f00
	}
	s.Random, s.Ciphers = clone(head[2:34]), numbers(head[34:])
	return p.extensions(s, b, false)
}

// readOpening reads what both hellos begin with: version, random, session ID.
func readOpening(s *Side, b *[]byte) bool {
	head, ok := cut(b, 34)
	if !ok {
		return false
	}
	*s = Side{Chain: s.Chain, leaf: s.leaf}
	s.Legacy = binary.BigEndian.Uint16(head)
	s.Version = s.Legacy
	s.Random = clone(head[2:])
	id, ok := cut8(b)
	s.SessionID = clone(id)
	return ok
}

// extensions reads a hello's extensions; a hello of old may have none.
func (p *parser) extensions(s *Side, b []byte, client bool) error {
	if len(b) == 0 {
		return nil
	}
	all, ok := cut16(&b)
	if !ok {
		return errHello
	}
	for len(all) > 0 {
		if len(all) < 4 {
			return errHello
		}
		kind := binary.BigEndian.Uint16(all)
		all = all[2:]
		body, ok := cut16(&all)
		if !ok {
			return errHello
		}
		if len(s.Extensions) < maxList {
			s.Extensions = append(s.Extensions, kind)
		}
		p.extension(s, kind, body, client)
	}
	return nil
}

// extension reads one extension; a malformed body leaves its field empty.
func (p *parser) extension(s *Side, kind uint16, body []byte, client bool) {
	switch kind {
	case extServerName:
		if client {
			p.serverName(s, body)
		}
	case extGroups:
		if list, ok := cut16(&body); ok {
			s.Groups = numbers(list)
		}
	case extFormats:
		if list, ok := cut8(&body); ok {
			s.Formats = clone(list)
		}
	case extSigAlgs:
		if list, ok := cut16(&body); ok {
			s.SigAlgs = numbers(list)
		}
	case extALPN:
		if list, ok := cut16(&body); ok {
			s.ALPN = alpn(list)
		}
	case extTicket:
		if client && len(body) > 0 {
			p.session.Seen |= SeenResumption
		}
	case extEarlyData:
		if client {
			p.session.Seen |= SeenEarlyData
		}
	case extVersions:
		versions(s, body, client)
	}
}

// serverName reads the first host name of the extension (RFC 6066 §3).
func (p *parser) serverName(s *Side, body []byte) {
	if s.SNI != nil {
		p.event(EventMultipleSNI)
		return
	}
	if len(body) == 0 {
		return
	}
	list, ok := cut16(&body)
	if !ok || len(list) < 3 {
		p.event(EventSNILength)
		return
	}
	if list[0] != 0 {
		p.event(EventSNIType)
		return
	}
	list = list[1:]
	host, ok := cut16(&list)
	if !ok || len(host) == 0 {
		p.event(EventSNILength)
		return
	}
	s.SNI = clone(host)
}

// alpn reads the list of protocol names (RFC 7301 §3.1).
func alpn(list []byte) [][]byte {
	var names [][]byte
	for len(list) > 0 && len(names) < maxALPN {
		name, ok := cut8(&list)
		if !ok {
			break
		}
		names = append(names, clone(name))
	}
	return names
}

// versions reads supported_versions (RFC 8446 §4.2.1). The first known offer of a client counts as its version.
func versions(s *Side, body []byte, client bool) {
	if !client {
		if len(body) == 2 {
			s.Version = draft(binary.BigEndian.Uint16(body))
		}
		return
	}
	list, ok := cut8(&body)
	if !ok {
		return
	}
	s.Offers = numbers(list)
	for _, v := range s.Offers {
		if known(v) {
			s.Version = draft(v)
			return
		}
	}
}

// draft joins the numbers of the earliest TLS 1.3 drafts into one.
func draft(v uint16) uint16 {
	if v>>8 == 0x7f && v&0xff < 16 {
		return 0x7f00
	}
	return v
}
