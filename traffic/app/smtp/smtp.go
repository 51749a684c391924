// Package smtp reads mail transport (RFC 5321) and the mail in it (RFC 2045): commands, replies, header fields,
// and attachments as files. Each mail is a transaction whose Data is a *Mail.
package smtp

import (
	"bytes"

	"picket/traffic/app"
)

// The events, by the names that rules use (app-layer-event:smtp.…).
const (
	EventInvalidReply    = "invalid_reply"
	EventUnmatchedReply  = "unable_to_match_reply_with_request"
	EventLongCommand     = "max_command_line_len_exceeded"
	EventLongReply       = "max_reply_line_len_exceeded"
	EventPipelined       = "invalid_pipelined_sequence"
	EventBDATExceeded    = "bdat_chunk_len_exceeded"
	EventNoWelcome       = "no_server_welcome_message"
	EventTLSRejected     = "tls_rejected"
	EventDataRejected    = "data_command_rejected"
	EventInvalidBase64   = "mime_invalid_base64"
	EventInvalidQP       = "mime_invalid_qp"
	EventLongLine        = "mime_long_line"
	EventLongHeaderValue = "mime_long_header_value"
	EventMalformed       = "mime_malformed_msg"
	EventLongEncoded     = "mime_long_enc_line"
	EventLongHeaderName  = "mime_long_header_name"
	EventLongBoundary    = "mime_long_boundary"
	EventLongFilename    = "mime_long_filename"
	EventDuplicate       = "duplicate_fields"
	EventUnparsable      = "unparsable_content"
	EventTruncatedLine   = "truncated_line"
)

// Bounds of a connection.
const (
	maxLine    = 4096 // bytes of a command, reply or mail line that are looked at in one piece
	maxRcpt    = 256  // recipients kept of one mail
	maxPending = 1024 // commands whose reply has not come
)

// Mail is one mail, or what has come of it. Slices belong to the mail.
type Mail struct {
	Helo, From []byte // From and To as written, with their angle brackets
	To         [][]byte
	Headers    []Header // of the mail itself, not of its parts
	// Attachments are the names of the parts that have one.
	Attachments [][]byte
	// URLs found in its text and in its files, in the order in which they stand.
	URLs [][]byte
	// BodyMD5 is the sum of what follows the header, nil unless the configuration asks for it.
	BodyMD5 []byte
	// Parsed says that a body was seen; Closed that it came to its end.
	Parsed, Closed bool
}

// Header is one field of the mail, unfolded.
type Header struct{ Name, Value []byte }

// Get returns the first field of a name, in any case; nil when there is none.
func (m *Mail) Get(name string) []byte {
	for i := range m.Headers {
		if bytes.EqualFold(m.Headers[i].Name, []byte(name)) {
			return m.Headers[i].Value
		}
	}
	return nil
}

// All returns the fields of a name, in any case.
func (m *Mail) All(name string) (values [][]byte) {
	for i := range m.Headers {
		if bytes.EqualFold(m.Headers[i].Name, []byte(name)) {
			values = append(values, m.Headers[i].Value)
		}
	}
	return values
}

// Protocol returns the table entry.
func Protocol() app.Protocol {
	p := app.Protocol{Proto: app.SMTP, TCP: true, New: newParser, Ports: "25,465", Probe: probe, Events: events(),
		Steps: [2][]string{{"request_started"}, {"response_started"}}}
	for _, word := range [...]string{"EHLO", "HELO", "QUIT"} {
		p.Patterns = append(p.Patterns, app.Pattern{Dir: app.ToServer, Bytes: word, Depth: 64, NoCase: true})
	}
	return p
}

func events() []string {
	return []string{EventInvalidReply, EventUnmatchedReply, EventLongCommand, EventLongReply, EventPipelined,
		EventBDATExceeded, EventNoWelcome, EventTLSRejected, EventDataRejected, EventInvalidBase64, EventInvalidQP,
		EventLongLine, EventLongHeaderValue, EventMalformed, EventLongEncoded, EventLongHeaderName, EventLongBoundary,
		EventLongFilename, EventDuplicate, EventUnparsable, EventTruncatedLine, "mime_parse_failed"}
}

// probe knows a server's greeting: 220, then a domain.
func probe(dir app.Direction, data []byte) app.Answer {
	switch {
	case dir == app.ToServer:
		return app.No
	case len(data) < 5:
		return app.More
	case string(data[:3]) != "220" || data[3] != ' ' && data[3] != '-':
		return app.No
	}
	name := data[4:]
	end := bytes.IndexAny(name, " \r\n")
	if end < 0 {
		if len(name) > 255 {
			return app.No
		}
		return app.More
	}
	for _, c := range name[:end] {
		if !(c == '.' || c == '-' || c >= '0' && c <= '9' || c|0x20 >= 'a' && c|0x20 <= 'z') {
			return app.No
		}
	}
	if end == 0 {
		return app.No
	}
	return app.Yes
}
