package language

import "fmt"

// Pos is where something stands in a rules file. Line and Col count from 1; Col counts bytes of the joined
// logical line (continuation lines with a trailing backslash belong to the line they began on).
type Pos struct {
	File      string
	Line, Col int
}

// Fault is one thing that could not be read, with the rule it stands in.
type Fault struct {
	Pos
	SID   uint32 // 0 when the rule's sid could not be read
	Cause string // "unknown keyword \"htp.uri\""
	Hint  string // likely remedy, or ""
	// Soft faults are warnings: the rule loads all the same.
	Soft bool
}

func (f Fault) Error() string {
	s := fmt.Sprintf("%s:%d:%d: ", f.File, f.Line, f.Col)
	if f.SID != 0 {
		s += fmt.Sprintf("sid %d: ", f.SID)
	}
	s += f.Cause
	if f.Hint != "" {
		s += " (" + f.Hint + ")"
	}
	return s
}

// Rule is one rule as written.
type Rule struct {
	Pos
	Raw    string // the whole rule on one line
	Action string // alert, drop, pass, reject, rejectsrc, rejectdst, rejectboth, config ...
	Proto  string // header protocol, lower case: tcp, tcp-pkt, http, ...
	Hook   string // "request_headers" in "http1:request_headers"; "" without
	Src    Side
	Dst    Side
	Arrow  string // "->", "<>" or "=>"
	// Options in the order of the text.
	Options []Option
	// What every reader wants to know, taken from the options.
	SID, GID, Rev uint32
	Msg           string
	// Skip: the rule requires something that is not there and is not to be loaded; a soft fault says what.
	Skip bool
}

// Side is one side of the header, as written and resolved.
type Side struct {
	AddrText, PortText string
	AddrPos, PortPos   Pos
	Addrs              AddrSet
	Ports              PortSet
}

// Option is one option: name, or name:value, up to an unescaped semicolon.
type Option struct {
	Name     string // lower case as written
	Value    string // without the outer blanks; escapes still stand
	Has      bool   // a colon was there
	Col      int    // of the name, in the logical line
	ValueCol int
}
