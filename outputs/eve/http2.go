package eve

import (
	"strconv"
	"strings"

	"picket/traffic/app"
	"picket/traffic/app/dns"
	"picket/traffic/app/http2"
)

// appendHTTP2 writes a stream, or a frame of the whole connection, as rust/src/http2/logger.rs does.
func appendHTTP2(j *JSON, tx *app.Transaction, _ *Context) bool {
	t, ok := tx.Data.(*http2.Transaction)
	if !ok {
		return false
	}
	client, server := &t.Sides[app.ToServer], &t.Sides[app.ToClient]
	j.Object("http")
	j.Str("version", "2")
	logged := http2Fields(j, "request_headers", client)
	logged = http2Fields(j, "response_headers", server) || logged
	http2Common(j, t)
	j.Object("http2")
	j.Uint("stream_id", uint64(t.Stream))
	j.Object("request")
	logged = http2Frames(j, client) || logged
	j.EndObject()
	j.Object("response")
	logged = http2Frames(j, server) || logged
	j.EndObject()
	j.EndObject()
	j.EndObject()
	return logged
}

// http2Fields writes the instructions of all header blocks: fields, new sizes of the table, errors.
func http2Fields(j *JSON, key string, s *http2.Side) bool {
	if len(s.Fields) == 0 {
		return false
	}
	j.Array(key)
	for i := range s.Fields {
		f := &s.Fields[i]
		j.Object("")
		switch f.Kind {
		case http2.Plain:
			j.Text("name", f.Name)
			j.Text("value", f.Value)
		case http2.SizeUpdate:
			j.Uint("table_size_update", f.Update)
		default:
			j.Str("error", f.Kind.String())
		}
		j.EndObject()
	}
	j.EndArray()
	return true
}

// http2Common writes what HTTP/1's records have too.
func http2Common(j *JSON, t *http2.Transaction) {
	client, server := &t.Sides[app.ToServer], &t.Sides[app.ToClient]
	for _, m := range [...]struct {
		key   string
		value []byte
	}{
		{"hostname", t.Host()}, {"url", client.Get(":path")}, {"http_method", client.Get(":method")},
		{"http_user_agent", client.Get("user-agent")},
	} {
		if m.value != nil {
			j.Text(m.key, m.value)
		}
	}
	if n, err := strconv.ParseUint(string(server.Get(":status")), 10, 64); err == nil {
		j.Uint("status", n)
	}
	length := server.Get("content-length")
	if length == nil {
		length = client.Get("content-length")
	}
	if n, err := strconv.ParseUint(string(length), 10, 64); err == nil {
		j.Uint("length", n)
	}
}

// http2Frames writes settings, the first error code and the first priority of a direction.
func http2Frames(j *JSON, s *http2.Side) bool {
	if len(s.Settings) > 0 {
		j.Array("settings")
		for _, set := range s.Settings {
			j.Object("")
			j.Str("settings_id", http2Setting(set.ID))
			j.Uint("settings_value", uint64(set.Value))
			j.EndObject()
		}
		j.EndArray()
	}
	if len(s.ErrorCodes) > 0 {
		j.Str("error_code", http2Error(s.ErrorCodes[0]))
	}
	if len(s.Priorities) > 0 {
		j.Uint("priority", uint64(s.Priorities[0]))
	}
	switch {
	case len(s.ErrorCodes) > 1:
		j.Str("has_multiple", "error_code")
	case len(s.Priorities) > 1:
		j.Str("has_multiple", "priority")
	}
	return len(s.Settings)+len(s.ErrorCodes)+len(s.Priorities) > 0
}

func http2Setting(id uint16) string {
	switch id {
	case http2.SettingTableSize:
		return "SETTINGSHEADERTABLESIZE"
	case http2.SettingPush:
		return "SETTINGSENABLEPUSH"
	case http2.SettingStreams:
		return "SETTINGSMAXCONCURRENTSTREAMS"
	case http2.SettingWindow:
		return "SETTINGSINITIALWINDOWSIZE"
	case http2.SettingFrameSize:
		return "SETTINGSMAXFRAMESIZE"
	case http2.SettingHeaderBytes:
		return "SETTINGSMAXHEADERLISTSIZE"
	}
	return strconv.Itoa(int(id))
}

// http2Error names an error code (RFC 9113 §7) without underscores, as Suricata does.
func http2Error(code uint32) string {
	names := [...]string{"NO_ERROR", "PROTOCOL_ERROR", "INTERNAL_ERROR", "FLOW_CONTROL_ERROR", "SETTINGS_TIMEOUT",
		"STREAM_CLOSED", "FRAME_SIZE_ERROR", "REFUSED_STREAM", "CANCEL", "COMPRESSION_ERROR", "CONNECT_ERROR",
		"ENHANCE_YOUR_CALM", "INADEQUATE_SECURITY", "HTTP11_REQUIRED"}
	if code < uint32(len(names)) {
		return strings.ReplaceAll(names[code], "_", "")
	}
	return strconv.FormatUint(uint64(code), 10)
}

// appendDoH2 writes a stream of DNS over HTTP/2: the stream's members, and those of the answer, or of the question when
// there is none.
func appendDoH2(j *JSON, tx *app.Transaction, c *Context) bool {
	t, ok := tx.Data.(*http2.Transaction)
	if !ok {
		return false
	}
	mark := j.Len()
	logged := appendHTTP2(j, tx, c)
	if !logged {
		j.Truncate(mark)
	}
	inner := dns.Transaction{Response: t.DNS[app.ToClient]}
	if inner.Response == nil {
		inner.Request = t.DNS[app.ToServer]
	}
	if inner.Message() == nil {
		return logged
	}
	of := *tx
	of.Data = &inner
	mark = j.Len()
	if !appendDNS(j, &of, c) {
		j.Truncate(mark)
		return logged
	}
	return true
}
