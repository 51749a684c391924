package eve

import (
	"encoding/hex"
	"strings"

	"picket/traffic/app"
	"picket/traffic/app/rdp"
)

// appendRDP writes a message of the handshake as rust/src/rdp/log.rs does.
func appendRDP(j *JSON, tx *app.Transaction, _ *Context) bool {
	m, ok := tx.Data.(*rdp.Message)
	if !ok {
		return false
	}
	j.Object("rdp")
	j.Uint("tx_id", tx.ID+1)
	j.Str("event_type", m.Kind.String())
	switch m.Kind {
	case rdp.InitialRequest:
		textIf(j, "cookie", m.Cookie)
		if m.Negotiated {
			rdpFlags(j, "flags", m.Flags, "restricted_admin_mode_required", "redirected_authentication_mode_required", "", "correlation_info_present")
		}
	case rdp.InitialResponse:
		if m.Negotiated {
			rdpResponse(j, m)
		}
	case rdp.ConnectRequest:
		if m.Client != nil {
			rdpClient(j, m.Client)
		}
		textsIf(j, "channels", m.Channels)
	case rdp.TLSHandshake:
		j.Array("x509_serials")
		for _, s := range m.Serials {
			j.Str("", strings.TrimLeft(hex.EncodeToString(s), "0")+zero(len(s) == 0))
		}
		j.EndArray()
	}
	j.EndObject()
	return true
}

// rdpFlags writes the names of the bits that are set, from the lowest; nothing when none is.
func rdpFlags(j *JSON, key string, flags uint8, names ...string) {
	if flags == 0 {
		return
	}
	j.Array(key)
	for i, name := range names {
		if flags>>i&1 != 0 && name != "" {
			j.Str("", name)
		}
	}
	j.EndArray()
}

func rdpResponse(j *JSON, m *rdp.Message) {
	if m.Failed {
		reasons := [...]string{1: "ssl required by server", 2: "ssl not allowed by server", 3: "ssl cert not on server",
			4: "inconsistent flags", 5: "hybrid required by server", 6: "ssl with user auth required by server"}
		j.Uint("error_code", uint64(m.Number))
		if m.Number > 0 && int64(m.Number) < int64(len(reasons)) {
			j.Str("reason", reasons[m.Number])
		}
		return
	}
	rdpFlags(j, "server_supports", m.Flags, "extended_client_data", "dynvc_gfx", "", "restricted_admin", "redirected_authentication")
	protocols := map[uint32]string{0: "rdp", 1: "ssl", 2: "hybrid", 4: "rds_tls", 8: "hybrid_ex"}
	if name, ok := protocols[m.Number]; ok {
		j.Str("protocol", name)
	}
}

func rdpClient(j *JSON, k *rdp.Client) {
	j.Object("client")
	j.Str("version", k.VersionName())
	j.Uint("desktop_width", uint64(k.Width))
	j.Uint("desktop_height", uint64(k.Height))
	rdpNumber(j, "color_depth", k.Depth())
	j.Str("keyboard_layout", k.LayoutName())
	j.Str("build", k.BuildName())
	rdpText(j, "client_name", k.Name)
	rdpText(j, "keyboard_type", k.KeyboardName())
	rdpNumber(j, "keyboard_subtype", uint64(k.Subtype))
	rdpNumber(j, "function_keys", uint64(k.FunctionKeys))
	rdpText(j, "ime", k.IME)
	if k.Fields >= rdp.FieldProductID {
		j.Uint("product_id", uint64(k.ProductID))
	}
	rdpNumber(j, "serial_number", uint64(k.SerialNumber))
	if names := k.CapabilityNames(); len(names) > 0 {
		j.Array("capabilities")
		for _, n := range names {
			j.Str("", n)
		}
		j.EndArray()
	}
	rdpText(j, "id", k.DigitalID)
	rdpText(j, "connection_hint", k.HintName())
	for _, f := range [...]struct {
		field int
		key   string
		value uint64
	}{
		{rdp.FieldPhysicalWidth, "physical_width", uint64(k.PhysicalWidth)},
		{rdp.FieldPhysicalHeight, "physical_height", uint64(k.PhysicalHeight)},
		{rdp.FieldOrientation, "desktop_orientation", uint64(k.Orientation)},
		{rdp.FieldScale, "scale_factor", uint64(k.Scale)},
		{rdp.FieldDeviceScale, "device_scale_factor", uint64(k.DeviceScale)},
	} {
		if k.Fields >= f.field {
			j.Uint(f.key, f.value)
		}
	}
	j.EndObject()
}

func rdpNumber(j *JSON, key string, n uint64) {
	if n != 0 {
		j.Uint(key, n)
	}
}

func rdpText(j *JSON, key, s string) {
	if s != "" {
		j.Str(key, s)
	}
}
