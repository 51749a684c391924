package signatures

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"picket/signatures/language"
)

// byteArgs splits the value of a byte keyword; options may be set off by blanks as well as by "=": "offset 4".
type byteArgs struct {
	args []string
	i    int
}

func newByteArgs(arg string) *byteArgs { return &byteArgs{args: language.SplitArgs(arg)} }

func (a *byteArgs) next() string {
	if a.i >= len(a.args) {
		return ""
	}
	a.i++
	return a.args[a.i-1]
}

// common reads an option that all byte keywords share; false: it is another one.
func (s *byteSource) common(b *builder, word, rest string, a *byteArgs) (bool, error) {
	switch word {
	case "relative":
		s.relative = true
	case "big":
		s.little = false
	case "little":
		s.little = true
	case "endian":
		s.little = rest == "little"
		if rest != "little" && rest != "big" {
			return true, fmt.Errorf("unknown byte order %q", rest)
		}
	case "dce":
		s.dce = true
		return true, b.app("dce", appDCERPC...)
	case "string":
		return true, s.setBase(rest)
	case "hex", "dec", "oct":
		return true, s.setBase(word)
	case "bitmask":
		v, err := strconv.ParseUint(rest, 0, 32)
		if err != nil || v == 0 {
			return true, fmt.Errorf("bitmask %q is not a number of 1 to 4 bytes", rest)
		}
		s.mask, s.hasMask = v, true
	default:
		return false, nil
	}
	return true, nil
}

func (s *byteSource) setBase(name string) error {
	switch name {
	case "":
		if s.base == binaryValue {
			s.base = decimal
		}
	case "hex":
		s.base = hexadecimal
	case "dec":
		s.base = decimal
	case "oct":
		s.base = octal
	default:
		return fmt.Errorf("unknown number base %q", name)
	}
	return nil
}

// check holds the width against what the representation allows.
func (s *byteSource) check(binaryMax int) error {
	if s.count.slot != 0 {
		return nil
	}
	most := binaryMax
	switch s.base {
	case octal:
		most = 23
	case decimal:
		most = 20
	case hexadecimal:
		most = 14
	}
	if s.count.value < 0 || s.count.value > most {
		return fmt.Errorf("%d bytes can't be read as a number (at most %d)", s.count.value, most)
	}
	if s.base != binaryValue && s.dce {
		return errors.New("dce and string exclude each other")
	}
	return nil
}

func (b *builder) byteOperand(text string, lo, hi int) (operand, error) {
	if n, err := strconv.ParseInt(text, 0, 64); err == nil {
		if n < int64(lo) || n > int64(hi) {
			return operand{}, fmt.Errorf("%d is not between %d and %d", n, lo, hi)
		}
		return operand{set: true, value: int(n)}, nil
	}
	slot, err := b.variable(text)
	return operand{set: true, slot: slot}, err
}

func (b *builder) byteValue(text string) (value, error) {
	neg := strings.HasPrefix(text, "-")
	if n, err := strconv.ParseUint(strings.TrimPrefix(text, "-"), 0, 64); err == nil {
		if neg {
			n = -n
		}
		return value{n: n}, nil
	}
	slot, err := b.variable(text)
	return value{slot: slot}, err
}

func parseByteTest(b *builder, arg string) error {
	a := newByteArgs(arg)
	if len(a.args) < 4 {
		return errors.New("byte_test needs bytes, operator, value and offset")
	}
	t := &byteTest{}
	var err error
	if t.count, err = b.byteOperand(a.next(), 0, 23); err != nil {
		return err
	}
	op := a.next()
	if rest, ok := strings.CutPrefix(op, "!"); ok {
		t.negated, op = true, strings.TrimSpace(rest)
	}
	if t.op = op; op == "" && t.negated {
		t.op = "="
	}
	if !slices.Contains([]string{"<", ">", "<=", ">=", "=", "&", "^"}, t.op) {
		return fmt.Errorf("unknown operator %q", op)
	}
	if t.value, err = b.byteValue(a.next()); err != nil {
		return err
	}
	if t.offset, err = b.byteOperand(a.next(), -65535, 65535); err != nil {
		return err
	}
	for a.i < len(a.args) {
		word, rest := language.SplitWord(a.next())
		if ok, err := t.common(b, word, rest, a); err != nil {
			return err
		} else if !ok {
			return fmt.Errorf("unknown option %q", word)
		}
	}
	if err := t.check(8); err != nil {
		return err
	}
	return b.addItem(t, t.relative)
}

func parseByteJump(b *builder, arg string) error {
	a := newByteArgs(arg)
	if len(a.args) < 2 {
		return errors.New("byte_jump needs bytes and offset")
	}
	j := &byteJump{multiplier: 1}
	var err error
	if j.count, err = b.byteOperand(a.next(), 0, 23); err != nil {
		return err
	}
	if j.offset, err = b.byteOperand(a.next(), -65535, 65535); err != nil {
		return err
	}
	for a.i < len(a.args) {
		word, rest := language.SplitWord(a.next())
		if err := j.option(b, word, rest, a); err != nil {
			return err
		}
	}
	if j.fromBegin && j.fromEnd {
		return errors.New("from_beginning and from_end exclude each other")
	}
	if j.count.slot == 0 && j.count.value == 0 && !j.fromEnd && j.base == binaryValue && j.post == 0 {
		return errors.New("byte_jump of no bytes needs from_end or post_offset")
	}
	if err := j.check(8); err != nil {
		return err
	}
	return b.addItem(j, j.relative)
}

func (j *byteJump) option(b *builder, word, rest string, a *byteArgs) (err error) {
	switch word {
	case "align":
		j.align = true
	case "from_beginning":
		j.fromBegin = true
	case "from_end":
		j.fromEnd = true
	case "multiplier":
		if j.multiplier, err = strconv.ParseUint(rest, 0, 16); err != nil || j.multiplier == 0 {
			return fmt.Errorf("multiplier %q is not between 1 and 65535", rest)
		}
	case "post_offset":
		if j.post, err = strconv.Atoi(rest); err != nil || j.post < -65535 || j.post > 65535 {
			return fmt.Errorf("post_offset %q is not between -65535 and 65535", rest)
		}
	default:
		ok, err := j.common(b, word, rest, a)
		if err == nil && !ok {
			err = fmt.Errorf("unknown option %q", word)
		}
		return err
	}
	return nil
}

func parseByteExtract(b *builder, arg string) error {
	a := newByteArgs(arg)
	if len(a.args) < 3 {
		return errors.New("byte_extract needs bytes, offset and a name")
	}
	x := &byteExtract{multiplier: 1}
	var err error
	if x.count, err = b.byteOperand(a.next(), 1, 23); err != nil {
		return err
	}
	if x.offset, err = b.byteOperand(a.next(), -65535, 65535); err != nil {
		return err
	}
	name := a.next()
	for a.i < len(a.args) {
		word, rest := language.SplitWord(a.next())
		switch word {
		case "multiplier":
			if x.multiplier, err = strconv.ParseUint(rest, 0, 16); err != nil || x.multiplier == 0 {
				return fmt.Errorf("multiplier %q is not between 1 and 65535", rest)
			}
		case "align":
			if x.align, err = strconv.ParseUint(rest, 0, 8); err != nil || x.align != 2 && x.align != 4 {
				return fmt.Errorf("align %q is not 2 or 4", rest)
			}
		case "bitmask":
			return errors.New(`unknown option "bitmask"`)
		default:
			if ok, err := x.common(b, word, rest, a); err != nil {
				return err
			} else if !ok {
				return fmt.Errorf("unknown option %q", word)
			}
		}
	}
	if err := x.check(8); err != nil {
		return err
	}
	if x.slot, err = b.define(name); err != nil {
		return err
	}
	return b.addItem(x, x.relative)
}

// parseByteMath reads "bytes 4, offset 0, oper +, rvalue 10, result name, relative": words in any order, each once.
func parseByteMath(b *builder, arg string) error {
	a := newByteArgs(arg)
	x := &byteMath{}
	said := map[string]string{}
	for a.i < len(a.args) {
		word, rest := language.SplitWord(a.next())
		if _, twice := said[word]; twice {
			return fmt.Errorf("%s is given twice", word)
		}
		said[word] = rest
		if err := x.option(b, word, rest, a); err != nil {
			return err
		}
	}
	for _, word := range []string{"bytes", "offset", "oper", "rvalue", "result"} {
		if _, ok := said[word]; !ok {
			return fmt.Errorf("byte_math needs %q", word)
		}
	}
	if err := x.possible(); err != nil {
		return err
	}
	var err error
	if x.slot, err = b.define(said["result"]); err != nil {
		return err
	}
	return b.addItem(x, x.relative)
}

func (x *byteMath) option(b *builder, word, rest string, a *byteArgs) (err error) {
	switch word {
	case "bytes":
		x.count, err = b.byteOperand(rest, 1, 10)
	case "offset":
		x.offset, err = b.byteOperand(rest, -65535, 65535)
	case "oper":
		if x.op = rest; !slices.Contains([]string{"+", "-", "*", "/", "<<", ">>"}, rest) {
			err = fmt.Errorf("unknown operator %q", rest)
		}
	case "rvalue":
		x.value, err = b.byteValue(rest)
	case "result": // defined when all the rest is known to be right
	default:
		var ok bool
		if ok, err = x.common(b, word, rest, a); err == nil && !ok {
			err = fmt.Errorf("unknown option %q", word)
		}
	}
	return err
}

// possible refuses what no packet can be asked for.
func (x *byteMath) possible() error {
	switch {
	case x.op == "/" && x.value.slot == 0 && x.value.n == 0:
		return errors.New("division by zero")
	case (x.op == "<<" || x.op == ">>") && x.count.slot == 0 && x.count.value > 4:
		return errors.New("shifts need at most 4 bytes")
	}
	return nil
}

func parseIsDataAt(b *builder, arg string) error {
	x := &isDataAt{}
	for i, word := range language.SplitArgs(arg) {
		switch {
		case i == 0:
			if rest, ok := strings.CutPrefix(word, "!"); ok {
				x.negated, word = true, strings.TrimSpace(rest)
			}
			var err error
			if x.at, err = b.byteOperand(word, 0, 65535); err != nil {
				return err
			}
		case word == "relative":
			x.relative = true
		case word == "rawbytes":
		default:
			return fmt.Errorf("unknown option %q", word)
		}
	}
	if !x.at.set {
		return errors.New("isdataat needs a number")
	}
	return b.addItem(x, x.relative)
}
