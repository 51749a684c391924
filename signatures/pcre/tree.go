package pcre

// kind is what a node of the tree matches.
type kind uint8

const (
	kEmpty       kind = iota
	kLiteral          // text, lower case with fold
	kSet              // one byte of set
	kSequence         // subs, one behind the other
	kAlternation      // one of subs
	kRepeat           // subs[0], min to max times
	kGroup            // subs[0], captured as number
	kAtomic           // subs[0], without a way back into it
	kLook             // assertion about subs[0]: behind, negative
	kConditional      // subs[0] a kLook, or nil and then number; subs[1] if it holds, else subs[2]
	kBackref          // what the group number captured
	kAssert           // assertion about a position
	kKeep             // \K
	kFail             // (*FAIL)
	kBack             // number bytes back; the compiler puts it into look-behind
)

// assertion is about a position.
type assertion uint8

const (
	subjectStart   assertion = iota // \A
	matchStart                      // \G
	subjectEnd                      // \z
	subjectEndOrLF                  // \Z, $
	lineStart                       // ^ with m
	lineStartOrEnd                  // ^ with m in Python
	lineEnd                         // $ with m
	wordBoundary                    // \b
	noWordBoundary                  // \B
	pageBoundary                    // \b where words are more than ASCII
	noPageBoundary                  // \B there
)

// quantifier modes
const (
	greedy = iota
	lazy
	possessive
)

// unlimited is the max of a repeat without one. Real ones end at maxRepeat.
const (
	unlimited = 1 << 30
	maxRepeat = 65535
)

// node is a node of the tree.
type node struct {
	kind     kind
	mode     uint8
	assert   assertion
	fold     bool
	negative bool
	behind   bool
	min, max int
	number   int    // of a group
	name     string // of a group not yet resolved to its number
	offset   int    // in the pattern, for errors found later
	text     []byte
	set      *set
	subs     []*node
}
