package signatures

import (
	"bytes"
	"fmt"
	"strings"

	"picket/signatures/language"
	"picket/traffic/app"
	"picket/traffic/app/http2"
)

// http2Keywords are the keywords of HTTP/2 alone ("HTTP2 Keywords" in Suricata's manual). Frames come as long as a
// stream is open, so what looks at them may become true late.
func http2Keywords() []Keyword {
	both := late(append(when(app.ToServer, 0, http2Protos()...), when(app.ToClient, 0, http2Protos()...)...))
	return []Keyword{
		{Name: "http2.frametype", Parse: parseFrameType(both)},
		{Name: "http2.errorcode", Parse: http2List("http2.errorcode", 32, errorCodeByName, both,
			func(s *http2.Side, i int) (uint64, bool) { return listed(s.ErrorCodes, i) })},
		numbers("http2.priority", 8, both, ofSide(func(s *http2.Side, i int) (uint64, bool) { return listed(s.Priorities, i) })),
		numbers("http2.window", 32, both, ofSide(func(s *http2.Side, i int) (uint64, bool) { return listed(s.Windows, i) })),
		numbers("http2.size_update", 64, both, ofSide(sizeUpdate)),
		{Name: "http2.settings", Parse: parseHTTP2Settings},
		buffer(Buffer{Name: "http2.header_name", Points: http2Each(http2.Open, http2.Open, func(_ *view, f *http2.Field) []byte { return f.Name })}),
		buffer(Buffer{Name: "http2.header", Points: http2Each(http2.Open, http2.Open, fieldLine)}),
	}
}

// http2Protos are the protocols whose transactions are streams of HTTP/2.
func http2Protos() []app.Proto { return []app.Proto{app.HTTP2, app.DoH2} }

// http2Tx returns the transaction as a stream; nil when it is none.
func http2Tx(v *view) *http2.Transaction {
	t, _ := v.Tx.Data.(*http2.Transaction)
	return t
}

// http2Side returns what was sent on the stream in the direction under inspection; nil when it is none.
func http2Side(v *view) *http2.Side {
	if t := http2Tx(v); t != nil {
		return &t.Sides[v.Dir]
	}
	return nil
}

func listed[T uint8 | uint32](list []T, i int) (uint64, bool) {
	if i >= len(list) {
		return 0, false
	}
	return uint64(list[i]), true
}

func ofSide(get func(s *http2.Side, i int) (uint64, bool)) func(*view, int) (uint64, bool) {
	return func(v *view, i int) (uint64, bool) {
		if s := http2Side(v); s != nil {
			return get(s, i)
		}
		return 0, false
	}
}

// sizeUpdate returns the i-th new size of a header table.
func sizeUpdate(s *http2.Side, i int) (uint64, bool) {
	for k := range s.Fields {
		if s.Fields[k].Kind != http2.SizeUpdate {
			continue
		}
		if i == 0 {
			return s.Fields[k].Update, true
		}
		i--
	}
	return 0, false
}

// frameTypeByName knows frame types by their names, with or without underscores.
func frameTypeByName(name string) (uint64, bool) {
	name = strings.ReplaceAll(strings.ToUpper(name), "_", "")
	for i, n := range [...]string{"DATA", "HEADERS", "PRIORITY", "RSTSTREAM", "SETTINGS", "PUSHPROMISE", "PING", "GOAWAY",
		"WINDOWUPDATE", "CONTINUATION"} {
		if n == name {
			return uint64(i), true
		}
	}
	return 0, false
}

// parseFrameType reads http2.frametype: one frame of such a type is enough.
func parseFrameType(points []Point) func(*builder, string) error {
	return func(b *builder, arg string) error {
		n, err := language.ParseNumberOrName(arg, 8, frameTypeByName)
		if err != nil {
			return err
		}
		return b.testTx("http2.frametype", points, func(v *view) bool {
			s := http2Side(v)
			for t := http2.Data; s != nil && t <= http2.Continuation; t++ {
				if s.Has(t) && n.Match(uint64(t)) {
					return true
				}
			}
			return false
		})
	}
}

// http2List reads a comparison, by number or name, with each of a list.
func http2List(name string, bits int, names func(string) (uint64, bool), points []Point, get func(*http2.Side, int) (uint64, bool)) func(*builder, string) error {
	return func(b *builder, arg string) error {
		n, err := language.ParseNumberOrName(arg, bits, names)
		if err != nil {
			return err
		}
		return b.testTx(name, points, func(v *view) bool {
			s := http2Side(v)
			for i := 0; s != nil; i++ {
				if have, ok := get(s, i); !ok || n.Match(have) {
					return ok
				}
			}
			return false
		})
	}
}

func errorCodeByName(name string) (uint64, bool) {
	for i, n := range [...]string{"NO_ERROR", "PROTOCOL_ERROR", "INTERNAL_ERROR", "FLOW_CONTROL_ERROR", "SETTINGS_TIMEOUT",
		"STREAM_CLOSED", "FRAME_SIZE_ERROR", "REFUSED_STREAM", "CANCEL", "COMPRESSION_ERROR", "CONNECT_ERROR",
		"ENHANCE_YOUR_CALM", "INADEQUATE_SECURITY", "HTTP_1_1_REQUIRED"} {
		if n == strings.ToUpper(name) {
			return uint64(i), true
		}
	}
	return 0, false
}

// parseHTTP2Settings reads http2.settings: a parameter, and what its value must compare to.
func parseHTTP2Settings(b *builder, arg string) error {
	arg = strings.TrimSpace(arg)
	id, rest := uint16(0), ""
	for i, name := range [...]string{"SETTINGS_HEADER_TABLE_SIZE", "SETTINGS_ENABLE_PUSH", "SETTINGS_MAX_CONCURRENT_STREAMS",
		"SETTINGS_INITIAL_WINDOW_SIZE", "SETTINGS_MAX_FRAME_SIZE", "SETTINGS_MAX_HEADER_LIST_SIZE"} {
		if len(arg) >= len(name) && strings.EqualFold(arg[:len(name)], name) {
			id, rest = uint16(i+1), strings.TrimSpace(arg[len(name):])
		}
	}
	if id == 0 {
		return fmt.Errorf("http2.settings: %q begins with no setting's name", arg)
	}
	any, n := rest == "", language.Number{}
	if !any {
		var err error
		if n, err = language.ParseNumber(strings.TrimPrefix(rest, "="), 32); err != nil {
			return err
		}
	}
	points := late(append(when(app.ToServer, 0, http2Protos()...), when(app.ToClient, 0, http2Protos()...)...))
	return b.testTx("http2.settings", points, func(v *view) bool {
		s := http2Side(v)
		for i := 0; s != nil && i < len(s.Settings); i++ {
			if s.Settings[i].ID == id && (any || n.Match(uint64(s.Settings[i].Value))) {
				return true
			}
		}
		return false
	})
}

// http2Points are what the HTTP keywords look at in streams of HTTP/2, by the buffer's name. Suricata judges the client's
// message when its content begins or it is over, the server's likewise.
func http2Points() map[string][]Point {
	m := map[string][]Point{
		"http.uri":             http2Field(":path", true, false),
		"http.uri.raw":         http2Field(":path", true, false),
		"http.method":          http2Field(":method", true, false),
		"http.stat_code":       http2Field(":status", false, true),
		"http.request_line":    http2One(app.ToServer, requestLine),
		"http.response_line":   http2One(app.ToClient, responseLine),
		"http.protocol":        http2Both(func(*view, *http2.Transaction) []byte { return []byte(protocolHTTP2) }),
		"http.stat_msg":        http2One(app.ToClient, func(*view, *http2.Transaction) []byte { return []byte{} }),
		"http.header":          http2Both(func(v *view, t *http2.Transaction) []byte { return t.Sides[v.Dir].HeaderBuffer() }),
		"http.header.raw":      http2Both(func(v *view, t *http2.Transaction) []byte { return t.Sides[v.Dir].RawHeaders() }),
		"http.header_names":    http2Both(func(v *view, t *http2.Transaction) []byte { return t.Sides[v.Dir].HeaderNames() }),
		"http.cookie":          append(http2Field("cookie", true, false), http2Field("set-cookie", false, true)...),
		"http.host":            http2One(app.ToServer, func(v *view, t *http2.Transaction) []byte { return v.lower(hostOnly(t.Host())) }),
		"http.host.raw":        http2One(app.ToServer, func(_ *view, t *http2.Transaction) []byte { return t.Host() }),
		"http.request_header":  http2Each(http2.ClientData, 0, fieldLine),
		"http.response_header": http2Each(0, http2.ServerData, fieldLine),
		"http.request_body":    late(each(app.ToServer, http2.ClientData, readyFile, http2Protos()...)),
		"http.response_body":   late(each(app.ToClient, http2.ServerData, readyFile, http2Protos()...)),
	}
	for buffer, f := range map[string]struct {
		name           string
		client, server bool
	}{
		"http.user_agent": {"user-agent", true, false}, "http.accept": {"accept", true, false},
		"http.accept_enc": {"accept-encoding", true, false}, "http.accept_lang": {"accept-language", true, false},
		"http.referer": {"referer", true, false}, "http.content_len": {"content-length", true, true},
		"http.content_type": {"content-type", true, true}, "http.location": {"location", false, true},
		"http.server": {"server", false, true}, "http.connection": {"connection", true, true},
	} {
		m[buffer] = http2Field(f.name, f.client, f.server)
	}
	return m
}

const protocolHTTP2 = "HTTP/2"

// http2One makes the points of a buffer of one direction.
func http2One(dir app.Direction, get func(*view, *http2.Transaction) []byte) []Point {
	step := http2.ClientData
	if dir == app.ToClient {
		step = http2.ServerData
	}
	return at(dir, step, func(v *view) []byte {
		if t := http2Tx(v); t != nil {
			return get(v, t)
		}
		return nil
	}, http2Protos()...)
}

func http2Both(get func(*view, *http2.Transaction) []byte) []Point {
	return append(http2One(app.ToServer, get), http2One(app.ToClient, get)...)
}

// http2Field makes the points of a field of the client's or the server's message, or of both.
func http2Field(name string, client, server bool) []Point {
	var points []Point
	get := func(v *view, t *http2.Transaction) []byte { return t.Sides[v.Dir].Get(name) }
	if client {
		points = append(points, http2One(app.ToServer, get)...)
	}
	if server {
		points = append(points, http2One(app.ToClient, get)...)
	}
	return points
}

// http2Each makes the points of a buffer that is there for each field of the client's message from its step on, and of
// the server's; step 0: not in that direction.
func http2Each(client, server app.Progress, get func(*view, *http2.Field) []byte) []Point {
	field := func(v *view, i int) ([]byte, bool) {
		s := http2Side(v)
		for k := 0; s != nil && k < len(s.Fields); k++ {
			if s.Fields[k].Kind != http2.Plain {
				continue
			}
			if i == 0 {
				return get(v, &s.Fields[k]), true
			}
			i--
		}
		return nil, false
	}
	var points []Point
	if client > 0 {
		points = append(points, each(app.ToServer, client, field, http2Protos()...)...)
	}
	if server > 0 {
		points = append(points, each(app.ToClient, server, field, http2Protos()...)...)
	}
	return points
}

func fieldLine(v *view, f *http2.Field) []byte { return v.keep(f.Name, []byte(": "), f.Value) }

func requestLine(v *view, t *http2.Transaction) []byte {
	s := &t.Sides[app.ToServer]
	method := s.Get(":method")
	if method == nil {
		return nil
	}
	return v.keep(method, []byte(" "), s.Get(":path"), []byte(" "+protocolHTTP2+"\r\n"))
}

func responseLine(v *view, t *http2.Transaction) []byte {
	status := t.Sides[app.ToClient].Get(":status")
	if status == nil {
		return nil
	}
	return v.keep([]byte(protocolHTTP2+" "), status, []byte("\r\n"))
}

// hostOnly takes user information and port off an authority.
func hostOnly(b []byte) []byte {
	if i := bytes.IndexByte(b, '@'); i >= 0 {
		b = b[i+1:]
	}
	if i := bytes.IndexByte(b, ':'); i >= 0 && (len(b) == 0 || b[0] != '[') {
		return b[:i]
	}
	return b
}

// lower returns b in lower case: b itself when it is, else a copy in the packet's arena; nil for nil.
func (v *view) lower(b []byte) []byte {
	if b == nil || bytes.IndexFunc(b, func(r rune) bool { return r >= 'A' && r <= 'Z' }) < 0 {
		return b
	}
	c := v.keep(b)
	for i, x := range c {
		c[i] = lower(x)
	}
	return c
}
