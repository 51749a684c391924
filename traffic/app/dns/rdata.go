package dns

import "encoding/binary"

// Record types whose data is taken apart (IANA DNS parameters).
const (
	TypeA     = 1
	TypeNS    = 2
	TypeCNAME = 5
	TypeSOA   = 6
	TypeNULL  = 10
	TypePTR   = 12
	TypeMX    = 15
	TypeTXT   = 16
	TypeAAAA  = 28
	TypeSRV   = 33
	TypeOPT   = 41
	TypeSSHFP = 44
)

// data reads the record data between pos and end and appends what it makes to list.
func (r *reader) data(list []Record, rec Record, end int) ([]Record, error) {
	raw := r.msg[r.pos:end]
	if len(raw) == 0 && rec.Type != TypeOPT {
		return r.empty(list, rec)
	}
	var err error
	switch rec.Type {
	case TypeTXT:
		return r.texts(list, rec, raw)
	case TypeCNAME, TypeNS, TypePTR:
		rec.Target, rec.TargetTruncated, err = r.nameBefore(end)
	case TypeMX:
		err = r.targetAfter(&rec, 2, end)
	case TypeSRV:
		if len(raw) >= 6 {
			rec.SRV = &SRV{binary.BigEndian.Uint16(raw), binary.BigEndian.Uint16(raw[2:]), binary.BigEndian.Uint16(raw[4:])}
		}
		err = r.targetAfter(&rec, 6, end)
	case TypeSOA:
		rec.SOA, err = r.soa(end)
	case TypeSSHFP:
		if len(raw) < 2 {
			return list, errMalformed
		}
		rec.SSHFP = &SSHFP{raw[0], raw[1], clone(raw[2:])}
	case TypeOPT:
		rec.Options, err = options(raw)
	default:
		rec.Data = clone(raw)
	}
	if err != nil {
		return list, err
	}
	return r.keep(list, rec), nil
}

func clone(b []byte) []byte { return append([]byte(nil), b...) }

// empty is a record without data: fine for names (the root), unknown types and addresses, an error for the rest.
func (r *reader) empty(list []Record, rec Record) ([]Record, error) {
	switch rec.Type {
	case TypeTXT, TypeMX, TypeSRV, TypeSOA, TypeSSHFP:
		return list, errMalformed
	}
	return r.keep(list, rec), nil
}

// texts makes a record of each character string.
func (r *reader) texts(list []Record, rec Record, raw []byte) ([]Record, error) {
	for first := true; len(raw) > 0; first = false {
		n := int(raw[0])
		if 1+n > len(raw) {
			if first {
				return list, errMalformed
			}
			break
		}
		rec.Data = clone(raw[1 : 1+n])
		list = r.keep(list, rec)
		raw = raw[1+n:]
	}
	return list, nil
}

// targetAfter reads the name that follows skip bytes of fixed fields.
func (r *reader) targetAfter(rec *Record, skip, end int) (err error) {
	if r.pos+skip > end {
		return errMalformed
	}
	r.pos += skip
	rec.Target, rec.TargetTruncated, err = r.nameBefore(end)
	return err
}

func (r *reader) soa(end int) (*SOA, error) {
	var s SOA
	var err error
	if s.MName, s.MTruncated, err = r.nameBefore(end); err != nil {
		return nil, err
	}
	if s.RName, s.RTruncated, err = r.nameBefore(end); err != nil {
		return nil, err
	}
	if r.pos+20 > end {
		return nil, errMalformed
	}
	b := r.msg[r.pos:]
	s.Serial, s.Refresh = binary.BigEndian.Uint32(b), binary.BigEndian.Uint32(b[4:])
	s.Retry, s.Expire = binary.BigEndian.Uint32(b[8:]), binary.BigEndian.Uint32(b[12:])
	s.Minimum = binary.BigEndian.Uint32(b[16:])
	return &s, nil
}

// options reads EDNS options (RFC 6891 §6.1.2).
func options(raw []byte) ([]Option, error) {
	var list []Option
	for len(raw) > 0 {
		if len(raw) < 4 {
			return nil, errMalformed
		}
		code, n := binary.BigEndian.Uint16(raw), int(binary.BigEndian.Uint16(raw[2:]))
		if 4+n > len(raw) {
			return nil, errMalformed
		}
		list = append(list, Option{code, clone(raw[4 : 4+n])})
		raw = raw[4+n:]
	}
	return list, nil
}
