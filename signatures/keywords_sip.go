package signatures

import (
	"picket/traffic/app"
	"picket/traffic/app/sip"
)

// sipKeywords are the SIP and SDP keywords of Suricata 8 ("SIP Keywords" and "SDP Keywords" in its manual). A
// message is a transaction of its own, complete when it is there, so every point stands at progress 0.
func sipKeywords() []Keyword {
	all := []Keyword{}
	for _, b := range []Buffer{
		{Name: "sip.method", Points: sipAt(app.ToServer, func(m *sip.Message) []byte { return m.Method })},
		{Name: "sip.uri", Points: sipAt(app.ToServer, func(m *sip.Message) []byte { return m.URI })},
		{Name: "sip.request_line", Points: sipAt(app.ToServer, func(m *sip.Message) []byte { return m.Line })},
		{Name: "sip.stat_code", Points: sipAt(app.ToClient, func(m *sip.Message) []byte { return m.Code })},
		{Name: "sip.stat_msg", Points: sipAt(app.ToClient, func(m *sip.Message) []byte { return m.Reason })},
		{Name: "sip.response_line", Points: sipAt(app.ToClient, func(m *sip.Message) []byte { return m.Line })},
		{Name: "sip.protocol", Points: append(sipAt(app.ToServer, sipVersion), sipAt(app.ToClient, sipVersion)...)},
		{Name: "sip.from", Points: sipField("From", "f")},
		{Name: "sip.to", Points: sipField("To", "t")},
		{Name: "sip.via", Points: sipField("Via", "v")},
		{Name: "sip.user_agent", Points: sipField("User-Agent", "")},
		{Name: "sip.content_type", Points: sipField("Content-Type", "c")},
		{Name: "sip.content_length", Points: sipField("Content-Length", "l")},
		{Name: "sdp.origin", Points: sdpLine(func(s *sip.Session) []byte { return s.Origin })},
		{Name: "sdp.session_name", Points: sdpLine(func(s *sip.Session) []byte { return s.Name })},
		{Name: "sdp.session_info", Points: sdpLine(func(s *sip.Session) []byte { return s.Info })},
		{Name: "sdp.uri", Points: sdpLine(func(s *sip.Session) []byte { return s.URI })},
		{Name: "sdp.email", Points: sdpLine(func(s *sip.Session) []byte { return s.Email })},
		{Name: "sdp.phone_number", Points: sdpLine(func(s *sip.Session) []byte { return s.Phone })},
		{Name: "sdp.connection_data", Points: sdpLine(func(s *sip.Session) []byte { return s.Connection })},
		{Name: "sdp.bandwidth", Points: sdpLines(func(s *sip.Session) [][]byte { return s.Bandwidths })},
		{Name: "sdp.time", Points: sdpTime(func(t *sip.Time) []byte { return t.Active })},
		{Name: "sdp.repeat_time", Points: sdpTime(func(t *sip.Time) []byte { return t.Repeat })},
		{Name: "sdp.timezone", Points: sdpLine(func(s *sip.Session) []byte { return s.Zone })},
		{Name: "sdp.encryption_key", Points: sdpLine(func(s *sip.Session) []byte { return s.Key })},
		{Name: "sdp.attribute", Points: sdpLines(func(s *sip.Session) [][]byte { return s.Attributes })},
		{Name: "sdp.media.media", Points: sdpMedia(func(m *sip.Media) []byte { return m.Media })},
		{Name: "sdp.media.session_info", Aliases: []string{"sdp.media.media_info"}, Points: sdpMedia(func(m *sip.Media) []byte { return m.Info })},
		{Name: "sdp.media.connection_data", Points: sdpMedia(func(m *sip.Media) []byte { return m.Connection })},
		{Name: "sdp.media.encryption_key", Points: sdpMedia(func(m *sip.Media) []byte { return m.Key })},
	} {
		all = append(all, buffer(b))
	}
	return all
}

func sipVersion(m *sip.Message) []byte { return m.Version }

func sipAt(dir app.Direction, get func(*sip.Message) []byte) []Point {
	return at(dir, 0, func(v *view) []byte {
		if m, ok := v.Tx.Data.(*sip.Message); ok {
			return get(m)
		}
		return nil
	}, app.SIP)
}

// sipEach makes the points of a buffer that a message of either direction may have several times.
func sipEach(get func(m *sip.Message, i int) ([]byte, bool)) []Point {
	of := func(v *view, i int) ([]byte, bool) {
		if m, ok := v.Tx.Data.(*sip.Message); ok {
			return get(m, i)
		}
		return nil, false
	}
	return append(each(app.ToServer, 0, of, app.SIP), each(app.ToClient, 0, of, app.SIP)...)
}

func sipField(long, compact string) []Point {
	return sipEach(func(m *sip.Message, i int) ([]byte, bool) { return m.Get(long, compact, i) })
}

func sdpLine(get func(*sip.Session) []byte) []Point {
	of := func(m *sip.Message) []byte {
		if m.SDP == nil {
			return nil
		}
		return get(m.SDP)
	}
	return append(sipAt(app.ToServer, of), sipAt(app.ToClient, of)...)
}

func sdpLines(get func(*sip.Session) [][]byte) []Point {
	return sipEach(func(m *sip.Message, i int) ([]byte, bool) {
		if m.SDP == nil {
			return nil, false
		}
		list := get(m.SDP)
		if i >= len(list) {
			return nil, false
		}
		return list[i], true
	})
}

// nthLine is the i-th line among those of a list that have one.
func nthLine[T any](list []T, get func(*T) []byte, i int) ([]byte, bool) {
	for k := range list {
		b := get(&list[k])
		if b == nil {
			continue
		}
		if i == 0 {
			return b, true
		}
		i--
	}
	return nil, false
}

// sdpTime numbers the time descriptions that have a line.
func sdpTime(get func(*sip.Time) []byte) []Point {
	return sipEach(func(m *sip.Message, i int) ([]byte, bool) {
		if m.SDP == nil {
			return nil, false
		}
		return nthLine(m.SDP.Times, get, i)
	})
}

// sdpMedia numbers the media descriptions that have a line.
func sdpMedia(get func(*sip.Media) []byte) []Point {
	return sipEach(func(m *sip.Message, i int) ([]byte, bool) {
		if m.SDP == nil {
			return nil, false
		}
		return nthLine(m.SDP.Media, get, i)
	})
}
