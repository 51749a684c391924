package pcre

// minLen returns a number of bytes that every match of n has at least.
func minLen(n *node) int {
	switch n.kind {
	case kLiteral:
		return len(n.text)
	case kSet:
		return 1
	case kSequence:
		total := 0
		for _, s := range n.subs {
			total += minLen(s)
		}
		return min(total, unlimited)
	case kAlternation:
		least := unlimited
		for _, s := range n.subs {
			least = min(least, minLen(s))
		}
		return least
	case kRepeat:
		return min(n.min*minLen(n.subs[0]), unlimited)
	case kGroup, kAtomic:
		return minLen(n.subs[0])
	case kConditional:
		return min(minLen(n.subs[1]), minLen(n.subs[2]))
	}
	return 0
}

// size returns the number of nodes of a tree.
func size(n *node) int {
	if n == nil {
		return 0
	}
	total := 1
	for _, s := range n.subs {
		total += size(s)
	}
	return total
}

// fixedLen returns the length of all matches of n, if they have the same.
func fixedLen(n *node) (length int, ok bool) {
	switch n.kind {
	case kLiteral:
		return len(n.text), true
	case kSet:
		return 1, true
	case kSequence:
		for _, s := range n.subs {
			l, ok := fixedLen(s)
			if length += l; !ok || length > maxRepeat {
				return 0, false
			}
		}
		return length, true
	case kAlternation:
		return sameLen(n.subs)
	case kConditional:
		return sameLen(n.subs[1:])
	case kRepeat:
		l, ok := fixedLen(n.subs[0])
		return l * n.min, ok && n.min == n.max && l*n.min <= maxRepeat
	case kGroup, kAtomic:
		return fixedLen(n.subs[0])
	case kBackref:
		return 0, false
	}
	return 0, true
}

func sameLen(subs []*node) (length int, ok bool) {
	for i, s := range subs {
		l, ok := fixedLen(s)
		if !ok || i > 0 && l != length {
			return 0, false
		}
		length = l
	}
	return length, true
}

// requiredLiteral returns the longest literal that every match of n contains, or nil.
func requiredLiteral(n *node) *node {
	switch n.kind {
	case kLiteral:
		return n
	case kSequence:
		var best *node
		for _, s := range n.subs {
			if l := requiredLiteral(s); l != nil && (best == nil || len(l.text) > len(best.text)) {
				best = l
			}
		}
		return best
	case kGroup, kAtomic:
		return requiredLiteral(n.subs[0])
	case kRepeat:
		if n.min > 0 {
			return requiredLiteral(n.subs[0])
		}
	}
	return nil
}

// start says where a match can begin.
type start uint8

const (
	startAnywhere start = iota
	startOnce           // at the start offset only
	startLine           // at the start offset and behind newlines
)

// startOf looks at how a pattern begins. A leading .* finds from the start offset whatever it would find later.
func startOf(n *node, referenced map[int]bool) start {
	switch n.kind {
	case kAssert:
		switch n.assert {
		case subjectStart, matchStart:
			return startOnce
		case lineStart, lineStartOrEnd:
			return startLine
		}
	case kSequence:
		return startOf(n.subs[0], referenced)
	case kGroup:
		if !referenced[n.number] {
			return startOf(n.subs[0], referenced)
		}
	case kAlternation:
		first := startOf(n.subs[0], referenced)
		for _, s := range n.subs[1:] {
			if startOf(s, referenced) != first {
				return startAnywhere
			}
		}
		return first
	case kRepeat:
		if n.max == unlimited && n.mode != possessive && n.subs[0].kind == kSet {
			switch *n.subs[0].set {
			case *allBytes():
				return startOnce
			case *allBut('\n'):
				return startLine
			}
		}
	}
	return startAnywhere
}

// references collects the groups that back references and conditions name, and those that do so from within themselves.
func references(n *node, open map[int]bool, named, within map[int]bool) {
	if n == nil {
		return
	}
	if n.kind == kBackref || n.kind == kConditional && n.subs[0] == nil {
		named[n.number] = true
		if open[n.number] {
			within[n.number] = true
		}
	}
	if n.kind == kGroup && !open[n.number] {
		open[n.number] = true
		defer delete(open, n.number)
	}
	for _, s := range n.subs {
		references(s, open, named, within)
	}
}
