package eve

import (
	"picket/traffic/app"
	"picket/traffic/app/snmp"
)

// appendSNMP writes a message as rust/src/snmp/log.rs does.
func appendSNMP(j *JSON, tx *app.Transaction, _ *Context) bool {
	m, ok := tx.Data.(*snmp.Message)
	if !ok {
		return false
	}
	j.Object("snmp")
	j.Uint("version", uint64(m.Version))
	if m.Encrypted {
		j.Str("pdu_type", "encrypted")
	} else {
		snmpPDU(j, m)
	}
	textIf(j, "community", m.Community)
	textIf(j, "usm", m.USM)
	j.EndObject()
	return true
}

func snmpPDU(j *JSON, m *snmp.Message) {
	j.Str("pdu_type", snmp.PDUName(m.PDU))
	if m.Error != 0 {
		j.Str("error", snmp.ErrorName(m.Error))
	}
	if t := m.Trap; t != nil {
		j.Str("trap_type", snmp.TrapName(t.Type))
		j.Str("trap_oid", t.OID)
		if t.Address.IsValid() {
			j.Str("trap_address", t.Address.String())
		}
	}
	if len(m.Vars) == 0 {
		return
	}
	j.Array("vars")
	for _, v := range m.Vars {
		j.Str("", v)
	}
	j.EndArray()
}
