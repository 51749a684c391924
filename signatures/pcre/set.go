package pcre

import "math/bits"

// set is a set of bytes.
type set [4]uint64

func (s *set) add(c byte)      { s[c>>6] |= 1 << (c & 63) }
func (s *set) has(c byte) bool { return s[c>>6]>>(c&63)&1 != 0 }

func (s *set) addRange(first, last byte) {
	for c := int(first); c <= int(last); c++ {
		s.add(byte(c))
	}
}

func (s *set) addAll(t *set) {
	for i := range s {
		s[i] |= t[i]
	}
}

func (s *set) invert() {
	for i := range s {
		s[i] = ^s[i]
	}
}

// fold adds the other case of each ASCII letter.
func (s *set) fold() {
	for c := byte('a'); c <= 'z'; c++ {
		if s.has(c) || s.has(c&^0x20) {
			s.add(c)
			s.add(c &^ 0x20)
		}
	}
}

func (s *set) disjoint(t *set) bool {
	return s[0]&t[0]|s[1]&t[1]|s[2]&t[2]|s[3]&t[3] == 0
}

func (s *set) len() int {
	return bits.OnesCount64(s[0]) + bits.OnesCount64(s[1]) + bits.OnesCount64(s[2]) + bits.OnesCount64(s[3])
}

// first returns the least byte of a set that has one.
func (s *set) first() byte {
	for i, w := range s {
		if w != 0 {
			return byte(64*i + bits.TrailingZeros64(w))
		}
	}
	return 0
}

func setOf(text string) *set {
	s := &set{}
	for i := range len(text) {
		s.add(text[i])
	}
	return s
}

// allBut returns all bytes but one.
func allBut(c byte) *set {
	s := setOf(string([]byte{c}))
	s.invert()
	return s
}

func allBytes() *set {
	s := &set{}
	s.invert()
	return s
}

// escapeSet returns the set of \d, \D, \h, \H, \s, \S, \v, \V, \w or \W.
func escapeSet(c byte) *set {
	s := &set{}
	switch c | 0x20 {
	case 'd':
		s.addRange('0', '9')
	case 'h':
		s = setOf("\t \xA0")
	case 's':
		s = setOf(" \t\n\v\f\r")
	case 'v':
		s = setOf("\n\v\f\r\x85")
	case 'w':
		s.addRange('0', '9')
		s.addRange('a', 'z')
		s.addRange('A', 'Z')
		s.add('_')
	}
	if c&0x20 == 0 {
		s.invert()
	}
	return s
}

// posixSet returns the set of a POSIX class, nil for an unknown name.
func posixSet(name string) *set {
	s := &set{}
	switch name {
	case "alpha", "upper", "lower", "alnum":
		if name != "lower" {
			s.addRange('A', 'Z')
		}
		if name != "upper" {
			s.addRange('a', 'z')
		}
		if name == "alnum" {
			s.addRange('0', '9')
		}
	case "ascii":
		s.addRange(0, 127)
	case "blank":
		s = setOf("\t ")
	case "cntrl":
		s.addRange(0, 31)
		s.add(127)
	case "digit":
		s.addRange('0', '9')
	case "graph":
		s.addRange(33, 126)
	case "print":
		s.addRange(32, 126)
	case "punct":
		s.addRange('!', '/')
		s.addRange(':', '@')
		s.addRange('[', '`')
		s.addRange('{', '~')
	case "space":
		return escapeSet('s')
	case "word":
		return escapeSet('w')
	case "xdigit":
		s.addRange('0', '9')
		s.addRange('a', 'f')
		s.addRange('A', 'F')
	default:
		return nil
	}
	return s
}
