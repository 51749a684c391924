// Package pop3 reads POP3 (RFC 1939, RFC 5034). A transaction is a command with its reply; the greeting is a reply
// without a command. Data is a *Transaction.
package pop3

import (
	"bytes"
	"errors"

	"picket/traffic/app"
)

// The events, by the names that rules use (app-layer-event:pop3.…).
const (
	EventTooMany      = "too_many_transactions"
	EventRequestLong  = "request_too_long"
	EventArguments    = "incorrect_argument_count"
	EventUnknown      = "unknown_command"
	EventResponseLong = "response_too_long"
)

// Bounds of a connection.
const (
	maxLine    = 8192 // bytes of a line that are kept; the rest of it is skipped
	maxCommand = 255  // bytes of a command with its end of line (RFC 2449 §4)
	maxStatus  = 512  // bytes of a reply's first line with its end (RFC 2449 §4)
	maxData    = 1024 // lines of a reply that are kept
	maxTx      = 256  // commands that wait for a reply
)

// SASLData is the command of a line that answers a challenge.
const SASLData = "<SASL DATA>"

// Transaction is a command and its reply; either may be missing.
type Transaction struct {
	Command  string   // "" when there is none
	Args     [][]byte // of the command
	Replied  bool     // the fields below are valid
	OK       bool
	Header   []byte   // the reply's first line without its status
	Data     [][]byte // the lines behind it, without the last dot
	multi    bool     // the reply has several lines
	reading  bool     // its first line was read
	isSecret bool
}

// Protocol returns the table entry.
func Protocol() app.Protocol {
	return app.Protocol{
		Proto: app.POP3, TCP: true, New: newParser, Ports: "110", Probe: probe,
		Patterns: []app.Pattern{{Dir: app.ToClient, Bytes: "+OK ", Depth: 4, Check: greeting}},
		Events:   []string{EventTooMany, EventRequestLong, EventArguments, EventUnknown, EventResponseLong},
	}
}

// greeting waits for the whole line: other protocols begin with +OK too.
func greeting(_ app.Direction, data []byte) app.Answer {
	if bytes.IndexByte(data, '\n') < 0 && len(data) < 512 {
		return app.More
	}
	return app.Yes
}

// probe wants a line with a command, or with a status.
func probe(dir app.Direction, data []byte) app.Answer {
	line, _, whole := bytes.Cut(data[:min(len(data), 512)], []byte("\n"))
	switch {
	case !whole && len(data) < 512:
		return app.More
	case dir == app.ToClient && (bytes.HasPrefix(line, []byte("+OK")) || bytes.HasPrefix(line, []byte("-ERR"))):
		return app.Yes
	case dir == app.ToServer:
		word, _, _ := bytes.Cut(bytes.TrimRight(line, "\r"), []byte(" "))
		if find(string(bytes.ToUpper(word))) != nil {
			return app.Yes
		}
	}
	return app.No
}

// command is what is known of a command: how many arguments it takes, and whether its reply has several lines,
// always or only without arguments.
type command struct {
	name        string
	least, most int
	multi, bare bool
}

var commands = [...]command{
	{name: "USER", least: 1, most: 1}, {name: "PASS", least: 1, most: 1 << 10}, {name: "APOP", least: 2, most: 2}, {name: "STAT"},
	{name: "LIST", most: 1, bare: true}, {name: "RETR", least: 1, most: 1, multi: true}, {name: "DELE", least: 1, most: 1},
	{name: "NOOP"}, {name: "RSET"}, {name: "QUIT"}, {name: "TOP", least: 2, most: 2, multi: true}, {name: "UIDL", most: 1, bare: true},
	{name: "CAPA", multi: true}, {name: "AUTH", most: 2}, {name: "STLS"}, {name: "LANG", most: 1, bare: true}, {name: "UTF8", most: 1},
}

var errLine = errors.New("pop3: a line of the client is no command")

type parser struct {
	txs  app.Transactions
	long [2]bool // the rest of a line is skipped
	sasl bool    // the client answers challenges
}

func newParser(*app.Config) app.Parser { return &parser{} }

func (p *parser) Transactions() *app.Transactions { return &p.txs }

// Gap goes on at the next line.
func (p *parser) Gap(dir app.Direction, _ uint32) bool {
	p.long[dir] = true
	return true
}

// Parse reads lines.
func (p *parser) Parse(dir app.Direction, data []byte, _ bool) app.Result {
	used := 0
	for used < len(data) {
		rest := data[used:]
		i := bytes.IndexByte(rest, '\n')
		if i < 0 && len(rest) < maxLine && !p.long[dir] {
			return app.Result{Consumed: used, Need: len(rest) + 1}
		}
		end := len(rest)
		if i >= 0 {
			end = i + 1
		}
		if p.long[dir] {
			p.long[dir] = i < 0
			used += end
			continue
		}
		p.long[dir] = i < 0
		line := bytes.TrimRight(rest[:min(end, maxLine)], "\r\n")
		used += end
		if dir == app.ToServer {
			if err := p.request(line, i < 0); err != nil {
				return app.Result{Consumed: used, Err: err}
			}
		} else if p.reply(line, i < 0) {
			return app.Result{Consumed: used, Upgrade: app.TLS}
		}
	}
	return app.Result{Consumed: used}
}

// request reads a command.
func (p *parser) request(line []byte, cut bool) error {
	if p.sasl {
		p.add(&Transaction{Command: SASLData, isSecret: true})
		return nil
	}
	words := bytes.Fields(line)
	if len(words) == 0 {
		return nil
	}
	t := &Transaction{Command: string(bytes.ToUpper(words[0]))}
	for _, w := range words[1:] {
		t.Args = append(t.Args, bytes.Clone(w))
	}
	known := find(t.Command)
	tx := p.add(t)
	if len(line)+2 > maxCommand || cut {
		tx.AddEvent(EventRequestLong)
	}
	switch {
	case known == nil:
		tx.AddEvent(EventUnknown)
		if !printable(words[0]) {
			return errLine
		}
		return nil
	case len(t.Args) < known.least, len(t.Args) > known.most:
		tx.AddEvent(EventArguments)
	}
	t.multi = known.multi || known.bare && len(t.Args) == 0 || t.Command == "AUTH" && len(t.Args) == 0
	if t.Command == "AUTH" && len(t.Args) > 0 {
		p.sasl = true
	}
	return nil
}

func printable(b []byte) bool {
	for _, c := range b {
		if c < 0x20 || c > 0x7e {
			return false
		}
	}
	return true
}

func find(name string) *command {
	for i := range commands {
		if commands[i].name == name {
			return &commands[i]
		}
	}
	return nil
}

func (p *parser) add(t *Transaction) *app.Transaction {
	waiting := 0
	for _, tx := range p.txs.Open {
		if tx.Progress[app.ToClient] < app.Done {
			waiting++
		}
	}
	tx := p.txs.Add(app.POP3, t)
	tx.Progress[app.ToServer] = app.Done
	if waiting >= maxTx {
		tx.Progress[app.ToClient] = app.Done
		tx.AddEvent(EventTooMany)
	}
	return tx
}

// waiting returns the oldest transaction whose reply is not whole.
func (p *parser) waiting() *app.Transaction {
	for _, tx := range p.txs.Open {
		if tx.Progress[app.ToClient] < app.Done {
			return tx
		}
	}
	return nil
}

// reply reads a line of a reply; true: TLS follows.
func (p *parser) reply(line []byte, cut bool) bool {
	tx := p.waiting()
	if tx == nil {
		tx = p.txs.Add(app.POP3, &Transaction{})
		tx.Progress[app.ToServer] = app.Done
	}
	t := tx.Data.(*Transaction)
	tx.Touch()
	if t.reading {
		return p.more(tx, t, line)
	}
	if cut || len(line)+2 > maxStatus {
		tx.AddEvent(EventResponseLong)
	}
	t.Replied = true
	switch {
	case bytes.HasPrefix(line, []byte("+OK")):
		t.OK, t.Header = true, header(line[3:])
		p.sasl = p.sasl && t.Command != "AUTH" && !t.isSecret
	case bytes.HasPrefix(line, []byte("+")):
		t.OK, t.Header, t.multi = true, header(line[1:]), false // a challenge
	case bytes.HasPrefix(line, []byte("-ERR")):
		t.Header, t.multi, p.sasl = header(line[4:]), false, false
	default:
		t.Header, t.multi = header(line), false
	}
	if t.reading = t.multi; !t.reading {
		tx.Progress[app.ToClient] = app.Done
	}
	return t.Command == "STLS" && t.OK
}

// more reads a further line of a reply up to the dot.
func (p *parser) more(tx *app.Transaction, t *Transaction, line []byte) bool {
	if string(line) == "." {
		tx.Progress[app.ToClient] = app.Done
		return false
	}
	line = bytes.TrimPrefix(line, []byte("."))        // byte-stuffed (RFC 1939 §3)
	if len(t.Data) < maxData && t.Command != "RETR" { // a mail is not kept
		t.Data = append(t.Data, bytes.Clone(line))
	}
	return false
}

// header returns a reply's text, which is never nil.
func header(b []byte) []byte { return append([]byte{}, bytes.TrimSpace(b)...) }
