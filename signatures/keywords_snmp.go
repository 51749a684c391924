package signatures

import (
	"picket/traffic/app"
	"picket/traffic/app/snmp"
)

// snmpKeywords are the SNMP keywords of Suricata 8 ("SNMP Keywords" in its manual).
func snmpKeywords() []Keyword {
	both := append(when(app.ToServer, 0, app.SNMP), when(app.ToClient, 0, app.SNMP)...)
	return []Keyword{
		number("snmp.version", 32, both, func(v *view) (uint64, bool) {
			if m, ok := v.Tx.Data.(*snmp.Message); ok {
				return uint64(m.Version), true
			}
			return 0, false
		}),
		numberOrName("snmp.pdu_type", 32, both, func(name string) (uint64, bool) {
			t, ok := snmp.PDUByName(name)
			return uint64(t), ok
		}, func(v *view) (uint64, bool) {
			if m, ok := v.Tx.Data.(*snmp.Message); ok && !m.Encrypted {
				return uint64(m.PDU), true
			}
			return 0, false
		}),
		buffer(Buffer{Name: "snmp.community", Points: snmpText(func(m *snmp.Message) []byte { return m.Community })}),
		buffer(Buffer{Name: "snmp.usm", Points: snmpText(func(m *snmp.Message) []byte { return m.USM })}),
	}
}

func snmpText(get func(*snmp.Message) []byte) []Point {
	of := func(v *view) []byte {
		if m, ok := v.Tx.Data.(*snmp.Message); ok {
			return get(m)
		}
		return nil
	}
	return append(at(app.ToServer, 0, of, app.SNMP), at(app.ToClient, 0, of, app.SNMP)...)
}
