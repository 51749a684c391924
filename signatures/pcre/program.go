package pcre

import "picket/signatures/search"

// opcode is what an instruction does.
type opcode uint8

const (
	opByte        opcode = iota // the byte c
	opLiteral                   // literal number x
	opLiteralFold               // literal number x, in lower case, in either case
	opSet                       // a byte of set
	opRun                       // min to max bytes of set, as many as possible first
	opRunLazy                   // … as few as possible first
	opRunAll                    // … as many as possible, without a way back
	opSplit                     // go on at x; failing that, at y
	opJump                      // go on at x
	opSave                      // register x becomes the position
	opClose                     // group x/2 becomes what lies between register y and the position
	opKeep                      // the match begins here
	opAssert                    // assertion x holds here
	opAhead                     // literal number x lies ahead
	opNotAhead                  // literal number x does not lie ahead
	opBack                      // go back x bytes
	opBackref                   // what group x captured
	opIfGroup                   // go on at y unless group x is set
	opLoopInit                  // count in register x, last position in x+1
	opLoop                      // once more through the body behind, or go on at y
	opEnter                     // note stack height in register x and position in x+1
	opPush                      // failing what follows, go on at y
	opAtomicEnd                 // no way back to before the height in register x
	opLookEnd                   // the same, and back to the position in x+1
	opRefuse                    // undo all since the height in x; go on at y, or fail if y is negative
	opFail
	opMatch
)

// how a run is scanned
const (
	runSet = iota
	runAny // every byte
	runNot // every byte but one
)

// inst is one instruction.
type inst struct {
	op       opcode
	c        byte // opByte: the byte; runNot: the byte left out; opLoop: the mode
	how      uint8
	one      bool // ahead is the single byte aheadByte
	next     byte
	fold     bool
	x, y     int32
	min, max int32
	set      *set // opSplit: what x can begin with, or nil
	ahead    *set // what must follow a run; opSplit: what y can begin with; nil: anything, or nothing
}

// program is a compiled pattern.
type program struct {
	insts     []inst
	literals  [][]byte
	groups    int // capturing groups, the whole match included
	registers int
	minLen    int

	start          start
	first          *set // what a match can begin with; nil: anything, or it can be empty
	firstByte      int  // the only byte of first, or -1
	prefix         *search.Finder
	required       []byte
	requiredNoCase bool
	finder         search.Finder // for required
}

// undo marks a stack frame that restores a register.
const undo int32 = -1
