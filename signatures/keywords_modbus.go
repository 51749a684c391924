package signatures

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	"picket/traffic/app"
	"picket/traffic/app/modbus"
)

// modbusKeywords is the Modbus keyword of Suricata 8 ("Modbus Keyword" in its manual). It looks at requests.
func modbusKeywords() []Keyword {
	return []Keyword{{Name: "modbus", Parse: parseModbus}}
}

// modbusRule is what a request has to be.
type modbusRule struct {
	unit, address, value *modbusRange
	category             modbus.Category
	function, sub        int // -1: any
	access               modbus.Access
}

// modbusRange is "5" (low and high are the same), "<5", ">5" or "5<>9", whose ends do not count.
type modbusRange struct{ low, high uint16 }

// meets tells whether one of the numbers from first to last lies in the range.
func (r *modbusRange) meets(first, last uint16) bool {
	switch {
	case r.low == r.high:
		return r.low >= first && r.low <= last
	case r.low == 0:
		return r.high > first
	case r.high == math.MaxUint16:
		return r.low < last
	}
	return r.low < last && first < r.high
}

func parseModbus(b *builder, arg string) error {
	r, err := readModbus(strings.Trim(strings.TrimSpace(arg), `" `))
	if err != nil {
		return fmt.Errorf("modbus: %w", err)
	}
	return b.testTx("modbus", when(app.ToServer, 0, app.Modbus), func(v *view) bool {
		t, ok := v.Tx.Data.(*modbus.Transaction)
		return ok && t.Request != nil && r.match(t.Request)
	})
}

// match compares a request.
func (r *modbusRule) match(m *modbus.Message) bool {
	switch {
	case r.unit != nil && !r.unit.meets(uint16(m.Unit), uint16(m.Unit)):
		return false
	case r.access != 0:
		return r.matchAccess(m)
	case r.category != 0:
		return m.Category&r.category != 0
	}
	return r.function < 0 || int(m.Function) == r.function && (r.sub < 0 || m.HasSub && int(m.Sub) == r.sub)
}

func (r *modbusRule) matchAccess(m *modbus.Message) bool {
	if m.Access&r.access&(modbus.Read|modbus.Write) == 0 || r.access&modbus.Tables != 0 && m.Access&r.access&modbus.Tables == 0 {
		return false
	}
	if r.address == nil {
		return true
	}
	first, last, ok := m.Span()
	if !ok || !r.address.meets(first, last) {
		return false
	}
	if r.value == nil {
		return true
	}
	have, ok := m.Written(r.address.low)
	return ok && r.value.meets(have, have)
}

// readModbus reads "unit 5, function 8, subfunction 4" and "access write holding, address 7, value >10".
func readModbus(text string) (*modbusRule, error) {
	r := &modbusRule{function: -1, sub: -1}
	for i, part := range strings.Split(text, ",") {
		words := strings.Fields(part)
		if len(words) < 2 {
			return nil, fmt.Errorf("%q says nothing (unit, function, subfunction, access, address or value and what it is)", part)
		}
		if err := r.part(words[0], words[1:], i); err != nil {
			return nil, err
		}
	}
	return r, nil
}

// part reads one of the parts of a rule, in the order in which they may stand.
func (r *modbusRule) part(name string, words []string, i int) (err error) {
	switch only := len(words) == 1; {
	case name == "unit" && only && i == 0:
		r.unit, err = readModbusRange(words[0])
	case name == "function" && only && r.access == 0 && r.function < 0 && r.category == 0:
		err = r.readFunction(words[0])
	case name == "subfunction" && only && r.function >= 0:
		r.sub, err = modbusNumber(words[0], 16)
	case name == "access" && r.access == 0 && r.function < 0 && r.category == 0 && len(words) <= 2:
		err = r.readAccess(words)
	case name == "address" && only && r.access != 0:
		r.address, err = readModbusRange(words[0])
	case name == "value" && only && r.address != nil && r.address.low == r.address.high && r.access&modbus.Write != 0:
		r.value, err = readModbusRange(words[0])
	default:
		err = fmt.Errorf("%s %s does not fit there", name, strings.Join(words, " "))
	}
	return err
}

// modbusCategories are the words for ranges of function codes.
var modbusCategories = map[string]modbus.Category{
	"assigned": modbus.Assigned, "unassigned": modbus.Unassigned, "public": modbus.Assigned | modbus.Unassigned,
	"user": modbus.User, "reserved": modbus.Reserved, "all": modbus.Assigned | modbus.Unassigned | modbus.User | modbus.Reserved,
}

func (r *modbusRule) readFunction(word string) (err error) {
	name, negated := strings.CutPrefix(word, "!")
	if c, ok := modbusCategories[name]; ok {
		if r.category = c; negated {
			r.category = modbusCategories["all"] &^ c
		}
		return nil
	}
	if r.function, err = modbusNumber(word, 8); err == nil && r.function == 0 {
		err = fmt.Errorf("there is no function 0")
	}
	return err
}

func (r *modbusRule) readAccess(words []string) error {
	tables := map[string]modbus.Access{"discretes": modbus.Discretes, "coils": modbus.Coils, "input": modbus.Input, "holding": modbus.Holding}
	switch words[0] {
	case "read":
		r.access = modbus.Read
	case "write":
		r.access = modbus.Write
	default:
		return fmt.Errorf("access is read or write, not %s", words[0])
	}
	if len(words) == 1 {
		return nil
	}
	table, ok := tables[words[1]]
	switch {
	case !ok:
		return fmt.Errorf("there is no table %s (discretes, coils, input, holding)", words[1])
	case r.access == modbus.Write && table&(modbus.Discretes|modbus.Input) != 0:
		return fmt.Errorf("%s can only be read", words[1])
	}
	r.access |= table
	return nil
}

func readModbusRange(text string) (*modbusRange, error) {
	low, high, span := strings.Cut(text, "<>")
	if span {
		a, errLow := modbusNumber(low, 16)
		b, errHigh := modbusNumber(high, 16)
		if errLow != nil || errHigh != nil {
			return nil, fmt.Errorf("%s is no range of numbers", text)
		}
		return &modbusRange{uint16(a), uint16(b)}, nil
	}
	n, err := modbusNumber(strings.TrimLeft(text, "<>"), 16)
	switch {
	case err != nil:
		return nil, err
	case text[0] == '<':
		return &modbusRange{0, uint16(n)}, nil
	case text[0] == '>':
		return &modbusRange{uint16(n), math.MaxUint16}, nil
	}
	return &modbusRange{uint16(n), uint16(n)}, nil
}

func modbusNumber(text string, bits int) (int, error) {
	n, err := strconv.ParseUint(text, 10, bits)
	if err != nil {
		return -1, fmt.Errorf("%q is no number below %d", text, 1<<bits)
	}
	return int(n), nil
}
