package signatures

import (
	"bytes"
	"errors"
	"fmt"
	"strings"

	"picket/signatures/language"
	"picket/traffic/app"
	"picket/traffic/app/http1"
	"picket/traffic/app/http2"
)

// httpKeywords are the HTTP keywords of Suricata 8 ("HTTP Keywords" in its manual): sticky buffers, the older
// modifiers, and urilen.
func httpKeywords() []Keyword {
	all := []Keyword{
		{Name: "urilen", Parse: parseURILen},
	}
	second := http2Points()
	for _, b := range httpBuffers() {
		b.Points = append(b.Points, second[b.Name]...)
		all = append(all, buffer(b))
	}
	return all
}

// httpBuffers lists the sticky buffers with the modifiers that mean the same.
func httpBuffers() []Buffer {
	return []Buffer{
		{Name: "http.uri", Modifier: "http_uri", Points: httpURIPoints()},
		{Name: "http.uri.raw", Modifier: "http_raw_uri", Points: request(http1.Line, func(t *http1.Transaction) []byte { return t.Request.URI })},
		{Name: "http.method", Modifier: "http_method", Points: request(http1.Line, func(t *http1.Transaction) []byte { return t.Request.Method })},
		{Name: "http.request_line", Aliases: []string{"http_request_line"},
			Points: request(http1.Line, func(t *http1.Transaction) []byte { return t.Request.Line })},
		{Name: "http.response_line", Aliases: []string{"http_response_line"},
			Points: response(http1.Line, func(t *http1.Transaction) []byte { return t.Response.Line })},
		{Name: "http.protocol", Aliases: []string{"http_protocol"}, Points: both(http1.Line,
			func(t *http1.Transaction, dir app.Direction) []byte { return t.Message(dir).Protocol })},
		{Name: "http.header", Modifier: "http_header", Points: both(http1.HeadersStep, (*http1.Transaction).HeaderBuffer)},
		{Name: "http.header.raw", Modifier: "http_raw_header", Points: both(http1.HeadersStep,
			func(t *http1.Transaction, dir app.Direction) []byte { return t.Message(dir).Raw })},
		{Name: "http.header_names", Aliases: []string{"http_header_names"}, Points: both(http1.HeadersStep, (*http1.Transaction).HeaderNames)},
		{Name: "http.start", Aliases: []string{"http_start"}, Points: both(http1.HeadersStep, (*http1.Transaction).Start)},
		{Name: "http.cookie", Modifier: "http_cookie", Points: both(http1.HeadersStep, (*http1.Transaction).Cookie)},
		{Name: "http.user_agent", Modifier: "http_user_agent", Points: requestField("user-agent")},
		{Name: "http.host", Modifier: "http_host", Content: lowerCase,
			Points: request(http1.HeadersStep, func(t *http1.Transaction) []byte { return t.Host })},
		{Name: "http.host.raw", Modifier: "http_raw_host", Points: request(http1.HeadersStep, (*http1.Transaction).RawHost)},
		{Name: "http.accept", Aliases: []string{"http_accept"}, Points: requestField("accept")},
		{Name: "http.accept_enc", Aliases: []string{"http_accept_enc"}, Points: requestField("accept-encoding")},
		{Name: "http.accept_lang", Aliases: []string{"http_accept_lang"}, Points: requestField("accept-language")},
		{Name: "http.referer", Aliases: []string{"http_referer"}, Points: requestField("referer")},
		{Name: "http.connection", Aliases: []string{"http_connection"}, Points: field("connection")},
		{Name: "http.content_len", Aliases: []string{"http_content_len"}, Points: field("content-length")},
		{Name: "http.content_type", Aliases: []string{"http_content_type"}, Points: field("content-type")},
		{Name: "http.location", Aliases: []string{"http_location"}, Points: responseField("location")},
		{Name: "http.server", Aliases: []string{"http_server"}, Points: responseField("server")},
		{Name: "http.stat_code", Modifier: "http_stat_code", Points: response(http1.Line, func(t *http1.Transaction) []byte { return t.Response.Code })},
		{Name: "http.stat_msg", Modifier: "http_stat_msg", Points: response(http1.Line, func(t *http1.Transaction) []byte { return t.Response.Reason })},
		{Name: "http.request_header", Aliases: []string{"http_request_header"}, Points: fields(app.ToServer)},
		{Name: "http.response_header", Aliases: []string{"http_response_header"}, Points: fields(app.ToClient)},
		{Name: "http.request_body", Modifier: "http_client_body",
			Points: growing("", at(app.ToServer, http1.BodyStep, httpBody, app.HTTP1))},
		{Name: "http.response_body", Modifier: "http_server_body",
			Points: growing("http body", at(app.ToClient, http1.BodyStep, httpBody, app.HTTP1))},
		{Name: "file.data", Aliases: []string{"file_data"}, Points: contentPoints()},
	}
}

// httpTx returns the transaction as HTTP's record; nil when it is none.
func httpTx(v *view) *http1.Transaction {
	t, _ := v.Tx.Data.(*http1.Transaction)
	return t
}

// request makes the points of a buffer of the request.
func request(p app.Progress, get func(*http1.Transaction) []byte) []Point {
	return at(app.ToServer, p, ofHTTP(p, app.ToServer, get), app.HTTP1)
}

// response makes the points of a buffer of the answer.
func response(p app.Progress, get func(*http1.Transaction) []byte) []Point {
	return at(app.ToClient, p, ofHTTP(p, app.ToClient, get), app.HTTP1)
}

// ofHTTP makes a getter. What is made of the header fields is there when all of them are: a negated content must
// not match because the rest has not come.
func ofHTTP(p app.Progress, dir app.Direction, get func(*http1.Transaction) []byte) func(*view) []byte {
	return func(v *view) []byte {
		t := httpTx(v)
		if t == nil || p == http1.HeadersStep && !t.HeadersWhole(dir) {
			return nil
		}
		return get(t)
	}
}

// both makes the points of a buffer that requests and answers have.
func both(p app.Progress, get func(*http1.Transaction, app.Direction) []byte) []Point {
	return append(
		request(p, func(t *http1.Transaction) []byte { return get(t, app.ToServer) }),
		response(p, func(t *http1.Transaction) []byte { return get(t, app.ToClient) })...)
}

// field makes the points of a header field of both messages.
func field(name string) []Point {
	return both(http1.HeadersStep, func(t *http1.Transaction, dir app.Direction) []byte {
		return t.Message(dir).Headers.Get(name)
	})
}

func requestField(name string) []Point {
	return request(http1.HeadersStep, func(t *http1.Transaction) []byte { return t.Request.Headers.Get(name) })
}

func responseField(name string) []Point {
	return response(http1.HeadersStep, func(t *http1.Transaction) []byte { return t.Response.Headers.Get(name) })
}

// fields makes the points of a buffer that is there once for each header field: "Name: value".
func fields(dir app.Direction) []Point {
	return each(dir, http1.HeadersStep, func(v *view, i int) ([]byte, bool) {
		t := httpTx(v)
		if t == nil || !t.HeadersWhole(dir) || i >= len(t.Message(dir).Headers.List) {
			return nil, false
		}
		h := &t.Message(dir).Headers.List[i]
		return v.keep(h.Name, []byte(": "), h.Value), true
	}, app.HTTP1)
}

// httpBody is the content of the message in the direction under inspection; file.data uses it for answers too.
func httpBody(v *view) []byte {
	if t := httpTx(v); t != nil {
		return t.InspectBody(v.Dir)
	}
	return nil
}

// contentPoints are file.data's: the content of HTTP answers, decoded, and the files that other transactions carry.
func contentPoints() []Point {
	points := growing("http body", at(app.ToClient, http1.BodyStep, httpBody, app.HTTP1))
	points = append(points, each(app.ToServer, http1.BodyStep, readyFile, app.HTTP1)...)
	for _, p := range fileProtos {
		if p != app.HTTP1 {
			points = append(points, late(each(app.ToServer, 0, readyFile, p))...)
			points = append(points, late(each(app.ToClient, 0, readyFile, p))...)
		}
	}
	return ofFile(readyData, points)
}

// readyData returns a file's content if it is worth a look.
func readyData(f *app.File) []byte {
	if !f.Inspect || len(f.Data) == 0 {
		return nil
	}
	return f.Data
}

// readyFile returns the content of the i-th file of the direction that is worth a look.
func readyFile(v *view, i int) ([]byte, bool) {
	for _, f := range v.Tx.Files[v.Dir] {
		data := readyData(f)
		if data == nil {
			continue
		}
		if i == 0 {
			return data, true
		}
		i--
	}
	return nil, false
}

func httpURIPoints() []Point {
	return request(http1.Line, (*http1.Transaction).URI)
}

var errUpperHost = errors.New("http.host is lower case, the content is not: it can never match (write it in lower case without nocase)")

// lowerCase refuses contents with upper-case letters, and nocase, for a buffer that is lower case already.
func lowerCase(c *content) error {
	if c.nocase || !bytes.Equal(c.bytes, bytes.ToLower(c.bytes)) {
		return errUpperHost
	}
	return nil
}

// parseURILen reads urilen: a comparison, and which of the two URIs is meant (the normalized one, unless it says raw).
func parseURILen(b *builder, arg string) error {
	size, kind, _ := strings.Cut(arg, ",")
	n, err := language.ParseNumber(strings.TrimSpace(size), 16)
	if err != nil {
		return err
	}
	get := (*http1.Transaction).URI
	switch strings.TrimSpace(kind) {
	case "", "norm":
	case "raw":
		get = func(t *http1.Transaction) []byte { return t.Request.URI }
	default:
		return fmt.Errorf("urilen: %q is neither norm nor raw", kind)
	}
	points := append(when(app.ToServer, http1.Line, app.HTTP1), when(app.ToServer, http2.ClientData, http2Protos()...)...)
	return b.testTx("urilen", points, func(v *view) bool {
		if t := http2Tx(v); t != nil {
			path := t.Sides[app.ToServer].Get(":path")
			return path != nil && n.Match(uint64(len(path)))
		}
		t := httpTx(v)
		return t != nil && n.Match(uint64(len(get(t))))
	})
}
