package dns

import (
	"encoding/binary"
	"errors"
)

// Header flag bits.
const (
	FlagQR = 0x8000
	FlagAA = 0x0400
	FlagTC = 0x0200
	FlagRD = 0x0100
	FlagRA = 0x0080
	FlagZ  = 0x0040
)

// Bounds of one message. A message of 64 kB could otherwise unfold to many megabytes through name pointers.
const (
	headerLen   = 12
	maxName     = 1025    // bytes of a name in text form, as dnsmasq has it
	maxLabels   = 255     // labels and pointers followed for one name
	maxUnfolded = 1 << 18 // bytes of all names of a message together; later names are cut
	maxRecords  = 4096    // records kept of a message; TXT strings count one by one
)

// Message is one DNS message. All slices belong to it.
type Message struct {
	ID, Flags                        uint16
	Queries                          []Query
	Answers, Authorities, Additional []Record
	// BadAuthorities and BadAdditional: the section is broken somewhere; what was read before it is there.
	BadAuthorities, BadAdditional bool

	marks marks
}

// Query is one question.
type Query struct {
	Name      Name
	Type      uint16
	Class     uint16
	Truncated bool
}

// Name is a name in text form, labels joined by dots, without the final one, bytes as they were sent.
type Name []byte

// Record is one resource record. A TXT record with several strings becomes one Record for each, as Suricata has it.
type Record struct {
	Name        Name
	Type, Class uint16
	TTL         uint32
	// Data is the address of A and AAAA, the string of TXT, the raw bytes of NULL and of unknown types.
	Data []byte
	// Target is the name in CNAME, NS, PTR, MX and SRV.
	Target          Name
	Truncated       bool // the owner's name was cut
	TargetTruncated bool
	SOA             *SOA
	SRV             *SRV
	SSHFP           *SSHFP
	Options         []Option // of OPT
}

// SOA is the data of an SOA record; times are in seconds.
type SOA struct {
	MName, RName                            Name
	MTruncated, RTruncated                  bool
	Serial, Refresh, Retry, Expire, Minimum uint32
}

// SRV is the data of an SRV record beside its Target.
type SRV struct{ Priority, Weight, Port uint16 }

// SSHFP is the data of an SSHFP record.
type SSHFP struct {
	Algorithm, Type uint8
	Fingerprint     []byte
}

// Option is one EDNS option.
type Option struct {
	Code uint16
	Data []byte
}

// marks are what was odd about the names of a message.
type marks uint8

const (
	markTruncated marks = 1 << iota
	markLoop
	markLabels
)

var errMalformed = errors.New("dns: malformed message")

// RCode is the response code of the header; Opcode the operation.
func (m *Message) RCode() uint16 { return m.Flags & 0xf }

// Opcode is the operation code of the header.
func (m *Message) Opcode() uint8 { return uint8(m.Flags >> 11 & 0xf) }

// reader walks a message. text collects all names.
type reader struct {
	msg      []byte
	pos      int
	text     []byte
	unfolded int
	records  int
	marks    marks
}

// Parse reads a message that another protocol has carried. What was read before an error is returned with it.
func Parse(msg []byte) (*Message, error) { return parseMessage(msg) }

// parseMessage reads a whole message. Questions and answers must be whole; the other sections need not be.
func parseMessage(msg []byte) (*Message, error) {
	if len(msg) < headerLen {
		return nil, errMalformed
	}
	m := &Message{ID: binary.BigEndian.Uint16(msg), Flags: binary.BigEndian.Uint16(msg[2:])}
	r := reader{msg: msg, pos: headerLen, text: make([]byte, 0, 64)}
	var err error
	if m.Queries, err = r.queries(int(binary.BigEndian.Uint16(msg[4:]))); err != nil {
		return m, err
	}
	if m.Answers, err = r.section(int(binary.BigEndian.Uint16(msg[6:]))); err != nil {
		return m, err
	}
	m.Authorities, err = r.section(int(binary.BigEndian.Uint16(msg[8:])))
	m.BadAuthorities = err != nil
	if err == nil {
		m.Additional, err = r.section(int(binary.BigEndian.Uint16(msg[10:])))
		m.BadAdditional = err != nil
	}
	m.marks = r.marks
	return m, nil
}

func (r *reader) queries(n int) ([]Query, error) {
	if n == 0 {
		return nil, nil
	}
	list := make([]Query, 0, min(n, (len(r.msg)-r.pos)/5+1, 8))
	for range n {
		name, cut, err := r.name()
		if err != nil || r.pos+4 > len(r.msg) {
			return list, errMalformed
		}
		q := Query{Name: name, Truncated: cut, Type: r.u16(), Class: r.u16()}
		if r.records++; r.records <= maxRecords {
			list = append(list, q)
		}
	}
	return list, nil
}

// u16 reads two bytes that are known to be there.
func (r *reader) u16() uint16 {
	v := binary.BigEndian.Uint16(r.msg[r.pos:])
	r.pos += 2
	return v
}

// section reads n resource records.
func (r *reader) section(n int) ([]Record, error) {
	if n == 0 {
		return nil, nil
	}
	list := make([]Record, 0, min(n, (len(r.msg)-r.pos)/11+1, 16))
	for range n {
		name, cut, err := r.name()
		if err != nil || r.pos+10 > len(r.msg) {
			return list, errMalformed
		}
		rec := Record{Name: name, Truncated: cut, Type: r.u16(), Class: r.u16()}
		rec.TTL = uint32(r.u16())<<16 | uint32(r.u16())
		size := int(r.u16())
		end := r.pos + size
		if end > len(r.msg) {
			return list, errMalformed
		}
		if list, err = r.data(list, rec, end); err != nil {
			return list, err
		}
		r.pos = end
	}
	return list, nil
}

func (r *reader) keep(list []Record, rec Record) []Record {
	if r.records++; r.records > maxRecords {
		return list
	}
	return append(list, rec)
}

// name reads the name at pos and leaves pos behind it.
func (r *reader) name() (Name, bool, error) { return r.nameBefore(len(r.msg)) }

// nameWalk is where the reading of a name is.
type nameWalk struct {
	pos, end  int  // of the part that is read: a name goes on behind each pointer
	resume    int  // where the message goes on: behind the first pointer; -1: there was none
	truncated bool // the text was cut at its bound
}

// nameBefore reads a name whose unpointed part ends at limit or before.
func (r *reader) nameBefore(limit int) (name Name, truncated bool, err error) {
	start := len(r.text)
	w := nameWalk{pos: r.pos, end: limit, resume: -1}
	for steps := 0; w.pos < w.end; {
		goesOn, err := r.namePart(&w, start)
		if err != nil {
			return nil, false, err
		}
		if !goesOn {
			break
		}
		if steps++; steps > maxLabels {
			r.marks |= markLabels
			if w.resume < 0 {
				return nil, false, errMalformed
			}
			w.truncated = true
			break
		}
		if w.truncated && w.resume >= 0 {
			break
		}
	}
	if w.truncated {
		r.marks |= markTruncated
	}
	if r.pos = w.pos; w.resume >= 0 {
		r.pos = w.resume
	}
	return Name(r.text[start:len(r.text):len(r.text)]), w.truncated, nil
}

// namePart reads one label or pointer of the name whose text begins at start; false: it was the last.
func (r *reader) namePart(w *nameWalk, start int) (bool, error) {
	n := int(r.msg[w.pos])
	switch n & 0xc0 {
	case 0xc0:
		return r.namePointer(w)
	case 0:
		if n == 0 {
			w.pos++
			return false, nil
		}
		next := w.pos + 1 + n
		if next > w.end {
			return false, errMalformed
		}
		if !w.truncated {
			w.truncated = r.label(start, r.msg[w.pos+1:next])
		}
		w.pos = next
		return true, nil
	}
	return false, errMalformed
}

// namePointer follows a pointer; one that points to itself ends the name, or spoils it when it is the first.
func (r *reader) namePointer(w *nameWalk) (bool, error) {
	if w.pos+2 > w.end {
		return false, errMalformed
	}
	to := int(r.msg[w.pos]&0x3f)<<8 | int(r.msg[w.pos+1])
	if to > len(r.msg) {
		return false, errMalformed
	}
	switch first := w.resume < 0; {
	case to == w.pos:
		r.marks |= markLoop
		if first {
			return false, errMalformed
		}
		return false, nil
	case first:
		w.resume = w.pos + 2
	}
	w.pos, w.end = to, len(r.msg)
	return true, nil
}

// label appends a label to the name that begins at start in text; true: the name is cut here.
func (r *reader) label(start int, label []byte) bool {
	if len(r.text) > start {
		r.text = append(r.text, '.')
	}
	r.text = append(r.text, label...)
	r.unfolded += len(label) + 1
	if len(r.text)-start > maxName {
		r.text = r.text[:start+maxName]
		return true
	}
	return r.unfolded > maxUnfolded
}
