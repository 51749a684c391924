package actions

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Scope says what of a peer's traffic a ban refuses, and how the peer is answered. The zero Scope drops everything.
// Scopes made by NewScope and ParseScope can be compared with ==: what means the same is written the same.
type Scope struct {
	// Ports is "" for everything, else terms in order, such as "tcp/22,80-90 udp/53 icmp". A term is a protocol's
	// name or number and the destination ports that it refuses; without ports it refuses the whole protocol; the
	// protocol "any" stands for all that have ports. Ports are those on the wire, before any address translation.
	Ports  string
	Answer Answer
}

// Answer is what a banned peer hears.
type Answer string

// The answers. The kernel limits the rate of ICMP messages by itself (net.ipv4.icmp_ratelimit).
const (
	Drop            Answer = ""                 // nothing
	PortUnreachable Answer = "port-unreachable" // an ICMP error; fail2ban's usual reject
	HostUnreachable Answer = "host-unreachable"
	NetUnreachable  Answer = "net-unreachable"
	Prohibited      Answer = "admin-prohibited"
	Reset           Answer = "tcp-reset" // to TCP; everything else is answered as by PortUnreachable
	// Commands means that the jail's own commands do the banning: the ban stands in the ledger, not in the kernel.
	Commands Answer = "commands"
)

var answers = []Answer{Drop, PortUnreachable, HostUnreachable, NetUnreachable, Prohibited, Reset, Commands}

// PortRange is a range of ports, ends included.
type PortRange struct{ First, Last uint16 }

// Term is one protocol of a scope.
type Term struct {
	Protocol string      // "tcp", "udp", "any" …, or a number
	Ports    []PortRange // disjoint and in order; none for all of the protocol
}

// protocols are the IP protocol numbers by the names that scopes use.
var protocols = map[string]uint8{
	"icmp": 1, "igmp": 2, "tcp": 6, "udp": 17, "dccp": 33, "gre": 47, "esp": 50, "ah": 51, "icmpv6": 58, "sctp": 132, "udplite": 136,
}

// anyProtocol is the term for ports of whatever protocol has them.
const anyProtocol = "any"

// maxScope bounds a scope's text: a rule's port list, not a peer's choice.
const maxScope = 4096

// Number is the protocol's number in the IP header; false for "any".
func (t Term) Number() (uint8, bool) {
	if n, ok := protocols[t.Protocol]; ok {
		return n, true
	}
	n, err := strconv.ParseUint(t.Protocol, 10, 8)
	return uint8(n), err == nil
}

func (t Term) hasPorts() bool {
	switch t.Protocol {
	case "tcp", "udp", "sctp", "dccp", "udplite", anyProtocol:
		return true
	}
	return false
}

// NewScope makes a scope of terms in any order; terms of one protocol are joined.
func NewScope(terms []Term, a Answer) (Scope, error) {
	if !slices.Contains(answers, a) {
		return Scope{}, fmt.Errorf("answer %q: unknown (use one of %v)", a, answers[1:])
	}
	ports := map[string][]PortRange{}
	for _, t := range terms {
		have, known := ports[t.Protocol]
		if _, ok := t.Number(); !ok && t.Protocol != anyProtocol {
			return Scope{}, fmt.Errorf("protocol %q: unknown (use tcp, udp, icmp … or a number)", t.Protocol)
		}
		switch {
		case len(t.Ports) > 0 && !t.hasPorts():
			return Scope{}, fmt.Errorf("protocol %q has no ports", t.Protocol)
		case len(t.Ports) == 0 || known && len(have) == 0:
			ports[t.Protocol] = nil
		default:
			ports[t.Protocol] = append(have, t.Ports...)
		}
	}
	text := scopeText(ports)
	if len(text) > maxScope {
		return Scope{}, fmt.Errorf("a scope of %d bytes (at most %d: ban all ports instead)", len(text), maxScope)
	}
	return Scope{text, a}, nil
}

func scopeText(ports map[string][]PortRange) string {
	var words []string
	for protocol, list := range ports {
		if len(list) == 0 {
			words = append(words, protocol)
			continue
		}
		var ranges []string
		for _, r := range joined(list) {
			ranges = append(ranges, r.String())
		}
		words = append(words, protocol+"/"+strings.Join(ranges, ","))
	}
	slices.Sort(words)
	return strings.Join(words, " ")
}

func (r PortRange) String() string {
	if r.First == r.Last {
		return strconv.Itoa(int(r.First))
	}
	return fmt.Sprintf("%d-%d", r.First, r.Last)
}

// joined sorts ranges and joins those that touch: the kernel's interval sets refuse overlaps.
func joined(list []PortRange) []PortRange {
	list = slices.Clone(list)
	slices.SortFunc(list, func(a, b PortRange) int { return cmp.Compare(a.First, b.First) })
	out := list[:1]
	for _, r := range list[1:] {
		last := &out[len(out)-1]
		if int(r.First) > int(last.Last)+1 {
			out = append(out, r)
			continue
		}
		last.Last = max(last.Last, r.Last)
	}
	return out
}

// All tells whether the scope covers all of a peer's traffic.
func (s Scope) All() bool { return s.Ports == "" }

// Terms takes the scope apart; none for everything.
func (s Scope) Terms() []Term {
	var list []Term
	for word := range strings.FieldsSeq(s.Ports) {
		if t, err := parseTerm(word); err == nil {
			list = append(list, t)
		}
	}
	return list
}

// Covers tells whether the scope refuses packets of a protocol to a port; port 0 stands for those that have none.
func (s Scope) Covers(protocol uint8, port uint16) bool {
	if s.All() {
		return true
	}
	for _, t := range s.Terms() {
		number, named := t.Number()
		if named && number != protocol {
			continue
		}
		if len(t.Ports) == 0 || slices.ContainsFunc(t.Ports, func(r PortRange) bool { return r.First <= port && port <= r.Last && port > 0 }) {
			return true
		}
	}
	return false
}

func parseTerm(word string) (Term, error) {
	protocol, ports, has := strings.Cut(word, "/")
	t := Term{Protocol: protocol}
	if !has {
		return t, nil
	}
	for text := range strings.SplitSeq(ports, ",") {
		r, err := ParsePorts(text)
		if err != nil {
			return t, err
		}
		t.Ports = append(t.Ports, r)
	}
	return t, nil
}

// ParsePorts reads 22, 80-90 or 80:90.
func ParsePorts(text string) (PortRange, error) {
	first, last, ranged := strings.Cut(strings.Replace(text, ":", "-", 1), "-")
	if !ranged {
		last = first
	}
	a, err := strconv.ParseUint(first, 10, 16)
	b, err2 := strconv.ParseUint(last, 10, 16)
	if err != nil || err2 != nil || a > b {
		return PortRange{}, fmt.Errorf("%q is no port (write 22, or 80-90)", text)
	}
	return PortRange{uint16(a), uint16(b)}, nil
}

// String prints a scope as ParseScope reads it: "all", "tcp/22,80-90", "tcp/22 reject=port-unreachable".
func (s Scope) String() string {
	text := s.Ports
	if text == "" {
		text = "all"
	}
	if s.Answer != Drop {
		text += " reject=" + string(s.Answer)
	}
	return text
}

// ParseScope reads what String prints, and the same as an operator writes it: "22,80" is tcp/22,80.
func ParseScope(text string) (Scope, error) {
	var terms []Term
	answer := Drop
	for word := range strings.FieldsSeq(text) {
		if a, ok := strings.CutPrefix(word, "reject="); ok {
			answer = Answer(a)
			continue
		}
		if word == "all" {
			continue
		}
		if word[0] >= '0' && word[0] <= '9' && !strings.Contains(word, "/") {
			word = "tcp/" + word
		}
		t, err := parseTerm(word)
		if err != nil {
			return Scope{}, fmt.Errorf("scope %q: %w", text, err)
		}
		terms = append(terms, t)
	}
	s, err := NewScope(terms, answer)
	if err != nil {
		return s, fmt.Errorf("scope %q: %w", text, err)
	}
	return s, nil
}

// MarshalText writes the scope for journals and JSON.
func (s Scope) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText reads it back.
func (s *Scope) UnmarshalText(text []byte) (err error) {
	*s, err = ParseScope(string(text))
	return err
}

// IsZero lets JSON leave away what is usual: everything, dropped.
func (s Scope) IsZero() bool { return s == Scope{} }
