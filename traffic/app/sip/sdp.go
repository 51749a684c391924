package sip

import "bytes"

// Session is a session description (RFC 8866 §5). Fields that are not there are nil. What stands in them is the
// line's value.
type Session struct {
	Origin, Name, Info, URI, Email, Phone, Connection []byte
	Bandwidths                                        [][]byte
	Times                                             []Time
	Zone, Key                                         []byte
	Attributes                                        [][]byte
	Media                                             []Media
}

// Time is a time description: when the session is active, and how it repeats.
type Time struct{ Active, Repeat []byte }

// Media is a media description of a session.
type Media struct {
	Media, Info, Connection []byte
	Bandwidths              [][]byte
	Key                     []byte
	Attributes              [][]byte
}

// Bounds of a description; what goes beyond is passed over.
const (
	maxMedia = 64
	maxLines = 1024
)

// sdpReader hands out the lines of a description one by one.
type sdpReader struct {
	rest  []byte
	lines int
}

// take returns the value of the next line if it is of a type; nil when it is of another.
func (r *sdpReader) take(kind byte) []byte {
	if len(r.rest) < 2 || r.rest[0] != kind || r.rest[1] != '=' || r.lines == maxLines {
		return nil
	}
	line, rest, ok := bytes.Cut(r.rest[2:], []byte("\n"))
	if !ok {
		return nil
	}
	r.lines++
	r.rest = rest
	return append([]byte{}, bytes.TrimSuffix(line, []byte("\r"))...)
}

// many returns the values of all lines of a type that follow.
func (r *sdpReader) many(kind byte) [][]byte {
	var list [][]byte
	for v := r.take(kind); v != nil; v = r.take(kind) {
		list = append(list, v)
	}
	return list
}

// parseSDP reads a description, nil when one of the lines that must be there is not. Lines come in a fixed order.
func parseSDP(body []byte) *Session {
	r := sdpReader{rest: body}
	if v := r.take('v'); string(v) != "0" {
		return nil
	}
	s := &Session{Origin: r.take('o'), Name: r.take('s')}
	if s.Origin == nil || s.Name == nil || len(bytes.Fields(s.Origin)) != 6 {
		return nil
	}
	s.Info, s.URI, s.Email, s.Phone, s.Connection = r.take('i'), r.take('u'), r.take('e'), r.take('p'), r.take('c')
	s.Bandwidths = r.many('b')
	for t := r.take('t'); t != nil; t = r.take('t') {
		if len(bytes.Fields(t)) != 2 {
			return nil
		}
		s.Times = append(s.Times, Time{t, r.take('r')})
	}
	if len(s.Times) == 0 {
		return nil
	}
	s.Zone, s.Key = r.take('z'), r.take('k')
	s.Attributes = r.many('a')
	for m := r.take('m'); m != nil && len(s.Media) < maxMedia; m = r.take('m') {
		s.Media = append(s.Media, Media{Media: m, Info: r.take('i'), Connection: r.take('c'), Bandwidths: r.many('b'),
			Key: r.take('k'), Attributes: r.many('a')})
	}
	return s
}
