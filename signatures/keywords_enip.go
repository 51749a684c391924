package signatures

import (
	"fmt"
	"strconv"
	"strings"

	"picket/signatures/language"
	"picket/traffic/app"
	"picket/traffic/app/enip"
)

// enipKeywords are the EtherNet/IP and CIP keywords of Suricata 8 ("ENIP/CIP Keywords" in its manual).
func enipKeywords() []Keyword {
	both := append(when(app.ToServer, 0, app.ENIP), when(app.ToClient, 0, app.ENIP)...)
	answer := when(app.ToClient, 0, app.ENIP)
	command := numberOrName("enip_command", 16, both, enip.CommandByName, enipPDU(func(u *enip.PDU) (uint64, bool) {
		return uint64(u.Command), true
	}))
	command.Aliases = []string{"enip.command"}
	return []Keyword{
		command,
		numberOrName("enip.status", 32, both, enip.StatusByName, enipPDU(func(u *enip.PDU) (uint64, bool) {
			return uint64(u.Status), true
		})),
		number("enip.protocol_version", 16, both, enipPDU(func(u *enip.PDU) (uint64, bool) {
			n, ok := u.Version()
			return uint64(n), ok
		})),
		number("enip.capabilities", 16, answer, enipPDU(func(u *enip.PDU) (uint64, bool) {
			s := u.Services()
			if s == nil {
				return 0, false
			}
			return uint64(s.Capabilities), true
		})),
		enipIdentity("enip.vendor_id", 16, func(i *enip.Identity) uint64 { return uint64(i.Vendor) }),
		enipIdentity("enip.device_type", 16, func(i *enip.Identity) uint64 { return uint64(i.DeviceType) }),
		enipIdentity("enip.product_code", 16, func(i *enip.Identity) uint64 { return uint64(i.ProductCode) }),
		enipIdentity("enip.revision", 16, func(i *enip.Identity) uint64 { return uint64(i.Revision()) }),
		enipIdentity("enip.identity_status", 16, func(i *enip.Identity) uint64 { return uint64(i.Status) }),
		enipIdentity("enip.serial", 32, func(i *enip.Identity) uint64 { return uint64(i.Serial) }),
		enipIdentity("enip.state", 8, func(i *enip.Identity) uint64 { return uint64(i.State) }),
		{Name: "cip_service", Aliases: []string{"enip.cip_service"}, Parse: parseCIPService},
		cipRequest("enip.cip_class", func(m *enip.Message, match func(uint32) bool) bool { return m.Names(enip.Class, match) }),
		cipRequest("enip.cip_instance", func(m *enip.Message, match func(uint32) bool) bool { return m.Names(enip.Instance, match) }),
		cipRequest("enip.cip_attribute", (*enip.Message).HasAttribute),
		cipAnswer("enip.cip_status", 8, func(m *enip.Message) (uint16, bool) { return uint16(m.Status), true }),
		cipAnswer("enip.cip_extendedstatus", 16, (*enip.Message).ExtendedStatus),
		buffer(Buffer{Name: "enip.product_name", Points: at(app.ToClient, 0, enipName(func(u *enip.PDU) []byte {
			if i := u.Identity(); i != nil {
				return i.ProductName
			}
			return nil
		}), app.ENIP)}),
		buffer(Buffer{Name: "enip.service_name", Points: at(app.ToClient, 0, enipName(func(u *enip.PDU) []byte {
			if s := u.Services(); s != nil {
				return s.Name
			}
			return nil
		}), app.ENIP)}),
	}
}

// enipOf returns the PDU of a direction, or nil.
func enipOf(v *view, dir app.Direction) *enip.PDU {
	if t, ok := v.Tx.Data.(*enip.Transaction); ok {
		return t.PDU(dir)
	}
	return nil
}

// enipPDU makes a getter of one for the PDU of the direction under inspection.
func enipPDU(get func(*enip.PDU) (uint64, bool)) func(*view) (uint64, bool) {
	return func(v *view) (uint64, bool) {
		if u := enipOf(v, v.Dir); u != nil {
			return get(u)
		}
		return 0, false
	}
}

func enipName(get func(*enip.PDU) []byte) func(*view) []byte {
	return func(v *view) []byte {
		if u := enipOf(v, app.ToClient); u != nil {
			return get(u)
		}
		return nil
	}
}

// enipIdentity compares a number that a device says of itself.
func enipIdentity(name string, bits int, get func(*enip.Identity) uint64) Keyword {
	return number(name, bits, when(app.ToClient, 0, app.ENIP), enipPDU(func(u *enip.PDU) (uint64, bool) {
		if i := u.Identity(); i != nil {
			return get(i), true
		}
		return 0, false
	}))
}

// testCIP adds a condition that one message of a direction has to meet, the one in the PDU or one of its parts.
func (b *builder) testCIP(name string, points []Point, dir func(*view) app.Direction, test func(*enip.Message) bool) error {
	return b.testTx(name, points, func(v *view) bool {
		u := enipOf(v, dir(v))
		if u == nil {
			return false
		}
		m := u.CIP()
		return m != nil && m.Each(test)
	})
}

// cipRequest compares a number that a request is about.
func cipRequest(name string, has func(*enip.Message, func(uint32) bool) bool) Keyword {
	points := append(when(app.ToServer, 0, app.ENIP), when(app.ToClient, 0, app.ENIP)...)
	return Keyword{Name: name, Parse: func(b *builder, arg string) error {
		n, err := language.ParseNumber(arg, 32)
		if err != nil {
			return err
		}
		match := func(value uint32) bool { return n.Match(uint64(value)) }
		return b.testCIP(name, points, func(*view) app.Direction { return app.ToServer }, func(m *enip.Message) bool {
			return has(m, match)
		})
	}}
}

// cipAnswer compares a number of an answer.
func cipAnswer(name string, bits int, get func(*enip.Message) (uint16, bool)) Keyword {
	return Keyword{Name: name, Parse: func(b *builder, arg string) error {
		n, err := language.ParseNumber(arg, bits)
		if err != nil {
			return err
		}
		points := when(app.ToClient, 0, app.ENIP)
		return b.testCIP(name, points, func(*view) app.Direction { return app.ToClient }, func(m *enip.Message) bool {
			have, ok := get(m)
			return m.Response && ok && n.Match(uint64(have))
		})
	}}
}

// parseCIPService reads "service", "service,class" or "service,class,attribute"; "!attribute" asks for no attribute.
func parseCIPService(b *builder, arg string) error {
	var numbers []uint32
	words := strings.Split(arg, ",")
	for i, w := range words {
		w = strings.TrimSpace(w)
		if i == 2 && strings.HasPrefix(w, "!") {
			w = "0"
			words = words[:2]
		}
		n, err := strconv.ParseUint(w, 10, 32)
		if err != nil || i == 0 && n > 0x7f || i > 2 {
			return fmt.Errorf("cip_service: %q is not a service below 128, with a class and an attribute if need be", arg)
		}
		numbers = append(numbers, uint32(n))
	}
	numbers = numbers[:len(words)]
	points := append(when(app.ToServer, 0, app.ENIP), when(app.ToClient, 0, app.ENIP)...)
	return b.testCIP("cip_service", points, func(v *view) app.Direction { return v.Dir }, func(m *enip.Message) bool {
		return uint32(m.Service) == numbers[0] &&
			(len(numbers) < 2 || m.Names(enip.Class, func(c uint32) bool { return c == numbers[1] })) &&
			(len(numbers) < 3 || m.HasAttribute(func(a uint32) bool { return a == numbers[2] }))
	})
}
