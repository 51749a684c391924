package smtp

import (
	"bytes"

	"picket/traffic/app"
)

// parser is the state of one connection.
type parser struct {
	frames  *app.Frames
	content *app.Frame // of the mail that is being sent; nil: nobody wants it
	cfg     *app.Config
	set     settings
	txs     app.Transactions
	tx      *app.Transaction
	mail    *Mail
	helo    []byte
	pending []command

	answered   bool // the server has said something
	welcome    bool // its first reply is over
	multiline  bool // its reply goes on in the next line
	pipelining bool // it has offered PIPELINING

	body  *body // not nil from DATA or BDAT to the end of the mail
	mode  bool  // the client's lines are the mail's
	chunk int   // bytes left of a BDAT chunk
	last  bool  // the chunk is the last one
	long  [2]bool
	files uint32
}

func newParser(cfg *app.Config) app.Parser {
	if cfg == nil {
		cfg = app.Default()
	}
	return &parser{cfg: cfg, set: newSettings(cfg)}
}

// Transactions returns the connection's open transactions.
func (p *parser) Transactions() *app.Transactions { return &p.txs }

// FrameTo implements app.Framer.
func (p *parser) FrameTo(f *app.Frames) { p.frames = f }

// Gap ends the connection's parsing: what is missing may have been any command.
func (p *parser) Gap(app.Direction, uint32) bool { return false }

// Parse reads lines; the content of BDAT is counted in bytes.
func (p *parser) Parse(dir app.Direction, b []byte, eof bool) app.Result {
	used := 0
	for used < len(b) {
		if dir == app.ToServer && p.chunk > 0 {
			used += p.bdat(b[used:])
			continue
		}
		text, n := cutLine(b[used:], eof)
		if n == 0 {
			break
		}
		rest := b[used:]
		used += n
		l := line{text: text, end: rest[len(text):n]}
		if p.skip(dir, l) {
			continue
		}
		if dir == app.ToServer {
			mode := p.mode
			p.client(l)
			p.announce(mode, rest, n)
			continue
		}
		p.frames.Add(dir, "response_line", rest, int64(n)).Of(p.tx)
		if upgrade, err := p.reply(l); upgrade || err != nil {
			return result(used, upgrade, err)
		}
	}
	if eof && dir == app.ToServer && p.body != nil {
		p.endBody(app.FileTruncated)
	}
	return app.Result{Consumed: used}
}

func result(used int, upgrade bool, err error) app.Result {
	r := app.Result{Consumed: used, Err: err}
	if upgrade {
		r.Upgrade = app.TLS
	}
	return r
}

// line is a line, or a piece of one that is too long to wait for its end.
type line struct {
	text []byte
	end  []byte // "\r\n" or "\n"; empty: the line goes on
}

func (l line) whole() bool { return len(l.end) > 0 && l.end[len(l.end)-1] == '\n' }

// cutLine takes the next line; n is its length with its end, 0: it is not whole yet. A line beyond the bound comes in
// pieces.
func cutLine(b []byte, eof bool) (text []byte, n int) {
	i := bytes.IndexByte(b[:min(len(b), maxLine)], '\n')
	switch {
	case i >= 0:
		return bytes.TrimSuffix(b[:i], []byte("\r")), i + 1
	case len(b) >= maxLine:
		return b[:maxLine], maxLine
	case eof:
		return b, len(b)
	}
	return nil, 0
}

// skip tells whether a line is the rest of a command or reply that was too long, and notes whether it goes on itself.
func (p *parser) skip(dir app.Direction, l line) bool {
	rest := p.long[dir]
	p.long[dir] = !l.whole()
	if dir == app.ToServer && p.mode {
		return false
	}
	if p.long[dir] && !rest && len(l.text) == maxLine {
		p.event(EventTruncatedLine)
	}
	return rest
}

// announce tells of the frames around a line of the client, n bytes at the beginning of rest. mode: it belonged to a
// mail's content.
func (p *parser) announce(mode bool, rest []byte, n int) {
	switch {
	case p.frames == nil:
	case !mode:
		p.frames.Add(app.ToServer, "command_line", rest, int64(n)).Of(p.tx)
		if p.body != nil && p.content == nil {
			p.content = p.frames.Add(app.ToServer, "data", rest[n:], app.Unbounded).Of(p.tx)
		}
	case p.body == nil: // the line with the dot is no content
		p.content.End(p.frames.At(rest))
		p.content = nil
	}
}

// open sees to it that there is a transaction. A mail that is over stays the one at hand for RSET and QUIT behind it, until
// it was judged and logged: from then on they are a transaction of their own, as in Suricata 8.0.
func (p *parser) open(text []byte) {
	switch {
	case p.tx == nil || p.tx.Finished:
	case p.tx.Progress[app.ToServer] < app.Done || !p.mode && (is(text, "RSET") || is(text, "QUIT")):
		return
	}
	p.begin()
}

// begin opens a transaction.
func (p *parser) begin() {
	p.mail = &Mail{Helo: p.helo}
	p.tx = p.txs.Add(app.SMTP, p.mail)
}

// complete ends the mail at hand.
func (p *parser) complete() {
	if p.tx != nil {
		p.tx.Progress = [2]app.Progress{app.Done, app.Done}
	}
}

// event marks the transaction at hand. What is odd between two mails belongs to none and is lost.
func (p *parser) event(name string) {
	if p.tx != nil && p.tx.Progress[app.ToServer] < app.Done {
		p.tx.AddEvent(name)
	}
}

// is tells whether a line begins with a word, in any case.
func is(text []byte, word string) bool {
	return len(text) >= len(word) && bytes.EqualFold(text[:len(word)], []byte(word))
}
