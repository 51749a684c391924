package pcre

// Result tells how a match ended.
type Result int8

// What Match returns.
const (
	NoMatch Result = iota
	Matched
	LimitHit // given up at the step limit, or at the stack's; counts as no match
	Absent   // no match, nor one from any later start: a literal that each match has does not follow
)

// DefaultLimit is the number of steps of one Match unless the Matcher says otherwise: a few milliseconds at worst.
const DefaultLimit = 100_000

// maxFrames bounds the backtracking stack: 12 bytes each.
const maxFrames = 1 << 17

// Matcher is one worker's memory for matching. It serves any number of patterns, one match at a time; its stack stays as
// large as it once grew, at most 1.5 MiB. The zero value is ready.
type Matcher struct {
	Limit     int    // steps per Match; 0 means DefaultLimit
	LimitHits uint64 // matches given up so far

	steps     int
	limit     int
	groups    int
	registers []int32
	stack     []frame
	foreign   bool // the last subject was not ASCII, and registers are indexes of coded
	coded     coded
}

// frame is one point to go back to. lo says which kind.
type frame struct {
	pc  int32 // undo: restore the register pos to lo
	pos int32
	lo  int32 // alternative; enterLoop; of a run the end of what may still be given back (greedy) or taken (lazy)
}

const (
	alternative = -1
	enterLoop   = -2
)

// Span returns where the last match lies; valid if it was Matched.
func (m *Matcher) Span() (start, end int) { return m.place(m.registers[0]), m.place(m.registers[1]) }

// Group returns where the last match captured a group; ok is false if it did not, or if there is no such group.
func (m *Matcher) Group(group int) (start, end int, ok bool) {
	if group < 0 || group >= m.groups || m.registers[2*group+1] < 0 {
		return 0, 0, false
	}
	return m.place(m.registers[2*group]), m.place(m.registers[2*group+1]), true
}

// Match looks for the first match of buf that begins at start or behind it. What lies before start is seen by look-behind,
// \b and \A. It does not allocate once the Matcher has grown.
func (re *Regexp) Match(buf []byte, start int, m *Matcher) Result {
	m.foreign = false
	if re.paged != nil && !IsASCII(buf) {
		return re.matchForeign(buf, start, m)
	}
	return re.match(buf, start, m)
}

func (re *Regexp) match(buf []byte, start int, m *Matcher) Result {
	m.groups = 0
	if start < 0 || start > len(buf) || len(buf)-start < re.prog.minLen || len(buf) > unlimited {
		return NoMatch
	}
	pr := &re.prog
	if pr.required != nil && pr.finder.Index(buf[start:]) < 0 {
		return Absent
	}
	m.begin(pr)
	r := m.search(pr, buf, start)
	if r == LimitHit {
		m.LimitHits++
	}
	if r == Matched {
		m.groups = pr.groups
	}
	return r
}

func (m *Matcher) begin(pr *program) {
	m.steps = 0
	m.limit = m.Limit
	if m.limit <= 0 {
		m.limit = DefaultLimit
	}
	if len(m.registers) < pr.registers {
		m.registers = make([]int32, pr.registers+16)
	}
}
