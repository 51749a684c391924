package packet

// Bits of Packet.ExtHdrs for the IPv4 options seen, in the order of ipOptions below.
const (
	OptEOL    uint32 = 1 << (iota + 16)
	OptNOP           // no operation
	OptRR            // record route
	OptQS            // quick start, RFC 4782
	OptTS            // timestamp
	OptSEC           // security, RFC 1108
	OptLSRR          // loose source route
	OptESEC          // extended security, RFC 1108
	OptCIPSO         // commercial security, FIPS 188
	OptSID           // stream identifier
	OptSSRR          // strict source route
	OptRTRALT        // router alert, RFC 2113
)

// Types of IPv4 options (IANA "IP option numbers").
const (
	ipoptEOL    = 0
	ipoptNOP    = 1
	ipoptRR     = 7
	ipoptQS     = 25
	ipoptTS     = 68
	ipoptSEC    = 130
	ipoptLSRR   = 131
	ipoptESEC   = 133
	ipoptCIPSO  = 134
	ipoptSID    = 136
	ipoptSSRR   = 137
	ipoptRTRALT = 148
)

// ipv4Options checks the options of an IPv4 header. A length that does not fit ends the reading of options; other
// faults concern one option only, and none of them the rest of the packet.
func (p *Packet) ipv4Options(o []byte) {
	if len(o)%8 != 0 {
		p.AddEvent(EvIPv4OptPadRequired)
	}
	for len(o) > 0 {
		switch {
		case o[0] == ipoptEOL:
			p.ExtHdrs |= OptEOL
			return
		case o[0] == ipoptNOP:
			p.ExtHdrs |= OptNOP
			o = o[1:]
			continue
		case len(o) < 2:
			p.AddEvent(EvIPv4OptEOLRequired)
			return
		}
		n := int(o[1])
		if n < 2 || n > len(o) {
			p.invalid(EvIPv4OptInvalidLen)
			return
		}
		p.ipv4Option(o[:n])
		o = o[n:]
	}
}

// ipv4Option checks one option with a length.
func (p *Packet) ipv4Option(o []byte) {
	bit, check := ipv4OptionRule(o[0])
	switch {
	case check == nil:
		p.AddEvent(EvIPv4OptInvalid)
		return
	case p.ExtHdrs&bit != 0:
		p.AddEvent(EvIPv4OptDuplicate)
		return
	}
	if e := check(o); e != EvNone {
		p.invalid(e)
		return
	}
	p.ExtHdrs |= bit
}

// ipv4OptionRule returns the bit of a known option and the check of its form.
func ipv4OptionRule(kind byte) (uint32, func([]byte) Event) {
	switch kind {
	case ipoptTS:
		return OptTS, optTimestamp
	case ipoptRR:
		return OptRR, optRoute
	case ipoptLSRR:
		return OptLSRR, optRoute
	case ipoptSSRR:
		return OptSSRR, optRoute
	case ipoptQS:
		return OptQS, func(o []byte) Event { return optLength(len(o) >= 8) }
	case ipoptSEC:
		return OptSEC, func(o []byte) Event { return optLength(len(o) == 11) }
	case ipoptESEC:
		return OptESEC, func(o []byte) Event { return optLength(len(o) >= 3) }
	case ipoptSID:
		return OptSID, func(o []byte) Event { return optLength(len(o) == 4) }
	case ipoptRTRALT:
		return OptRTRALT, func(o []byte) Event { return optLength(len(o) == 4) }
	case ipoptCIPSO:
		return OptCIPSO, optCIPSO
	}
	return 0, nil
}

func optLength(ok bool) Event {
	if ok {
		return EvNone
	}
	return EvIPv4OptInvalidLen
}

// optRoute checks type, length, pointer and a list of addresses (RFC 791). The pointer counts from 1, stands after
// the three bytes at least, and may point just behind the option when the list is full.
func optRoute(o []byte) Event {
	if len(o) < 3 {
		return EvIPv4OptInvalidLen
	}
	if ptr := int(o[2]); ptr < 4 || ptr%4 != 0 || ptr > len(o)+1 {
		return EvIPv4OptMalformed
	}
	return EvNone
}

// optTimestamp checks type, length, pointer, overflow and flag, and records of 4 or 8 bytes (RFC 791).
func optTimestamp(o []byte) Event {
	if len(o) < 5 {
		return EvIPv4OptInvalidLen
	}
	ptr, record := int(o[2]), 4
	if flag := o[3]; flag == 1 || flag == 3 { // addresses, too
		record = 8
	}
	if ptr < 5 || (ptr-5)%record != 0 || ptr > len(o)+1 {
		return EvIPv4OptMalformed
	}
	return EvNone
}

// optCIPSO checks type, length, domain and a list of tags (FIPS 188).
func optCIPSO(o []byte) Event {
	if len(o) < 10 {
		return EvIPv4OptInvalidLen
	}
	for tags := o[6:]; len(tags) > 0; {
		if len(tags) < 2 {
			return EvIPv4OptMalformed
		}
		kind, n := tags[0], int(tags[1])
		switch kind {
		case 1, 2, 5, 6, 7:
		default:
			return EvIPv4OptMalformed
		}
		if n < 4 || n > len(tags) || (kind != 7 && tags[2] != 0) { // the alignment byte is 0
			return EvIPv4OptMalformed
		}
		tags = tags[n:]
	}
	return EvNone
}
