package signatures

import (
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"strings"

	"picket/signatures/language"
	"picket/traffic/app"
)

// Bounds on what expressions can make us keep.
const (
	maxCaptures  = 8       // variables of one expression (Suricata's DETECT_PCRE_CAPTURE_MAX)
	maxCaptured  = 256     // values captured while one packet is judged
	maxValue     = 1 << 16 // bytes of one value; what is longer is cut
	maxFlowValue = 1 << 16 // bytes of all values of a flow
)

// Var is a variable and its value.
type Var struct {
	Name  string
	Value []byte
}

// variable is where a group of an expression is kept.
type variable struct {
	scope varScope
	name  string
	group int
}

// varScope says how long a variable lives and who tells of it.
type varScope uint8

// Of the packet; of the packet, named by the group before it; of the flow; of the alert.
const (
	ofThePacket varScope = iota
	ofThePacketByKey
	ofTheFlow
	ofTheAlert
)

// captured is a value that an expression has found; it counts when its rule matches as a whole.
type captured struct {
	sig   *Signature
	tx    *app.Transaction
	to    *variable
	name  string
	value []byte
}

// groupVariable finds variables that groups name themselves: "(?P<flow_user>...)".
var groupVariable = regexp.MustCompile(`\(\?P<([A-Za-z]+?)_([A-Za-z0-9_]+)>`)

var varScopes = map[string]varScope{"pkt": ofThePacket, "flow": ofTheFlow, "alert": ofTheAlert}

// captures reads the variables of an expression: a list behind its flags, ", pkt:uid, flow:gid", one for each group,
// and the groups that name one.
func captures(p *language.Pcre) ([]variable, error) {
	var list []variable
	for i, c := range p.Capture {
		kind, name, ok := strings.Cut(c, ":")
		scope, known := varScopes[kind]
		if !ok || !known || name == "" {
			return nil, fmt.Errorf("capture %q is not pkt:NAME, flow:NAME or alert:NAME", c)
		}
		v := variable{scope, name, i + 1}
		if keyed := len(list) > 0 && list[i-1] == (variable{ofThePacket, "key", i}); keyed && v.scope == ofThePacket && name == "value" {
			list[i-1].scope = ofThePacketByKey
		}
		list = append(list, v)
	}
	for _, m := range groupVariable.FindAllStringSubmatch(p.Pattern, -1) {
		if scope, known := varScopes[m[1]]; known {
			list = append(list, variable{scope: scope, name: m[2], group: -1})
		}
	}
	if len(list) > maxCaptures {
		return nil, fmt.Errorf("%d captures, at most %d are kept", len(list), maxCaptures)
	}
	return list, nil
}

// capture gives an expression its variables and has them kept when the rule matches.
func (b *builder) capture(x *regex, list []variable) error {
	if x.negated {
		return errors.New("a negated expression captures nothing")
	}
	for i := range list {
		v := &list[i]
		if v.group < 0 {
			for scope, s := range varScopes {
				if s == v.scope {
					v.group, _ = x.re.GroupNumber(scope + "_" + v.name)
				}
			}
		}
		if v.group > x.re.Groups() {
			return fmt.Errorf("capture %s has no group %d in the expression", v.name, v.group)
		}
		switch v.scope {
		case ofTheFlow:
			b.bits.sets[orderFlowvar] = true
		case ofThePacket, ofThePacketByKey:
			b.bits.sets[orderPktvar] = true
		}
	}
	x.captures = list
	s := b.Signature
	return b.after(func(v *view) { v.insp.commit(s) })
}

// note remembers the groups of the last match until it is clear whether the whole rule matches.
func (x *regex) note(m *matcher, subject []byte) {
	in := m.v.insp
	text := func(group int) []byte {
		lo, hi, ok := in.regex.Group(group)
		if !ok {
			return nil
		}
		return subject[lo:min(hi, lo+maxValue)]
	}
	for i := range x.captures {
		to := &x.captures[i]
		c := captured{sig: m.sig, tx: m.v.Tx, to: to, name: to.name, value: text(to.group)}
		switch {
		case to.scope == ofThePacketByKey:
			c.name, c.value = string(c.value), text(to.group+1)
		case i > 0 && x.captures[i-1].scope == ofThePacketByKey:
			continue // it is the value of the one before
		}
		if c.value != nil {
			in.capture(c)
		}
	}
}

// capture notes a value in the place of the one that another match of the same expression left.
func (in *Inspector) capture(c captured) {
	c.value = in.v.keep(c.value)
	for i := range in.captured {
		if have := &in.captured[i]; have.sig == c.sig && have.tx == c.tx && have.to == c.to {
			*have = c
			return
		}
	}
	if len(in.captured) < maxCaptured {
		in.captured = append(in.captured, c)
	}
}

// commit keeps what a rule has captured: it has matched.
func (in *Inspector) commit(s *Signature) {
	for i := range in.captured {
		c := &in.captured[i]
		if c.sig != s || c.tx != in.v.Tx {
			continue
		}
		switch c.to.scope {
		case ofTheFlow:
			in.v.flowBits(true).setVar(c.name, c.value)
		case ofTheAlert:
			if text, err := json.Marshal(string(c.value)); err == nil {
				in.noteContext(s, c.name, text)
			}
		default:
			in.packetVars = append(in.packetVars, Var{c.name, c.value})
		}
	}
}

// setVar keeps a copy of a value as a variable of the flow, as long as there is room.
func (st *flowState) setVar(name string, value []byte) {
	if st == nil {
		return
	}
	room := maxFlowValue
	for i := range st.vars {
		if v := &st.vars[i]; v.Name == name {
			room += len(v.Value)
		}
		room -= len(st.vars[i].Value)
	}
	if len(value) > room {
		return
	}
	for i := range st.vars {
		if v := &st.vars[i]; v.Name == name {
			v.Value = append(v.Value[:0], value...)
			return
		}
	}
	if len(st.vars) < maxFlowBits {
		st.vars = append(st.vars, Var{name, append([]byte(nil), value...)})
	}
}

// parseVar reads `name,"content"` of flowvar and pktvar: the variable holds the content.
func parseVar(kind int, vars func(v *view) []Var) func(*builder, string) error {
	return func(b *builder, arg string) error {
		name, text, ok := strings.Cut(arg, ",")
		if name = strings.TrimSpace(name); !ok || name == "" {
			return errors.New(`needs a name and a content: user,"root"`)
		}
		c, err := language.ParseContent(strings.TrimSpace(text))
		if err != nil {
			return err
		}
		b.ipOnly, b.bits.reads[kind] = false, true
		return b.testPacket("variable", func(v *view) bool {
			for _, x := range vars(v) {
				if x.Name == name {
					return strings.Contains(string(x.Value), string(c.Bytes)) != c.Negated
				}
			}
			return false
		})
	}
}

// flowVars and packetVars are the variables that rules have captured so far.
func flowVars(v *view) []Var {
	if st := v.flowBits(false); st != nil {
		return st.vars
	}
	return nil
}

func packetVars(v *view) []Var { return v.insp.packetVars }
