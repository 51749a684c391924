package eve

import (
	"bytes"
	"strings"

	"picket/traffic/app"
	"picket/traffic/app/http1"
)

// appendHTTP writes a transaction as output-json-http.c does: always who asked for what, and, when extended (the
// default here) or in an alert, how it was asked and answered.
func appendHTTP(j *JSON, tx *app.Transaction, c *Context) bool {
	t, ok := tx.Data.(*http1.Transaction)
	if !ok {
		return false
	}
	j.Object("http")
	httpBasic(j, t)
	if c.Alert || c.Cfg.Settings["http.extended"] != "no" {
		httpExtended(j, t)
	}
	if c.Bodies {
		httpBodies(j, t, &c.Cfg.Alert)
	} else {
		httpHeaders(j, "request_headers", &t.Request.Message, c.Cfg.Settings, "request")
		httpHeaders(j, "response_headers", &t.Response.Message, c.Cfg.Settings, "response")
	}
	j.EndObject()
	return true
}

func httpBasic(j *JSON, t *http1.Transaction) {
	if t.Host != nil {
		j.Text("hostname", t.Host)
	}
	if t.Port != 0 {
		j.Uint("http_port", uint64(t.Port))
	}
	if t.Request.URI != nil {
		j.Text("url", t.Request.URI)
	}
	request, response := &t.Request.Headers, &t.Response.Headers
	textField(j, "http_user_agent", request, "user-agent")
	textField(j, "xff", request, "x-forwarded-for")
	if response.Has("content-type") {
		v, _, _ := bytes.Cut(response.Get("content-type"), []byte(";"))
		j.Text("http_content_type", v)
	}
	if response.Has("content-range") {
		j.Object("content_range")
		j.Text("raw", response.Get("content-range"))
		if start, end, size, ok := t.ContentRange(); ok {
			j.Uint("start", start)
			j.Uint("end", end)
			if size > 0 {
				j.Uint("size", size)
			}
		}
		j.EndObject()
	}
}

func textField(j *JSON, key string, h *http1.Headers, name string) {
	if h.Has(name) {
		j.Text(key, h.Get(name))
	}
}

func httpExtended(j *JSON, t *http1.Transaction) {
	textField(j, "http_refer", &t.Request.Headers, "referer")
	if t.Request.Method != nil {
		j.Text("http_method", t.Request.Method)
	}
	if t.Request.Protocol != nil {
		j.Text("protocol", t.Request.Protocol)
	}
	switch {
	case t.Response.Status > 0:
		j.Uint("status", uint64(t.Response.Status))
	case len(t.Response.Code) > 0:
		j.Text("status_string", t.Response.Code)
	}
	textField(j, "redirect", &t.Response.Headers, "location")
	j.Uint("length", t.Response.Body.Wire)
}

// httpBodies writes what is kept of the content.
func httpBodies(j *JSON, t *http1.Transaction, c *AlertConfig) {
	for _, b := range [...]struct {
		key  string
		data []byte
	}{{"http_request_body", t.Request.Body.Data}, {"http_response_body", t.Response.Body.Data}} {
		if len(b.data) == 0 {
			continue
		}
		if c.HTTPBodyPrintable {
			j.Printable(b.key+"_printable", b.data)
		}
		if c.HTTPBody {
			j.Base64(b.key, b.data)
		}
	}
}

// Bounds of a header field in a record, as Suricata cuts it.
const (
	maxFieldName  = 255
	maxFieldValue = 2047
)

// httpHeaders writes the fields that are asked for: all with dump-all-headers ("both", "request", "response"),
// else those that custom names.
func httpHeaders(j *JSON, key string, m *http1.Message, settings map[string]string, side string) {
	dump := settings["http.dump-all-headers"]
	all := dump == "both" || dump == side
	custom := settings["http.custom"]
	if !all && custom == "" {
		return
	}
	mark, n := j.Len(), 0
	j.Array(key)
	for i := range m.Headers.List {
		h := &m.Headers.List[i]
		if !all && !listed(custom, h.Name) {
			continue
		}
		n++
		j.Object("")
		j.Text("name", untilNUL(h.Name, maxFieldName))
		j.Text("value", untilNUL(h.Value, maxFieldValue))
		j.EndObject()
	}
	if n == 0 {
		j.Truncate(mark)
		return
	}
	j.EndArray()
}

// untilNUL cuts a text where C would end it.
func untilNUL(b []byte, limit int) []byte {
	b = b[:min(len(b), limit)]
	if i := bytes.IndexByte(b, 0); i >= 0 {
		return b[:i]
	}
	return b
}

// listed tells whether a list like "[Accept-Encoding, x_requested_with]" names a field.
func listed(list string, name []byte) bool {
	for word := range strings.FieldsFuncSeq(list, func(r rune) bool { return strings.ContainsRune("[], \"'", r) }) {
		if len(word) == len(name) && strings.EqualFold(strings.ReplaceAll(word, "_", "-"), string(name)) {
			return true
		}
	}
	return false
}
