package smtp

import (
	"bytes"
	"errors"
)

var errReply = errors.New("smtp: a reply without a known code")

// reply works on a line of the server; upgrade: the connection goes on in TLS.
func (p *parser) reply(l line) (upgrade bool, err error) {
	p.answered = true
	if string(l.end) == "\n" && len(l.text) == 0 {
		return false, nil
	}
	if len(l.text) < 3 || !known(l.text[:3]) {
		p.event(EventInvalidReply)
		return false, errReply
	}
	code := string(l.text[:3])
	p.multiline = len(l.text) > 3 && l.text[3] == '-'
	if len(p.pending) == 0 {
		p.greeting(code)
		return false, nil
	}
	upgrade = p.answer(p.pending[0], code)
	if p.multiline {
		p.pipelining = p.pipelining || code == "250" && bytes.EqualFold(l.text[4:], []byte("pipelining"))
		return upgrade, nil
	}
	p.pending = p.pending[:copy(p.pending, p.pending[1:])]
	return upgrade, nil
}

// greeting takes a reply that nothing was asked for: the first one has to be 220.
func (p *parser) greeting(code string) {
	if p.welcome {
		return
	}
	p.welcome = !p.multiline
	if code != "220" {
		p.event(EventInvalidReply)
	}
}

// answer takes the reply to a command.
func (p *parser) answer(to command, code string) (upgrade bool) {
	switch to {
	case startTLS:
		if code == "220" {
			p.complete()
			return true
		}
		p.event(EventTLSRejected)
	case data:
		p.answerData(code)
	case reset:
		if code == "250" && !p.multiline {
			p.complete()
		}
	}
	return false
}

// answerData lets the mail begin, or not.
func (p *parser) answerData(code string) {
	switch {
	case code == "354":
		p.mode = p.body != nil
	case p.body != nil && !p.mail.Parsed:
		p.body, p.mode = nil, false
		fallthrough
	default:
		p.event(EventDataRejected)
	}
}

// known tells whether a reply code is one that mail servers use (RFC 5321 §4.2.3, 3207, 4954).
func known(code []byte) bool {
	switch string(code) {
	case "211", "214", "220", "221", "235", "250", "251", "252", "334", "354",
		"401", "402", "421", "435", "450", "451", "452", "454", "455",
		"500", "501", "502", "503", "504", "521", "525", "530", "534", "535", "538", "541", "543",
		"550", "551", "552", "553", "554", "555":
		return true
	}
	return false
}
