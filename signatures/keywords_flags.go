package signatures

import (
	"errors"
	"fmt"
	"strings"

	"picket/traffic/packet"
)

// parseFlags reads "[!+*]FSRPAUEC12[,ignored]" and "0".
func parseFlags(b *builder, arg string) error {
	want, ignored, _ := strings.Cut(arg, ",")
	mode := byte(0)
	want = strings.TrimSpace(want)
	var letters string
	for i := range len(want) {
		switch c := want[i]; c {
		case '!', '+', '*', '-':
			if mode != 0 {
				return errors.New("only one of ! + * - can be given")
			}
			if mode = c; c == '-' {
				mode = '*'
			}
		case ' ':
		default:
			letters += string(c)
		}
	}
	set, err := flagBits(letters)
	if err != nil {
		return err
	}
	var mask uint8
	if ignored != "" {
		if mask, err = flagBits(strings.TrimSpace(ignored)); err != nil {
			return err
		}
	}
	if mode == 0 || mode == '+' {
		b.flagsSet = set
	}
	return b.testHeader("flags", func(v *view) bool {
		p := v.Packet
		if p.L4 == nil || p.Has(packet.Pseudo) {
			return false
		}
		f := p.TCP.Flags &^ mask
		switch mode {
		case '+':
			return f&set == set && set != 0
		case '*':
			return f&set != 0
		case '!':
			return f&set != set || set == 0 && f != 0
		}
		return f == set
	}, packet.TCP)
}

func flagBits(letters string) (uint8, error) {
	var set uint8
	if letters == "" {
		return 0, errors.New("no flags are given")
	}
	for _, c := range strings.ToUpper(letters) {
		switch c {
		case '0':
		case 'C', '1':
			set |= packet.CWR
		case 'E', '2':
			set |= packet.ECE
		default:
			i := strings.IndexRune("FSRPAU", c)
			if i < 0 {
				return 0, fmt.Errorf("unknown flag %q", c)
			}
			set |= 1 << i
		}
	}
	return set, nil
}

func parseFragbits(b *builder, arg string) error {
	mode := byte(0)
	var set uint8
	for _, c := range strings.ToUpper(arg) {
		switch c {
		case '+', '*', '!':
			if mode != 0 {
				return errors.New("only one of + * ! can be given")
			}
			mode = byte(c)
		case 'M':
			set |= fragMore
		case 'D':
			set |= fragDont
		case 'R':
			set |= fragReserved
		case ' ', ',':
		default:
			return fmt.Errorf("unknown bit %q", c)
		}
	}
	if set == 0 {
		return errors.New("no bits are given")
	}
	return b.testHeader("fragbits", func(v *view) bool {
		p := v.Packet
		if p.Family != 4 || len(p.IP) < 8 || p.Has(packet.Rebuilt) {
			return false
		}
		f := p.IP[6] & (fragReserved | fragDont | fragMore)
		switch mode {
		case '+':
			return f&set == set
		case '*':
			return f&set != 0
		case '!':
			return f != set
		}
		return f == set
	})
}

// ipOptions are the names of IPv4 options (RFC 791, RFC 1108, RFC 1393 …).
var ipOptions = map[string]byte{
	"eol": 0, "nop": 1, "rr": 7, "ts": 68, "sec": 130, "esec": 133, "lsrr": 131, "ssrr": 137, "satid": 136, "cipso": 134,
	"rtralt": 148, "any": 255,
}

func parseIPOpts(b *builder, arg string) error {
	want, ok := ipOptions[strings.ToLower(arg)]
	if !ok {
		return fmt.Errorf("unknown IP option %q", arg)
	}
	return b.testHeader("ipopts", func(v *view) bool {
		p := v.Packet
		if p.Family != 4 || int(p.IPHdrLen) > len(p.IP) || p.IPHdrLen <= 20 {
			return false
		}
		return hasIPOption(p.IP[20:p.IPHdrLen], want)
	})
}

func hasIPOption(opts []byte, want byte) bool {
	if want == ipOptions["any"] {
		return len(opts) > 0
	}
	for len(opts) > 0 {
		if opts[0] == want {
			return true
		}
		n := 1
		if opts[0] > 1 {
			if len(opts) < 2 || opts[1] < 2 {
				return false
			}
			n = int(opts[1])
		} else if opts[0] == 0 {
			return false
		}
		if n > len(opts) {
			return false
		}
		opts = opts[n:]
	}
	return false
}
