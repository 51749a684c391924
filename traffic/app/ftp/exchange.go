package ftp

import (
	"bytes"
	"unicode/utf8"
)

// Exchange is a command with its replies. The greeting is one without command. Slices belong to the exchange.
type Exchange struct {
	// Command is its name in upper case; "" when it is not known, or none was seen.
	Command string
	// Request is the whole line, without its end.
	Request []byte
	// Truncated says that the line was longer than the limit.
	Truncated bool
	Replies   []Reply
	// Port is the dynamic port that the exchange has agreed on; 0: none. Active: it is the client's.
	Port   uint16
	Active bool
	// Answered says that the last reply has come.
	Answered bool
}

// Reply is one line of the server's answer.
type Reply struct {
	Code      []byte // three digits, or nothing
	Text      []byte
	Truncated bool
}

// Argument returns what stands behind the command; nil when there is nothing.
func (e *Exchange) Argument() []byte {
	if at := len(e.Command) + 1; len(e.Request) > at {
		return e.Request[at:]
	}
	return nil
}

// BounceAddress returns the IPv4 address of a PORT command; false when the exchange has none.
func (e *Exchange) BounceAddress() (addr [4]byte, ok bool) {
	if e.Command != "PORT" {
		return addr, false
	}
	return bounceAddress(e.Argument())
}

// parseReply splits a reply into code and text; false when there is nothing in it. The result is a copy.
func parseReply(line []byte) (r Reply, ok bool) {
	line = bytes.TrimRight(line, " \t\r\n\v\f")
	if len(line) == 0 {
		return r, false
	}
	line = valid(line)
	if len(line) > 3 && line[3] == ' ' && isCode(line) {
		return Reply{Code: line[:3], Text: line[4:]}, true
	}
	return Reply{Text: line}, true
}

// valid copies text and puts U+FFFD in the place of what is not UTF-8.
func valid(b []byte) []byte {
	if utf8.Valid(b) {
		return bytes.Clone(b)
	}
	return bytes.ToValidUTF8(b, []byte("\uFFFD"))
}

func isCode(line []byte) bool {
	for _, c := range line[:3] {
		if c < '0' || c > '9' {
			return false
		}
	}
	return true
}

// preliminary tells whether another reply will follow (RFC 959 §4.2: 1yz).
func preliminary(line []byte) bool {
	return len(line) >= 4 && line[0] == '1' && isCode(line) && (line[3] == ' ' || line[3] >= '\t' && line[3] <= '\r')
}
