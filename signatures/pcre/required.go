package pcre

// Literal is a text that a match contains; with NoCase it is in lower case and occurs in either.
type Literal struct {
	Text   []byte
	NoCase bool
}

// maxAnyOf bounds a set of alternatives; lists of bad user agents have hundreds.
const maxAnyOf = 1024

// RequiredAny returns literals of which every match contains at least one, nil if there are none of use. Where there is one
// that all matches contain, it may be the only one. The bytes belong to the Regexp.
func (re *Regexp) RequiredAny() []Literal { return re.anyOf }

// requiredAny finds the alternatives whose shortest literal is longest.
func requiredAny(n *node) []Literal {
	switch n.kind {
	case kLiteral:
		return []Literal{{n.text, n.fold}}
	case kSequence:
		var best []Literal
		for _, s := range n.subs {
			if l := requiredAny(s); shortest(l) > shortest(best) {
				best = l
			}
		}
		return best
	case kAlternation:
		return oneOfEach(n.subs)
	case kConditional:
		return oneOfEach(n.subs[1:])
	case kGroup, kAtomic:
		return requiredAny(n.subs[0])
	case kRepeat:
		if n.min > 0 {
			return requiredAny(n.subs[0])
		}
	}
	return nil
}

// oneOfEach joins the literals of alternatives; nil if one of them needs none.
func oneOfEach(subs []*node) []Literal {
	var all []Literal
	for _, s := range subs {
		l := requiredAny(s)
		if len(l) == 0 || len(all)+len(l) > maxAnyOf {
			return nil
		}
		all = append(all, l...)
	}
	return all
}

// shortest returns the length of the shortest literal, 0 for none.
func shortest(all []Literal) int {
	if len(all) == 0 {
		return 0
	}
	n := len(all[0].Text)
	for _, l := range all[1:] {
		n = min(n, len(l.Text))
	}
	return n
}
