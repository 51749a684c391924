package pgsql

import (
	"bytes"
	"errors"

	"picket/traffic/app/cursor"
)

// Kind says what a message is. Its name is what EVE writes.
type Kind uint8

// The messages that are told apart, of the client and of the server.
const (
	Unknown Kind = iota
	SSLRequest
	Startup
	CancelRequest
	Password
	SASLInitial
	SASLResponse
	Query
	Terminate
	CopyDataIn
	CopyDoneIn
	CopyFail

	SSLAccepted
	SSLRejected
	ErrorResponse
	Notice
	AuthOK
	AuthCleartext
	AuthMD5
	AuthSSPI
	AuthSASL
	AuthSASLContinue
	AuthSASLFinal
	ParameterStatus
	BackendKey
	CommandComplete
	Ready
	RowDescription
	DataRow
	Notification
	CopyInResponse
	CopyOutResponse
	CopyDataOut
	CopyDoneOut
)

var kindNames = [...]string{
	Unknown: "unknown_message_type", SSLRequest: "SSL Request", Startup: "startup_message", CancelRequest: "cancel_request",
	Password: "password_message", SASLInitial: "sasl_initial_response", SASLResponse: "sasl_response", Query: "simple_query",
	Terminate: "termination_message", CopyDataIn: "copy_data_in", CopyDoneIn: "copy_done", CopyFail: "copy_fail",
	SSLAccepted: "ssl_accepted", SSLRejected: "ssl_rejected", ErrorResponse: "error_response", Notice: "notice_response",
	AuthOK: "authentication_ok", AuthCleartext: "authentication_cleartext_password", AuthMD5: "authentication_md5_password",
	AuthSSPI: "authentication_sspi", AuthSASL: "authentication_sasl", AuthSASLContinue: "authentication_sasl_continue",
	AuthSASLFinal: "authentication_sasl_final", ParameterStatus: "parameter_status", BackendKey: "backend_key_data",
	CommandComplete: "command_completed", Ready: "ready_for_query", RowDescription: "row_description", DataRow: "data_row",
	Notification: "notification_response", CopyInResponse: "copy_in_response", CopyOutResponse: "copy_out_response",
	CopyDataOut: "copy_data_out", CopyDoneOut: "copy_done",
}

// String is the kind's name.
func (k Kind) String() string { return kindNames[k] }

// Message is one message, or several of a kind that are only counted. Its slices belong to it.
type Message struct {
	Kind Kind
	// Text is the payload of Query, Password, SASLInitial, SASLResponse, CommandComplete, AuthMD5, AuthSSPI,
	// AuthSASLFinal and Notification.
	Text []byte
	// Major and Minor are the version of a Startup.
	Major, Minor uint16
	Parameters   []Parameter // Startup (the user first), ParameterStatus (one), ErrorResponse and Notice (fields)
	Mechanism    string      // SASLInitial: "scram_SHA256"
	PID, Key     uint32      // CancelRequest, BackendKey; PID of Notification
	Channel      []byte      // Notification
	Columns      uint16      // RowDescription, CopyInResponse, CopyOutResponse
	Count, Size  uint64      // DataRow, CopyDataIn, CopyDataOut: how many there were, and their bytes
}

// Parameter is a name with a value.
type Parameter struct {
	Name  string
	Value []byte
}

// Bounds of what is kept of one message.
const (
	maxParameters = 256     // parameters and fields
	maxText       = 1 << 20 // bytes of a text
)

// keep copies a text as far as it is kept.
func keep(b []byte) []byte {
	if b == nil {
		return nil
	}
	return append([]byte{}, b[:min(len(b), maxText)]...)
}

var (
	errShort     = errors.New("pgsql: message is not whole yet")
	errMalformed = errors.New("pgsql: malformed message")
)

// frame returns the payload of a message with a type byte, and its whole length.
func frame(b []byte) (payload []byte, size int, err error) {
	if len(b) < 5 {
		return nil, 5, errShort
	}
	c := cursor.New(b[1:])
	n := int64(c.U32())
	if n < 4 {
		return nil, 0, errMalformed
	}
	size = int(min(n+1, 1<<31))
	if len(b) < size {
		return nil, size, errShort
	}
	return b[5:size], size, nil
}

// opening reads a message without a type byte: start-up, request for TLS, cancelling.
func opening(b []byte) (m Message, size int, err error) {
	if len(b) < 4 {
		return m, 4, errShort
	}
	c := cursor.New(b)
	n := int64(c.U32())
	if n < 8 {
		return m, 0, errMalformed
	}
	if len(b) < 6 {
		return m, 6, errShort
	}
	if major := c.U16(); major != 1234 && (major < 1 || major > 3) {
		return m, 0, errMalformed
	}
	if size = int(min(n, 1<<31)); len(b) < size {
		return m, size, errShort
	}
	c = cursor.New(b[4:size])
	m.Major, m.Minor = c.U16(), c.U16()
	switch {
	case m.Major >= 1 && m.Major <= 3:
		m.Kind = Startup
		err = m.startup(&c)
	case m.Major == 1234 && m.Minor == 5678:
		m.Kind, m.PID, m.Key = CancelRequest, c.U32(), c.U32()
	case m.Major == 1234 && m.Minor == 5679:
		m.Kind = SSLRequest
	default:
		err = errMalformed
	}
	if c.Failed() {
		err = errMalformed
	}
	return m, size, err
}

// startup reads the parameters; there must be a user, which comes first afterwards.
func (m *Message) startup(c *cursor.Cursor) error {
	m.Parameters = []Parameter{{Name: "user"}}
	for c.Left() > 0 && c.Rest()[0] != 0 {
		p := parameter(c)
		switch {
		case c.Failed():
			return errMalformed
		case p.Name == "user":
			m.Parameters[0].Value = p.Value
		case len(m.Parameters) < maxParameters:
			m.Parameters = append(m.Parameters, p)
		}
	}
	if c.U8(); len(m.Parameters[0].Value) == 0 {
		return errMalformed
	}
	return nil
}

// parameter reads a name and a value, each ended by a zero.
func parameter(c *cursor.Cursor) Parameter {
	name := string(c.Until(0))
	if name == "" {
		c.Fail()
	}
	switch name {
	case "DateStyle":
		name = "date_style"
	case "IntervalStyle":
		name = "interval_style"
	case "TimeZone":
		name = "time_zone"
	}
	return Parameter{name, keep(c.Until(0))}
}

// request reads a client's message with a type byte. What "p" means the state has to say.
func request(b []byte, p Kind) (m Message, size int, err error) {
	if len(b) == 0 {
		return m, 1, errShort
	}
	if b[0] == 0 {
		return opening(b)
	}
	payload, size, err := frame(b)
	if err != nil {
		return m, size, err
	}
	c := cursor.New(payload)
	switch b[0] {
	case 'Q':
		m.Kind, m.Text = Query, keep(c.Until(0))
	case 'X':
		m.Kind = Terminate
		if len(payload) != 0 {
			c.Fail()
		}
	case 'd':
		m.Kind, m.Count, m.Size = CopyDataIn, 1, uint64(len(payload))
	case 'c':
		m.Kind = CopyDoneIn
	case 'f':
		m.Kind, m.Text = CopyFail, keep(c.Until(0))
	case 'p':
		m.secret(&c, p)
	}
	if c.Failed() {
		err = errMalformed
	}
	return m, size, err
}

// secret reads what a client says to be let in.
func (m *Message) secret(c *cursor.Cursor, p Kind) {
	switch m.Kind = p; p {
	case Password:
		m.Text = keep(c.Until(0))
	case SASLInitial:
		switch string(c.Until(0)) {
		case "SCRAM-SHA-256":
			m.Mechanism = "scram_SHA256"
		case "SCRAM-SHA-256-PLUS":
			m.Mechanism = "scram_SHA256_plus"
		default:
			c.Fail()
		}
		m.Text = keep(c.Bytes(int(c.U32())))
	case SASLResponse:
		m.Text = keep(c.Rest())
	}
}

// response reads a server's message.
func response(b []byte) (m Message, size int, err error) {
	payload, size, err := frame(b)
	if err != nil {
		return m, size, err
	}
	c := cursor.New(payload)
	switch b[0] {
	case 'E', 'N':
		m.Kind = ErrorResponse
		if b[0] == 'N' {
			m.Kind = Notice
		}
		m.fields(&c)
	case 'K':
		m.Kind, m.PID, m.Key = BackendKey, c.U32(), c.U32()
	case 'R':
		m.authentication(&c)
	case 'S':
		m.Kind, m.Parameters = ParameterStatus, []Parameter{parameter(&c)}
	case 'C':
		m.Kind, m.Text = CommandComplete, keep(c.Until(0))
	case 'Z':
		if m.Kind = Ready; bytes.IndexByte([]byte("ITE"), c.U8()) < 0 {
			c.Fail()
		}
	case 'T':
		m.Kind, m.Columns = RowDescription, c.U16()
	case 'D':
		m.Kind, m.Count = DataRow, 1
		m.row(&c)
	case 'A':
		m.Kind, m.PID = Notification, c.U32()
		m.Channel, m.Text = keep(c.Until(0)), keep(c.Until(0))
	case 'G', 'H':
		m.Kind = CopyInResponse
		if b[0] == 'H' {
			m.Kind = CopyOutResponse
		}
		c.U8()
		m.Columns = c.U16()
	case 'd':
		m.Kind, m.Count, m.Size = CopyDataOut, 1, uint64(len(payload))
	case 'c':
		m.Kind = CopyDoneOut
	}
	if c.Failed() {
		err = errMalformed
	}
	return m, size, err
}

func (m *Message) authentication(c *cursor.Cursor) {
	switch c.U32() {
	case 0:
		m.Kind = AuthOK
	case 3:
		m.Kind = AuthCleartext
	case 5:
		if m.Kind, m.Text = AuthMD5, keep(c.Bytes(4)); c.Left() > 0 {
			c.Fail()
		}
	case 9:
		m.Kind, m.Text = AuthSSPI, keep(c.Rest())
	case 10:
		m.Kind = AuthSASL
	case 11:
		m.Kind = AuthSASLContinue
	case 12:
		m.Kind, m.Text = AuthSASLFinal, keep(c.Rest())
	default:
		c.Fail()
	}
}

// row adds up the bytes of a row's columns; NULL has none.
func (m *Message) row(c *cursor.Cursor) {
	for n := int(c.U16()); n > 0 && !c.Failed(); n-- {
		if size := int32(c.U32()); size > 0 {
			c.Skip(int(size))
			m.Size += uint64(size)
		}
	}
}

// fieldNames are the fields of errors and notices (manual, "Error and Notice Message Fields").
var fieldNames = map[byte]string{
	'S': "severity_localizable", 'V': "severity_non_localizable", 'C': "code", 'M': "message", 'D': "detail", 'H': "hint",
	'P': "position", 'p': "internal_position", 'q': "internal_query", 'W': "where", 's': "schema_name", 't': "table_name",
	'c': "column_name", 'd': "data_type", 'n': "constraint_name", 'F': "file", 'L': "line", 'R': "routine",
}

func (m *Message) fields(c *cursor.Cursor) {
	for !c.Failed() {
		kind := c.U8()
		if kind == 0 {
			return
		}
		name, ok := fieldNames[kind]
		if !ok {
			name = "unknown_field_type"
		}
		if value := c.Until(0); len(m.Parameters) < maxParameters {
			m.Parameters = append(m.Parameters, Parameter{name, keep(value)})
		}
	}
}
