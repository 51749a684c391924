package eve

import (
	"fmt"

	"picket/traffic/app"
	"picket/traffic/app/enip"
)

// appendENIP writes a request and its answer (rust/src/enip/logger.rs).
func appendENIP(j *JSON, tx *app.Transaction, _ *Context) bool {
	t, ok := tx.Data.(*enip.Transaction)
	if !ok {
		return false
	}
	j.Object("enip")
	if t.Request != nil {
		enipPDU(j, "request", t.Request)
	}
	if t.Response != nil {
		enipPDU(j, "response", t.Response)
	}
	j.EndObject()
	return true
}

func enipPDU(j *JSON, key string, u *enip.PDU) {
	j.Object(key)
	j.Str("command", enipName(u.CommandName(), uint64(u.Command)))
	j.Str("status", enipName(u.StatusName(), uint64(u.Status)))
	if u.Options != 0 {
		j.Uint("options", uint64(u.Options))
	}
	if r := u.Register; r != nil {
		j.Object("register_session")
		j.Uint("protocol_version", uint64(r.Version))
		j.Uint("options", uint64(r.Options))
		j.EndObject()
	}
	if s := u.Services(); s != nil {
		j.Object("list_services")
		j.Uint("protocol_version", uint64(s.Version))
		j.Uint("capabilities", uint64(s.Capabilities))
		j.Text("service_name", s.Name)
		j.EndObject()
	}
	if i := u.Identity(); i != nil {
		enipIdentity(j, i)
	}
	if m := u.CIP(); m != nil {
		j.Object("cip")
		cipMessage(j, m)
		j.EndObject()
	}
	j.EndObject()
}

func enipName(name string, n uint64) string {
	if name == "" {
		return fmt.Sprintf("unknown-%d", n)
	}
	return name
}

func enipIdentity(j *JSON, i *enip.Identity) {
	j.Object("identity")
	j.Uint("protocol_version", uint64(i.Version))
	j.Str("revision", fmt.Sprintf("%d.%d", i.Major, i.Minor))
	j.Str("vendor_id", i.VendorName())
	j.Str("device_type", i.DeviceName())
	j.Uint("product_code", uint64(i.ProductCode))
	j.Uint("status", uint64(i.Status))
	j.Uint("serial", uint64(i.Serial))
	j.Text("product_name", i.ProductName)
	j.Uint("state", uint64(i.State))
	j.EndObject()
}

func cipMessage(j *JSON, m *enip.Message) {
	j.Str("service", m.ServiceName())
	if m.Response {
		cipAnswer(j, m)
	} else {
		cipRequest(j, m)
	}
	if len(m.Parts) == 0 {
		return
	}
	j.Array("multiple")
	for i := range m.Parts {
		j.Object("")
		cipMessage(j, &m.Parts[i])
		j.EndObject()
	}
	j.EndArray()
}

func cipAnswer(j *JSON, m *enip.Message) {
	j.Str("status", m.StatusName())
	if len(m.Extended) == 0 {
		return
	}
	j.Hex("status_extended", m.Extended)
	if meaning := m.ExtendedName(); meaning != "" {
		j.Str("status_extended_meaning", meaning)
	}
}

func cipRequest(j *JSON, m *enip.Message) {
	if len(m.Path) == 0 {
		return
	}
	j.Array("path")
	for _, s := range m.Path {
		j.Object("")
		j.Str("segment_type", s.KindName())
		j.Uint("value", uint64(s.Value))
		j.EndObject()
	}
	j.EndArray()
	if name, ok := m.ClassName(); ok {
		j.Str("class_name", name)
	}
}
