// Package filter chooses frames by a filter expression as tcpdump has them (pcap-filter(7)): "tcp port 80 and not host
// 192.0.2.1". It knows hosts, networks, ports, protocols, VLANs and lengths, with and, or, not and parentheses. Bytes of a
// packet ("tcp[13] & 2 != 0") and what needs a name server are refused by name.
//
// Two things are easier than with libpcap: VLAN tags are stepped over, so that "port 80" finds tagged frames, too; and
// IPv6 extension headers are.
package filter

import (
	"fmt"
	"strings"
	"sync"

	"picket/traffic/packet"
)

// Filter is a compiled expression. It may be used by several goroutines.
type Filter struct {
	text  string
	test  test
	views sync.Pool // of *view: conditions are called by pointer, which would put each view on the heap
}

// test is a condition on a frame.
type test func(v *view) bool

// Match tells whether a frame is wanted. length is the frame's on the wire, in bytes.
func (f *Filter) Match(link packet.LinkType, frame []byte, length int) bool {
	v, ok := f.views.Get().(*view)
	if !ok {
		v = new(view)
	}
	*v = look(link, frame, length)
	match := f.test(v)
	f.views.Put(v)
	return match
}

func (f *Filter) String() string { return f.text }

// Bounds of an expression.
const (
	maxText  = 64 << 10
	maxDepth = 100 // parentheses and negations within each other
)

// Error tells what is wrong with an expression, and where.
type Error struct {
	Text  string
	At    int // bytes from the beginning
	Cause string
}

func (e *Error) Error() string {
	return fmt.Sprintf("filter: column %d: %s in %q (pcap-filter(7) has the grammar)", e.At+1, e.Cause, e.Text)
}

// Compile reads an expression; an empty one wants all frames. Its errors are *Error.
func Compile(text string) (*Filter, error) {
	if len(text) > maxText {
		return nil, &Error{Text: text[:40] + "…", Cause: "too long"}
	}
	p := parser{text: text, words: split(text)}
	if len(p.words) == 0 {
		return &Filter{test: func(*view) bool { return true }}, nil
	}
	t, err := p.expression(0)
	if err == nil && p.at < len(p.words) {
		err = p.fail("unexpected " + p.words[p.at].text)
	}
	if err != nil {
		return nil, err
	}
	return &Filter{text: strings.TrimSpace(text), test: t}, nil
}

// word is a word of an expression and where it stands.
type word struct {
	text string
	at   int
}

// split cuts an expression into words, parentheses and signs.
func split(text string) []word {
	var words []word
	for i := 0; i < len(text); {
		switch c := text[i]; {
		case c == ' ' || c == '\t' || c == '\n' || c == '\r':
			i++
		case c == '(' || c == ')' || c == '!':
			words = append(words, word{text[i : i+1], i})
			i++
		default:
			end := i
			for end < len(text) && !strings.ContainsRune(" \t\r\n()!", rune(text[end])) {
				end++
			}
			words = append(words, word{strings.ToLower(text[i:end]), i})
			i = end
		}
	}
	return words
}
