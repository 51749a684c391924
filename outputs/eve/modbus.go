package eve

import (
	"picket/traffic/app"
	"picket/traffic/app/modbus"
)

// appendModbus writes a request and its answer (rust/src/modbus/log.rs).
func appendModbus(j *JSON, tx *app.Transaction, _ *Context) bool {
	t, ok := tx.Data.(*modbus.Transaction)
	if !ok {
		return false
	}
	j.Object("modbus")
	j.Uint("id", tx.ID+1)
	if t.Request != nil {
		modbusMessage(j, "request", t.Request)
	}
	if t.Response != nil {
		modbusMessage(j, "response", t.Response)
	}
	j.EndObject()
	return true
}

func modbusMessage(j *JSON, key string, m *modbus.Message) {
	j.Object(key)
	j.Uint("transaction_id", uint64(m.ID))
	j.Uint("protocol_id", uint64(m.Protocol))
	j.Uint("unit_id", uint64(m.Unit))
	j.Uint("function_raw", uint64(m.Raw))
	j.Str("function_code", m.FunctionName())
	j.Str("access_type", m.Access.String())
	j.Str("category", m.Category.String())
	switch {
	case m.Failed:
		j.Object("exception")
		j.Uint("raw", uint64(m.Exception))
		j.Str("code", m.ExceptionName())
		j.EndObject()
	case m.HasSub:
		j.Object(map[bool]string{true: "diagnostic", false: "mei"}[m.Function == modbus.Diagnostic])
		j.Uint("raw", uint64(m.Sub))
		j.Text("data", m.Data)
		j.EndObject()
	case m.Access == 0:
		j.Text("data", m.Data)
	default:
		modbusAccess(j, key == "request", m)
	}
	j.EndObject()
}

// modbusAccess writes what is read and what is written.
func modbusAccess(j *JSON, request bool, m *modbus.Message) {
	if m.Access&modbus.Read != 0 {
		j.Object("read")
		if request {
			j.Uint("address", uint64(m.Address))
			j.Uint("quantity", uint64(m.Quantity))
		} else {
			j.Text("data", m.Values)
		}
		j.EndObject()
	}
	if m.Access&modbus.Write == 0 || !request && m.Access&modbus.Read != 0 {
		return
	}
	j.Object("write")
	address := m.Address
	if m.Access&modbus.Read != 0 {
		address = m.WriteAddress
	}
	j.Uint("address", uint64(address))
	switch {
	case m.Access&modbus.Single != 0 && len(m.Values) == 2:
		j.Uint("data", uint64(m.Values[0])<<8|uint64(m.Values[1]))
	case m.Access&modbus.Multiple != 0:
		j.Uint("quantity", uint64(m.Quantity))
		j.Text("data", m.Values)
	default:
		j.Uint("and_mask", uint64(m.AndMask))
		j.Uint("or_mask", uint64(m.OrMask))
	}
	j.EndObject()
}
