package ftp

import (
	"bytes"
	"errors"
	"strconv"

	"picket/traffic/app"
)

// The events, by the names that rules use (app-layer-event:ftp.…).
const (
	EventLongRequest    = "request_command_too_long"
	EventLongReply      = "response_command_too_long"
	EventTooMany        = "too_many_transactions"
	EventFileBeforePort = "file_before_port"
)

// Bounds of a control connection, with Suricata's defaults.
const (
	defaultMaxLine = 4096
	defaultMaxTx   = 1024
	maxReplies     = 1024 // lines kept of one exchange
)

var errTooMany = errors.New("ftp: too many commands without reply")

// Control returns the table entry of the control connection.
func Control() app.Protocol {
	p := app.Protocol{Proto: app.FTP, TCP: true, New: newParser,
		Events: []string{EventLongRequest, EventLongReply, EventTooMany, EventFileBeforePort}}
	for _, word := range [...]string{"USER ", "PASS ", "PORT ", "EPRT ", "AUTH SSL", "AUTH TLS", "FEAT", "SYST"} {
		p.Patterns = append(p.Patterns, app.Pattern{Dir: app.ToServer, Bytes: word, Depth: len(word), NoCase: true})
	}
	for _, word := range [...]string{"220 ", "220-"} {
		p.Patterns = append(p.Patterns, app.Pattern{Dir: app.ToClient, Bytes: word, Depth: 4, Check: greeting})
	}
	return p
}

// greeting knows FTP's welcome from SMTP's by the word FTP in it.
func greeting(_ app.Direction, data []byte) app.Answer {
	line, _, _ := bytes.Cut(data[:min(len(data), 256)], []byte("\n"))
	if bytes.Contains(bytes.ToUpper(line), []byte("FTP")) {
		return app.Yes
	}
	return app.No
}

// parser is the state of one control connection.
type parser struct {
	txs      app.Transactions
	maxLine  int
	maxTx    int
	skipping [2]bool // the rest of a line that was too long is thrown away
	command  string  // of the newest request
	argument []byte  // of the newest PORT or EPRT
	port     uint16  // agreed on, not yet used
	active   bool
	announce []app.Announcement
}

func newParser(cfg *app.Config) app.Parser {
	if cfg == nil {
		cfg = app.Default()
	}
	p := &parser{maxLine: int(min(cfg.Size("ftp.max-line-length", defaultMaxLine), 1<<16)), maxTx: defaultMaxTx}
	if n, err := strconv.Atoi(cfg.Settings["ftp.max-tx"]); err == nil && n > 0 {
		p.maxTx = n
	}
	return p
}

func (p *parser) Transactions() *app.Transactions { return &p.txs }

// Gap ends the connection's parsing: what is missing may have been any command.
func (p *parser) Gap(app.Direction, uint32) bool { return false }

// Parse reads lines.
func (p *parser) Parse(dir app.Direction, data []byte, _ bool) app.Result {
	r := app.Result{}
	p.announce = nil
	for r.Consumed < len(data) && r.Err == nil && r.Upgrade == app.Unknown {
		line, n, cut := p.line(dir, data[r.Consumed:])
		if n == 0 {
			break
		}
		r.Consumed += n
		switch {
		case line == nil:
		case dir == app.ToServer:
			r.Err = p.request(line, cut)
		case p.reply(line, cut):
			r.Upgrade = app.TLS
		}
	}
	r.Announce = p.announce
	return r
}

// line takes a line without its end. n 0: it is not whole yet; line nil: the end of one that was too long.
func (p *parser) line(dir app.Direction, b []byte) (line []byte, n int, cut bool) {
	i := bytes.IndexByte(b, '\n')
	switch {
	case i < 0 && p.skipping[dir]:
		return nil, len(b), false
	case i < 0 && len(b) >= p.maxLine:
		p.skipping[dir] = true
		return b[:p.maxLine], len(b), true
	case i < 0:
		return nil, 0, false
	case p.skipping[dir]:
		p.skipping[dir] = false
		return nil, i + 1, false
	}
	line = bytes.TrimSuffix(b[:i], []byte("\r"))
	if i+1 >= p.maxLine {
		return line[:min(len(line), p.maxLine)], i + 1, true
	}
	return line, i + 1, false
}

// request works on a line of the client.
func (p *parser) request(line []byte, cut bool) error {
	if oldest := p.waiting(); oldest != nil && p.tooMany() {
		oldest.AddEvent(EventTooMany)
		return errTooMany
	}
	p.command = commandOf(line)
	e := &Exchange{Command: p.command, Request: bytes.Clone(bytes.TrimRight(line, " \t\r\n\v\f")), Truncated: cut}
	tx := p.txs.Add(app.FTP, e)
	if cut {
		tx.AddEvent(EventLongRequest)
	}
	switch p.command {
	case "PORT", "EPRT":
		p.argument = e.Argument()
	case "RETR", "STOR":
		if p.port == 0 || len(line) < 6 {
			tx.AddEvent(EventFileBeforePort)
			break
		}
		p.transfer(bytes.Clone(line[5:]))
	case "LIST", "NLST":
		if p.port != 0 {
			p.transfer(nil)
		}
	}
	return nil
}

// transfer announces the data connection of a file, or of a list, which has no name.
func (p *parser) transfer(name []byte) {
	dir := app.ToServer
	if p.active == (p.command == "STOR") {
		dir = app.ToClient // the server calls the client, or the file comes from the server
	}
	t := &Transfer{Command: p.command, Name: name, Dir: dir}
	p.announce = append(p.announce, app.Announcement{Proto: app.FTPData, Port: p.port, Dir: dir, Data: t})
	p.port, p.active = 0, false
}

// waiting returns the oldest transaction whose last reply has not come, else the newest of all, else nil.
func (p *parser) waiting() *app.Transaction {
	var last *app.Transaction
	for _, tx := range p.txs.Open {
		if last = tx; tx.Progress[app.ToServer] < app.Done {
			return tx
		}
	}
	return last
}

func (p *parser) tooMany() bool {
	n := 0
	for _, tx := range p.txs.Open {
		if tx.Progress[app.ToServer] < app.Done {
			n++
		}
	}
	return n >= p.maxTx
}

// reply works on a line of the server; true: TLS follows.
func (p *parser) reply(line []byte, cut bool) (upgrade bool) {
	tx := p.waiting()
	if tx == nil {
		tx = p.txs.Add(app.FTP, &Exchange{})
	}
	e, ok := tx.Data.(*Exchange)
	if !ok {
		return false
	}
	if cut {
		tx.AddEvent(EventLongReply)
	}
	if r, ok := parseReply(line); ok && len(e.Replies) < maxReplies {
		r.Truncated = cut
		e.Replies = append(e.Replies, r)
	}
	p.agree(e, line)
	if !preliminary(line) {
		e.Answered = true
		tx.Progress = [2]app.Progress{app.Done, app.Done}
	}
	return p.command == "AUTH TLS" && bytes.HasPrefix(line, []byte("234 "))
}

// agree notes the port that a reply settles.
func (p *parser) agree(e *Exchange, line []byte) {
	port, active := uint16(0), false
	switch p.command {
	case "PORT":
		port, active = portOfPORT(p.argument), true
	case "EPRT":
		port, active = portOfEPRT(p.argument), true
	case "PASV":
		if bytes.HasPrefix(line, []byte("227 ")) {
			port = portOfPASV(line)
		}
	case "EPSV":
		if bytes.HasPrefix(line, []byte("229 ")) {
			port = portOfEPRT(line)
		}
	}
	if port == 0 {
		return
	}
	p.port, p.active = port, active
	e.Port, e.Active = port, active
}
