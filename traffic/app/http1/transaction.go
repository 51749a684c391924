package http1

import (
	"picket/traffic/app"
)

// Steps of a transaction's progress by direction, as Suricata counts them; the last is app.Done. At a step that
// part of the message is being read; above it, it is whole.
const (
	Started app.Progress = iota
	Line
	HeadersStep
	BodyStep
	Trailer
)

// Transaction is one request and its answer. Its bytes are its own and stay until it is dropped.
type Transaction struct {
	// App is the record that detection and outputs work with.
	App *app.Transaction

	Request  Request
	Response Response

	// Host is the server's name from the URI or the Host header, in lower case and without port; nil: none.
	Host []byte
	// Port is the port that came with Host; 0: none.
	Port uint16

	cfg   *settings
	flags txFlags
	cache buffers
}

type txFlags uint16

const (
	seenContinue txFlags = 1 << iota
)

// Message is what requests and answers have in common.
type Message struct {
	Line     []byte // without its end
	Protocol []byte // "HTTP/1.1" as written
	Headers  Headers
	Raw      []byte // the header block as sent, with the empty line
	Body     Body

	whole   bool // the header block has ended
	version version
	chunked bool
	codings decoderChain
	decode  bool
	file    fileState
	store   bool       // a rule wants the body's files whole
	odd     fieldFlags // oddities already reported
}

// Store has the files of a direction's body looked at as far as stored files are, not only up to the body's limit. It
// must come before that is reached.
func (t *Transaction) Store(dir app.Direction) { t.message(dir).store = true }

// Request is the client's message.
type Request struct {
	Message
	Method []byte
	URI    []byte // as sent
	Target Target

	method    method
	multipart *multipart
	start     bool // the body's kind is known
}

// Target holds the parts of the request's URI, as sent and not judged; nil where absent.
type Target struct {
	Scheme, Host, Port, Path, Query, Fragment []byte
}

// Response is the server's message.
type Response struct {
	Message
	Code   []byte
	Status int // 0: no valid number
	Reason []byte
}

// Body is a message's content after chunked and content coding were undone.
type Body struct {
	Data     []byte // from the first byte up to the configured limit
	Size     uint64 // bytes of content seen, also beyond the limit
	Wire     uint64 // bytes of the body as transferred, with chunk sizes
	Complete bool   // Data will not grow any more

	seen, judged int // length at the last look, and at the last look before new content came
}

// event records an app-layer-event of the transaction.
func (t *Transaction) event(name string) { t.App.AddEvent(name) }

// message returns the direction's message.
func (t *Transaction) message(dir app.Direction) *Message {
	if dir == app.ToServer {
		return &t.Request.Message
	}
	return &t.Response.Message
}

// HeadersWhole tells whether the header block of a direction has ended.
func (t *Transaction) HeadersWhole(dir app.Direction) bool { return t.message(dir).whole }

// Message returns the message that travels in this direction.
func (t *Transaction) Message(dir app.Direction) *Message { return t.message(dir) }
