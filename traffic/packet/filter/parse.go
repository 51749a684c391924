package filter

import (
	"net/netip"
	"strconv"
	"strings"
)

// parser is an expression while it is read.
type parser struct {
	text  string
	words []word
	at    int
	last  qualifiers // of the primitive before: "port 80 or 443" means "port 80 or port 443"
}

// qualifiers say what an identifier is: of which protocol, of which side, of which kind.
type qualifiers struct {
	proto string // ip, ip6, arp, tcp, udp, sctp, icmp, icmp6; "": any
	dir   string // src, dst, both; "": either
	kind  string // host, net, port, portrange, proto
}

func (p *parser) fail(cause string) error {
	at := len(p.text)
	if p.at < len(p.words) {
		at = p.words[p.at].at
	}
	return &Error{Text: p.text, At: at, Cause: cause}
}

// peek returns the next word, "" at the end.
func (p *parser) peek() string {
	if p.at < len(p.words) {
		return p.words[p.at].text
	}
	return ""
}

// accept takes the next word if it is one of these.
func (p *parser) accept(words ...string) bool {
	for _, w := range words {
		if p.peek() == w {
			p.at++
			return true
		}
	}
	return false
}

// expression reads terms with "and" and "or" between them, which bind equally and from the left.
func (p *parser) expression(depth int) (test, error) {
	left, err := p.term(depth)
	for err == nil {
		and := false
		switch {
		case p.accept("and", "&&"):
			and = true
		case p.accept("or", "||"):
		default:
			return left, nil
		}
		var right test
		if right, err = p.term(depth); err == nil {
			left = join(left, right, and)
		}
	}
	return nil, err
}

func join(a, b test, and bool) test {
	if and {
		return func(v *view) bool { return a(v) && b(v) }
	}
	return func(v *view) bool { return a(v) || b(v) }
}

func (p *parser) term(depth int) (test, error) {
	switch {
	case depth > maxDepth:
		return nil, p.fail("too many parentheses")
	case p.accept("not", "!"):
		t, err := p.term(depth + 1)
		return func(v *view) bool { return !t(v) }, err
	case p.accept("("):
		t, err := p.expression(depth + 1)
		if err == nil && !p.accept(")") {
			err = p.fail("missing )")
		}
		return t, err
	}
	return p.primitive()
}

// primitive reads qualifiers and an identifier, or a word that says all by itself.
func (p *parser) primitive() (test, error) {
	switch {
	case p.peek() == "":
		return nil, p.fail("the expression ends too early")
	case p.accept("vlan"):
		return p.vlan(), nil
	case p.accept("less"):
		return p.length(func(have, n int) bool { return have <= n })
	case p.accept("greater"):
		return p.length(func(have, n int) bool { return have >= n })
	}
	q, some := p.qualifiers()
	if q.kind == "" && q.dir == "" && some && !p.identifier() {
		return ofProtocol(q.proto), nil
	}
	if !some {
		q = p.last
	}
	if q.kind == "" {
		q.kind = "host"
	}
	p.last = q
	return p.named(q)
}

// qualifiers reads as many as there are; some: at least one.
func (p *parser) qualifiers() (q qualifiers, some bool) {
	begin := p.at
	switch w := p.peek(); w {
	case "ip", "ip6", "arp", "tcp", "udp", "sctp", "icmp", "icmp6":
		q.proto = w
		p.at++
	}
	if p.accept("src") {
		q.dir = "src"
		p.other(&q, "dst")
	} else if p.accept("dst") {
		q.dir = "dst"
		p.other(&q, "src")
	}
	switch w := p.peek(); w {
	case "host", "net", "port", "portrange", "proto":
		q.kind = w
		p.at++
	}
	return q, p.at > begin
}

// other reads what may follow a side: "src or dst", "src and dst".
func (p *parser) other(q *qualifiers, side string) {
	if p.at+1 >= len(p.words) || p.words[p.at+1].text != side {
		return
	}
	switch p.peek() {
	case "or":
		q.dir = ""
	case "and":
		q.dir = "both"
	default:
		return
	}
	p.at += 2
}

// identifier tells whether the next word is none of the grammar's.
func (p *parser) identifier() bool {
	switch p.peek() {
	case "", "and", "&&", "or", "||", ")", "(", "not", "!":
		return false
	}
	return true
}

// vlan reads an identifier of a VLAN, if there is one.
func (p *parser) vlan() test {
	n, err := strconv.ParseUint(p.peek(), 10, 12)
	if err != nil {
		return func(v *view) bool { return v.nvlans > 0 }
	}
	p.at++
	return func(v *view) bool {
		for _, id := range v.vlans[:v.nvlans] {
			if uint64(id) == n {
				return true
			}
		}
		return false
	}
}

func (p *parser) length(compare func(have, n int) bool) (test, error) {
	n, err := strconv.ParseUint(p.peek(), 10, 31)
	if err != nil {
		return nil, p.fail("a number of bytes is missing")
	}
	p.at++
	return func(v *view) bool { return compare(v.length, int(n)) }, nil
}

// named reads the identifier that the qualifiers are about.
func (p *parser) named(q qualifiers) (test, error) {
	id := p.peek()
	if !p.identifier() {
		return nil, p.fail("something to compare with is missing")
	}
	var t test
	switch q.kind {
	case "host":
		if a, err := netip.ParseAddr(id); err == nil {
			t = sides(q.dir, func(v *view, src bool) bool { return v.addr(src) == a })
		}
	case "net":
		if n, ok := network(id); ok {
			t = sides(q.dir, func(v *view, src bool) bool { return n.Contains(v.addr(src)) })
		}
	case "port", "portrange":
		if lo, hi, ok := portRange(id, q.kind == "portrange"); ok {
			t = sides(q.dir, func(v *view, src bool) bool { n := v.port(src); return v.ports && n >= lo && n <= hi })
		}
	case "proto":
		t = protoNumber(id)
	}
	if t == nil {
		return nil, p.fail("no " + q.kind + " that can be compared (addresses and numbers are, names and bytes are not): " + id)
	}
	p.at++
	if q.proto != "" {
		t = join(ofProtocol(q.proto), t, true)
	}
	return t, nil
}

// network reads "192.0.2.0/24", "192.0.2" or "10".
func network(text string) (netip.Prefix, bool) {
	if n, err := netip.ParsePrefix(text); err == nil {
		return n.Masked(), true
	}
	if a, err := netip.ParseAddr(text); err == nil {
		return netip.PrefixFrom(a, a.BitLen()), true
	}
	given := strings.Count(text, ".") + 1
	a, err := netip.ParseAddr(text + strings.Repeat(".0", max(4-given, 0)))
	return netip.PrefixFrom(a, 8*given).Masked(), err == nil && given < 4
}

// portRange reads "80" or "8000-8100"; a few ports have names everywhere.
func portRange(text string, span bool) (lo, hi uint16, ok bool) {
	first, last, both := strings.Cut(text, "-")
	if !span || !both {
		first, last = text, text
	}
	lo, ok = portNumber(first)
	hi, ok2 := portNumber(last)
	return lo, hi, ok && ok2
}

func portNumber(text string) (uint16, bool) {
	switch text {
	case "ftp":
		return 21, true
	case "ssh":
		return 22, true
	case "smtp":
		return 25, true
	case "domain":
		return 53, true
	case "http":
		return 80, true
	case "https":
		return 443, true
	}
	n, err := strconv.ParseUint(text, 10, 16)
	return uint16(n), err == nil
}
