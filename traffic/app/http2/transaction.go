package http2

import (
	"bytes"

	"picket/traffic/app"
	"picket/traffic/app/dns"
)

// Steps of a transaction: the state of its stream, the same in both directions. Closed is app.Done; a transaction
// of the whole connection is closed from its beginning. Above a step that part of the stream is over.
const (
	Idle app.Progress = iota
	Open
	Reserved
	ClientData
	ClientClosed
	ServerData
	ServerClosed
)

// FrameType is the type of a frame (RFC 9113 §6).
type FrameType uint8

// The frame types.
const (
	Data FrameType = iota
	Headers
	Priority
	ResetStream
	Settings
	PushPromise
	Ping
	GoAway
	WindowUpdate
	Continuation
)

// Transaction is one stream, or one frame of the whole connection. Its bytes are its own and stay until it is
// dropped; fields out of a header table share bytes among transactions and are not changed.
type Transaction struct {
	App *app.Transaction
	// Stream is the stream's number, 0 for the connection.
	Stream uint32
	// Sides hold what each peer has sent, by direction.
	Sides [2]Side
	// DNS holds the question and the answer of DNS over HTTPS; nil when there is none.
	DNS [2]*dns.Message

	child  uint32 // the stream that a push promise has announced and whose fields are not whole
	accept bool   // of the client's fields: it wants a DNS message
}

// Side is what one peer has sent on a stream.
type Side struct {
	// Frames has a bit for each type of frame that was seen.
	Frames uint16
	// Fields are the instructions of all header blocks, in order, trailers included.
	Fields []Field
	// Settings, ErrorCodes (of GOAWAY and RST_STREAM), Priorities (weights) and Windows (increments), in order,
	// each up to a bound.
	Settings   []Setting
	ErrorCodes []uint32
	Priorities []uint8
	Windows    []uint32

	count int // frames
	body  body
	cache [3]cached
}

// cached is a buffer that was built from some number of fields.
type cached struct {
	b     []byte
	count int
}

// Setting is one parameter of a SETTINGS frame.
type Setting struct {
	ID    uint16
	Value uint32
}

// Settings that are known.
const (
	SettingTableSize   = 1
	SettingPush        = 2
	SettingStreams     = 3
	SettingWindow      = 4
	SettingFrameSize   = 5
	SettingHeaderBytes = 6
)

// Has tells whether a type of frame was sent.
func (s *Side) Has(t FrameType) bool { return t < 16 && s.Frames>>t&1 != 0 }

// Get returns the value of the field with a name, in the case that HTTP/2 demands: the lower one. Values of several
// fields are joined by ", ". nil: there is none.
func (s *Side) Get(name string) []byte {
	var value []byte
	found := false
	for i := range s.Fields {
		f := &s.Fields[i]
		if f.Kind != Plain || string(f.Name) != name {
			continue
		}
		if !found {
			value, found = f.Value, true
			if value == nil {
				value = []byte{}
			}
			continue
		}
		value = append(append(value[:len(value):len(value)], ", "...), f.Value...)
	}
	return value
}

// The parts of a side's cache.
const (
	cacheHeaders = iota
	cacheRaw
	cacheNames
)

// HeaderBuffer is http.header: "name: value\r\n" for each field, without cookies.
func (s *Side) HeaderBuffer() []byte { return s.headers(cacheHeaders, false) }

// RawHeaders is http.header.raw: the same with cookies.
func (s *Side) RawHeaders() []byte { return s.headers(cacheRaw, true) }

func (s *Side) headers(part int, cookies bool) []byte {
	return s.build(part, func(b []byte, f *Field) []byte {
		if !cookies && (bytes.EqualFold(f.Name, []byte("cookie")) || bytes.EqualFold(f.Name, []byte("set-cookie"))) {
			return b
		}
		return append(f.AppendTo(b), "\r\n"...)
	}, "", "")
}

// HeaderNames is http.header_names: "\r\n:method\r\naccept\r\n\r\n".
func (s *Side) HeaderNames() []byte {
	return s.build(cacheNames, func(b []byte, f *Field) []byte {
		return append(append(b, f.Name...), "\r\n"...)
	}, "\r\n", "\r\n")
}

// build makes a buffer of all fields, unless it was made of the same ones before.
func (s *Side) build(part int, add func([]byte, *Field) []byte, head, tail string) []byte {
	c := &s.cache[part]
	if len(s.Fields) == 0 || c.count == len(s.Fields) {
		return c.b
	}
	c.b = append(c.b[:0], head...)
	for i := range s.Fields {
		if s.Fields[i].Kind == Plain {
			c.b = add(c.b, &s.Fields[i])
		}
	}
	c.b = append(c.b, tail...)
	c.count = len(s.Fields)
	return c.b
}

// AppendTo appends "name: value".
func (f *Field) AppendTo(b []byte) []byte {
	return append(append(append(b, f.Name...), ": "...), f.Value...)
}

// Host is the server's name: :authority, or else the Host field.
func (t *Transaction) Host() []byte {
	if h := t.Sides[app.ToServer].Get(":authority"); h != nil {
		return h
	}
	return t.Sides[app.ToServer].Get("host")
}

// path is :path of the request.
func (t *Transaction) path() []byte { return t.Sides[app.ToServer].Get(":path") }
