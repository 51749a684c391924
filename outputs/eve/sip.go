package eve

import (
	"picket/traffic/app"
	"picket/traffic/app/sip"
)

// appendSIP writes a message and the session that it describes, as rust/src/sip/log.rs and rust/src/sdp/logger.rs do.
func appendSIP(j *JSON, tx *app.Transaction, _ *Context) bool {
	m, ok := tx.Data.(*sip.Message)
	if !ok {
		return false
	}
	j.Object("sip")
	if m.Request {
		j.Text("method", m.Method)
		j.Text("uri", m.URI)
		j.Text("version", m.Version)
		j.Text("request_line", m.Line)
	} else {
		j.Text("version", m.Version)
		j.Text("code", m.Code)
		j.Text("reason", m.Reason)
		j.Text("response_line", m.Line)
	}
	if m.SDP != nil {
		j.Object("sdp")
		sdpSession(j, m.SDP)
		j.EndObject()
	}
	j.EndObject()
	return true
}

func sdpSession(j *JSON, s *sip.Session) {
	textIf(j, "origin", s.Origin)
	textIf(j, "session_name", s.Name)
	textIf(j, "session_info", s.Info)
	textIf(j, "uri", s.URI)
	textIf(j, "email", s.Email)
	textIf(j, "phone_number", s.Phone)
	textIf(j, "connection_data", s.Connection)
	textsIf(j, "bandwidths", s.Bandwidths)
	j.Array("time_descriptions")
	for i := range s.Times {
		j.Object("")
		j.Text("time", s.Times[i].Active)
		textIf(j, "repeat_time", s.Times[i].Repeat)
		j.EndObject()
	}
	j.EndArray()
	textIf(j, "timezone", s.Zone)
	textIf(j, "encryption_key", s.Key)
	textsIf(j, "attributes", s.Attributes)
	if len(s.Media) == 0 {
		return
	}
	j.Array("media_descriptions")
	for i := range s.Media {
		m := &s.Media[i]
		j.Object("")
		j.Text("media", m.Media)
		textIf(j, "media_info", m.Info)
		textsIf(j, "bandwidths", m.Bandwidths)
		textIf(j, "connection_data", m.Connection)
		textIf(j, "encryption_key", m.Key)
		textsIf(j, "attributes", m.Attributes)
		j.EndObject()
	}
	j.EndArray()
}

// textIf writes a text that is there.
func textIf(j *JSON, key string, b []byte) {
	if b != nil {
		j.Text(key, b)
	}
}

// textsIf writes a list of texts that is not empty.
func textsIf(j *JSON, key string, list [][]byte) {
	if len(list) == 0 {
		return
	}
	j.Array(key)
	for _, b := range list {
		j.Text("", b)
	}
	j.EndArray()
}
