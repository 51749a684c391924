package language

import (
	"bytes"
	"fmt"
	"io"
	"io/fs"
	"strings"
)

// Bounds on what one rules file may ask of us.
const (
	// MaxRuleLen bounds a logical line in bytes. Suricata cuts at 8,192; the longest ET Open rule is shorter.
	MaxRuleLen = 64 << 10
	// maxFileLen bounds what Parse reads; ET Open with all its disabled rules is 50 MB.
	maxFileLen = 512 << 20
	// maxFaults bounds the report of one file; what lies beyond is counted in one last fault.
	maxFaults = 10_000
)

// Parse reads a rules file. Rules that load and all faults come back, both in the order of the file; a rule with
// a hard fault is not among the rules. file names the input in faults. vars may be nil for DefaultVars.
//
// The language is Suricata's; rules of Snort 3 are recognised and said in it (snort3.go).
//
// Comments begin with '#' or ';' in the first column. A backslash at the end of a line joins the next one. A line
// that begins with a blank is ignored, as Suricata ignores it (detect-engine-loader.c), but a soft fault says so.
func Parse(r io.Reader, file string, vars *Vars) ([]Rule, []Fault) {
	text, err := readText(r, maxFileLen+1)
	p := newParser(vars)
	pos := Pos{File: file, Line: 1, Col: 1}
	if err != nil {
		p.fault(pos, 0, fmt.Sprintf("read rules: %v", err), "")
	}
	if len(text) > maxFileLen {
		text = text[:maxFileLen]
		p.fault(pos, 0, fmt.Sprintf("file is longer than %d bytes; the rest is not read", maxFileLen), "split the file")
	}
	p.snort = snort3Rules(text)
	lines := newLines(text, file)
	lines.parentheses = p.snort
	rules := make([]Rule, 0, bytes.Count(text, []byte("sid:")))
	for {
		line, at, ok := lines.next()
		if !ok {
			break
		}
		if p.skip(line, at) {
			continue
		}
		if rule, ok := p.rule(line, at); ok {
			rules = append(rules, rule)
		}
	}
	rules, again := Dedupe(rules)
	p.faults = append(p.faults, again...)
	return rules, p.report(pos)
}

// readText reads at most limit bytes. A file goes into memory of its size, without the copies of a buffer that grows.
func readText(r io.Reader, limit int64) ([]byte, error) {
	var text bytes.Buffer
	if f, ok := r.(interface{ Stat() (fs.FileInfo, error) }); ok {
		if info, err := f.Stat(); err == nil {
			text.Grow(int(min(max(info.Size(), 0), limit)) + bytes.MinRead)
		}
	}
	_, err := text.ReadFrom(io.LimitReader(r, limit))
	return text.Bytes(), err
}

// ParseRule reads one rule on one logical line. The rule is complete only when no fault is hard. vars may be nil
// for DefaultVars.
func ParseRule(text string, pos Pos, vars *Vars) (Rule, []Fault) {
	p := newParser(vars)
	p.snort = snort3Rules([]byte(text))
	rule, _ := p.rule(strings.TrimSpace(text), pos)
	return rule, p.faults
}

// parser holds what lasts for one file: variables, resolved lists, faults.
type parser struct {
	vars    *Vars
	addrs   map[string]resolvedAddrs // by the text in the header: a few texts serve all rules of a file
	ports   map[string]resolvedPorts
	snort   bool // rules of Snort 3 are among the file's
	faults  []Fault
	dropped int
}

func newParser(vars *Vars) *parser {
	if vars == nil {
		v := DefaultVars()
		vars = &v
	}
	return &parser{vars: vars, addrs: map[string]resolvedAddrs{}, ports: map[string]resolvedPorts{}}
}

func (p *parser) fault(pos Pos, sid uint32, cause, hint string) {
	if len(p.faults) >= maxFaults {
		p.dropped++
		return
	}
	p.faults = append(p.faults, Fault{Pos: pos, SID: sid, Cause: cause, Hint: hint})
}

func (p *parser) soft(pos Pos, sid uint32, cause, hint string) {
	p.fault(pos, sid, cause, hint)
	if p.dropped == 0 {
		p.faults[len(p.faults)-1].Soft = true
	}
}

// report returns the faults, with one more when some did not find room.
func (p *parser) report(pos Pos) []Fault {
	if p.dropped > 0 {
		p.faults = append(p.faults, Fault{Pos: pos, Cause: fmt.Sprintf("%d further faults are not listed", p.dropped)})
	}
	return p.faults
}

// skip tells whether a line holds no rule.
func (p *parser) skip(line string, at Pos) bool {
	if line == "" {
		return true
	}
	switch line[0] {
	case '#', ';', '\n', '\r':
		return true
	case ' ':
		if rest := strings.TrimSpace(line); rest != "" && rest[0] != '#' {
			p.soft(at, 0, "line begins with a blank and is ignored", "remove the blank to load the rule")
		}
		return true
	}
	return strings.TrimSpace(line) == ""
}

// rule reads a rule; false when it has a hard fault. The faults are in p.
func (p *parser) rule(line string, at Pos) (Rule, bool) {
	before, dropped := len(p.faults), p.dropped
	r := Rule{Pos: at, Raw: line, GID: 1}
	if len(line) > MaxRuleLen {
		p.fault(at, 0, fmt.Sprintf("rule is longer than %d bytes", MaxRuleLen), "is a line end missing?")
		r.Raw = line[:MaxRuleLen]
		return r, false
	}
	c := cursor{text: line}
	if p.header(&r, &c) {
		if !p.snort || !p.snort3(&r, c.pos) {
			p.options(&r, c.pos)
		}
		p.identify(&r)
		p.requirements(&r, before)
	}
	hard := p.dropped != dropped || r.Skip
	for i := before; i < len(p.faults); i++ {
		p.faults[i].SID = r.SID
		hard = hard || !p.faults[i].Soft
	}
	return r, !hard
}
