package language

import (
	"fmt"
	"math"
	"strings"
)

// identify takes sid, gid, rev and msg from the options. Each may stand once; a rule needs a sid.
func (p *parser) identify(r *Rule) {
	var seen [4]bool
	for i := range r.Options {
		o := &r.Options[i]
		which := -1
		switch o.Name {
		case "sid":
			which = 0
			r.SID = p.number(r, o, 1)
		case "gid":
			which = 1
			r.GID = p.number(r, o, 0)
		case "rev":
			which = 2
			r.Rev = p.number(r, o, 1)
		case "msg":
			which = 3
			r.Msg = p.message(r, o)
		default:
			continue
		}
		if seen[which] {
			p.fault(at(r.Pos, o.Col), 0, fmt.Sprintf("%s stands twice in one rule", o.Name), "")
		}
		seen[which] = true
	}
	if !seen[0] {
		p.fault(r.Pos, 0, "rule has no sid", "add sid:NUMBER; local rules begin at 1000000")
	}
}

func (p *parser) number(r *Rule, o *Option, least uint32) uint32 {
	n, ok := decimal(o.Value)
	if !ok || n < least || n == math.MaxUint32 {
		p.fault(at(r.Pos, o.ValueCol), 0, fmt.Sprintf("%s: %q is not a number from %d to %d", o.Name, clip(o.Value), least, uint32(math.MaxUint32-1)), "")
		return 0
	}
	return n
}

func (p *parser) message(r *Rule, o *Option) string {
	text, _, err := Unquote(o.Value, QuotesRequired)
	if err != nil {
		p.fault(at(r.Pos, o.ValueCol), 0, "msg: "+err.Error(), "")
		return ""
	}
	return unescape(text)
}

// unescape takes the backslashes off, whatever they stand before (detect-msg.c).
func unescape(s string) string {
	if strings.IndexByte(s, '\\') < 0 {
		return s
	}
	out := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' && i+1 < len(s) {
			i++
		}
		out = append(out, s[i])
	}
	return string(out)
}

// decimal reads an unsigned decimal number; false for anything else, also when it is too large.
func decimal(s string) (uint32, bool) {
	if s == "" || len(s) > 10 {
		return 0, false
	}
	n := uint64(0)
	for i := 0; i < len(s); i++ {
		if s[i] < '0' || s[i] > '9' {
			return 0, false
		}
		n = n*10 + uint64(s[i]-'0')
	}
	return uint32(n), n <= math.MaxUint32
}

// Dedupe removes rules that stand twice by gid and sid. The higher revision stays, with a soft fault for the
// other; with no higher revision the first stays and the later one is a hard fault, as in Suricata
// (detect-engine-loader.c). Call it again on the rules of several files put together.
func Dedupe(rules []Rule) ([]Rule, []Fault) {
	type id struct{ gid, sid uint32 }
	have := make(map[id]int, len(rules))
	var faults []Fault
	gone := 0
	for i := range rules {
		r := &rules[i]
		old, twice := have[id{r.GID, r.SID}]
		have[id{r.GID, r.SID}] = i
		if !twice {
			continue
		}
		first := &rules[old]
		f := Fault{Pos: r.Pos, SID: r.SID, Hint: "give it another sid or a higher rev"}
		f.Cause = fmt.Sprintf("duplicate of the rule at %s:%d", first.File, first.Line)
		if r.Rev > first.Rev {
			f.Soft, f.Hint = true, ""
			f.Cause = fmt.Sprintf("revision %d replaces revision %d at %s:%d", r.Rev, first.Rev, first.File, first.Line)
			r = first
		} else {
			have[id{r.GID, r.SID}] = old
		}
		faults = append(faults, f)
		r.Action = "" // marks it as gone
		gone++
	}
	if gone == 0 {
		return rules, nil
	}
	keep := rules[:0]
	for _, r := range rules {
		if r.Action != "" {
			keep = append(keep, r)
		}
	}
	return keep, faults
}
