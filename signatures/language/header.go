package language

import (
	"fmt"
	"strings"
)

// cursor walks along a logical line.
type cursor struct {
	text string
	pos  int
}

func blank(c byte) bool {
	return c == ' ' || c == '\t' || c == '\r' || c == '\n' || c == '\v' || c == '\f'
}

func (c *cursor) blanks() {
	for c.pos < len(c.text) && blank(c.text[c.pos]) {
		c.pos++
	}
}

// word returns what stands up to the next blank outside of brackets, or up to the options' parenthesis, and the
// column it begins at.
func (c *cursor) word() (string, int) {
	c.blanks()
	start, depth := c.pos, 0
	for ; c.pos < len(c.text); c.pos++ {
		switch b := c.text[c.pos]; {
		case b == '[':
			depth++
		case b == ']':
			depth--
		case b == '(' || depth <= 0 && blank(b):
			return c.text[start:c.pos], start + 1
		}
	}
	return c.text[start:], start + 1
}

// header reads up to the options. False when the rest of the line can't be read at all.
func (p *parser) header(r *Rule, c *cursor) bool {
	words := [...]struct {
		what, text string
		col        int
	}{
		{what: "action"}, {what: "protocol"}, {what: "source address"}, {what: "source port"},
		{what: "direction"}, {what: "destination address"}, {what: "destination port"},
	}
	for i := range words {
		words[i].text, words[i].col = c.word()
		if i == 2 && words[i].text == "" && c.pos < len(c.text) {
			return p.service(r, words[0].text, words[0].col, words[1].text, words[1].col)
		}
		if words[i].text == "" {
			p.fault(at(r.Pos, words[i].col), 0, words[i].what+" is missing", "a rule is: action protocol address port -> address port (options)")
			p.sidOnly(r)
			return false
		}
	}
	p.action(r, words[0].text, words[0].col)
	p.protocol(r, words[1].text, words[1].col)
	p.direction(r, words[4].text, words[4].col)
	p.side(r, &r.Src, words[2].text, words[2].col, words[3].text, words[3].col)
	p.side(r, &r.Dst, words[5].text, words[5].col, words[6].text, words[6].col)
	return true
}

// service reads Snort 3's short header: an action and a service, between any parties.
func (p *parser) service(r *Rule, action string, actionCol int, name string, col int) bool {
	p.snort = true
	p.action(r, action, actionCol)
	if r.Proto = snort3Service(strings.ToLower(name)); r.Proto == "" {
		p.fault(at(r.Pos, col), 0, fmt.Sprintf("unknown service %q", clip(name)), didYouMean(strings.ToLower(name), AppProtocols()))
	}
	p.side(r, &r.Src, "any", col, "any", col)
	p.side(r, &r.Dst, "any", col, "any", col)
	p.direction(r, "->", col)
	return true
}

// at moves a position to a column of its logical line.
func at(pos Pos, col int) Pos {
	pos.Col += col - 1
	return pos
}

// sidOnly finds the sid of a rule whose header can't be read, so that the fault can name it.
func (p *parser) sidOnly(r *Rule) {
	_, rest, ok := strings.Cut(r.Raw, "sid:")
	if !ok {
		return
	}
	digits, _, _ := strings.Cut(rest, ";")
	if n, ok := decimal(strings.TrimSpace(digits)); ok {
		r.SID = n
	}
}

func (p *parser) action(r *Rule, text string, col int) {
	r.Action = strings.ToLower(text)
	if p.snort {
		r.Action = snort3Action(r.Action)
	}
	if known(r.Action, Actions()) {
		return
	}
	p.fault(at(r.Pos, col), 0, fmt.Sprintf("unknown action %q", text), didYouMean(r.Action, Actions()))
}

// protocol splits "http1:request_headers" and checks the name. Whether the protocol has that hook is for the
// keyword table to say.
func (p *parser) protocol(r *Rule, text string, col int) {
	name, hook, has := strings.Cut(strings.ToLower(text), ":")
	r.Proto, r.Hook = name, hook
	if has && hook == "" {
		p.fault(at(r.Pos, col+len(name)), 0, "hook name is missing after the colon", "")
	}
	if !known(name, Protocols()) {
		p.fault(at(r.Pos, col), 0, fmt.Sprintf("unknown protocol %q", name), didYouMean(name, Protocols()))
	}
}

func (p *parser) direction(r *Rule, text string, col int) {
	r.Arrow = text
	switch text {
	case "->", "<>", "=>":
	case "<-":
		p.fault(at(r.Pos, col), 0, `unknown direction "<-"`, `exchange the sides and write "->"`)
	default:
		p.fault(at(r.Pos, col), 0, fmt.Sprintf("unknown direction %q", text), `one of "->", "<>", "=>"`)
	}
}

// side resolves one address and one port list.
func (p *parser) side(r *Rule, s *Side, addr string, addrCol int, port string, portCol int) {
	s.AddrText, s.PortText = addr, port
	s.AddrPos, s.PortPos = at(r.Pos, addrCol), at(r.Pos, portCol)
	a, ok := p.addrs[addr]
	if !ok {
		a.set, a.err = ParseAddrs(addr, p.vars)
		p.addrs[addr] = a
	}
	if s.Addrs = a.set; a.err != nil {
		p.fault(s.AddrPos, 0, a.err.Error(), listHint(a.err))
	}
	t, ok := p.ports[port]
	if !ok {
		t.set, t.err = ParsePorts(port, p.vars)
		p.ports[port] = t
	}
	if s.Ports = t.set; t.err != nil {
		p.fault(s.PortPos, 0, t.err.Error(), listHint(t.err))
	}
}
