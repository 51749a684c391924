package signatures

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"picket/signatures/language"
	"picket/traffic/app"
)

var appDCERPC = []app.Proto{app.DCERPC, app.SMB}

// payloadKeywords look for bytes (docs.suricata.io, "Payload Keywords").
func payloadKeywords() []Keyword {
	return []Keyword{
		{Name: "content", Parse: parseContentKeyword},
		{Name: "uricontent", Parse: parseURIContent},
		{Name: "nocase", Arg: None, Parse: modifier("nocase", setNocase)},
		{Name: "rawbytes", Arg: None, Parse: modifier("rawbytes", func(c *content) error { c.raw = true; return nil })},
		{Name: "startswith", Arg: None, Parse: modifier("startswith", setStartsWith)},
		{Name: "endswith", Arg: None, Parse: modifier("endswith", func(c *content) error {
			if c.endsWith {
				return errors.New("endswith is given twice")
			}
			c.endsWith = true
			return nil
		})},
		{Name: "depth", Parse: absolute("depth", func(c *content) *operand { return &c.depth })},
		{Name: "offset", Parse: absolute("offset", func(c *content) *operand { return &c.offset })},
		{Name: "distance", Parse: relation("distance", func(c *content) *operand { return &c.distance })},
		{Name: "within", Parse: relation("within", func(c *content) *operand { return &c.within })},
		{Name: "fast_pattern", Arg: Optional, Parse: parseFastPattern},
		{Name: "replace", Parse: parseReplace},
		{Name: "isdataat", Parse: parseIsDataAt},
		{Name: "byte_test", Parse: parseByteTest},
		{Name: "byte_jump", Parse: parseByteJump},
		{Name: "byte_extract", Parse: parseByteExtract},
		{Name: "byte_math", Parse: parseByteMath},
		{Name: "bsize", Parse: parseBsize},
		{Name: "absent", Arg: Optional, Parse: parseAbsent},
		{Name: "entropy", Parse: parseEntropy},
		{Name: "pcre", Parse: parsePcre},
		{Name: "asn1", Parse: parseASN1},
		{Name: "base64_decode", Arg: Optional, Parse: parseBase64Decode},
		{Name: "base64_data", Arg: None, Parse: parseBase64Data},
		{Name: "pkt_data", Arg: None, Parse: func(b *builder, _ string) error { b.usePayload(); return nil }},
		{Name: "lua", Aliases: []string{"luajit"}, Parse: errUnsupported("lua")},
	}
}

func parseContentKeyword(b *builder, arg string) error {
	return b.addContent(arg)
}

func (b *builder) addContent(arg string) error {
	parsed, err := language.ParseContent(arg)
	if err != nil {
		return err
	}
	c := &content{bytes: parsed.Bytes, negated: parsed.Negated}
	if err := b.addItem(c, false); err != nil {
		return err
	}
	b.last.content = c
	return nil
}

func parseURIContent(b *builder, arg string) error {
	buf := b.look.buffers["http.uri"]
	if buf == nil {
		return errors.New("http.uri is not supported")
	}
	if b.sticky {
		return errors.New("uricontent can't be used after a sticky buffer")
	}
	if err := b.addContent(arg); err != nil {
		return err
	}
	return b.move(buf)
}

// modifier makes the parser of a content modifier without a value.
func modifier(name string, set func(*content) error) func(*builder, string) error {
	return func(b *builder, _ string) error {
		c, err := b.modified(name)
		if err != nil {
			return err
		}
		return set(c)
	}
}

// modified returns the content that a modifier belongs to: the last one, wherever http_uri has moved it.
func (b *builder) modified(name string) (*content, error) {
	if b.last != nil && b.last.content != nil {
		return b.last.content, nil
	}
	return b.lastContent(name)
}

func setNocase(c *content) error {
	if c.nocase {
		return errors.New("nocase is given twice")
	}
	c.nocase = true
	for i, x := range c.bytes {
		c.bytes[i] = lower(x)
	}
	return nil
}

func setStartsWith(c *content) error {
	if c.depth.set || c.offset.set || c.relative() {
		return errors.New("startswith does not go with depth, offset, distance or within")
	}
	c.startsWith = true
	c.depth = operand{set: true, value: len(c.bytes)}
	return nil
}

// absolute makes the parser of depth or offset.
func absolute(name string, field func(*content) *operand) func(*builder, string) error {
	return func(b *builder, arg string) error {
		c, o, err := b.placeable(name, field, (*content).relative, "distance or within")
		if err != nil {
			return err
		}
		if *o, err = b.byteOperand(arg, 0, 65535); err != nil {
			return err
		}
		if name == "depth" && o.slot == 0 && o.value < len(c.bytes) {
			return fmt.Errorf("depth %d is smaller than the content (%d bytes)", o.value, len(c.bytes))
		}
		if c.depth.set && c.depth.slot == 0 && c.offset.slot == 0 && name == "offset" {
			c.depth.value += c.offset.value
		} else if name == "depth" && o.slot == 0 && c.offset.slot == 0 {
			o.value += c.offset.value
		}
		return nil
	}
}

// relation makes the parser of distance or within.
func relation(name string, field func(*content) *operand) func(*builder, string) error {
	return func(b *builder, arg string) error {
		absolute := func(c *content) bool { return c.depth.set || c.offset.set }
		c, o, err := b.placeable(name, field, absolute, "depth or offset")
		if err != nil {
			return err
		}
		lo := -1024 * 1024
		if name == "within" {
			lo = 0
		}
		if *o, err = b.byteOperand(arg, lo, 1024*1024); err != nil {
			return err
		}
		if name == "within" && o.slot == 0 && o.value < len(c.bytes) {
			return fmt.Errorf("within %d is smaller than the content (%d bytes)", o.value, len(c.bytes))
		}
		if !b.last.relative {
			b.last.relative = true
			b.relate(b.holder(b.last))
		}
		return nil
	}
}

// placeable returns the content that a modifier gives a place, and the modifier's number in it. clash tells whether the
// content has a place of the other kind.
func (b *builder) placeable(name string, field func(*content) *operand, clash func(*content) bool, others string) (*content, *operand, error) {
	c, err := b.modified(name)
	if err != nil {
		return nil, nil, err
	}
	o := field(c)
	switch {
	case c.startsWith:
		return nil, nil, fmt.Errorf("%s does not go with startswith", name)
	case clash(c):
		return nil, nil, fmt.Errorf("%s does not go with %s of the same content", name, others)
	case o.set:
		return nil, nil, fmt.Errorf("%s is given twice for one content", name)
	}
	return c, o, nil
}

// holder returns the chain in which an item stands last.
func (b *builder) holder(p *placed) *list {
	for _, l := range b.lists {
		if n := len(l.items); n > 0 && l.items[n-1] == p {
			return l
		}
	}
	return b.cur
}

func parseFastPattern(b *builder, arg string) error {
	c, err := b.modified("fast_pattern")
	if err != nil {
		return err
	}
	if b.cur.base64 {
		return errors.New("fast_pattern can't be used in base64_data: what is decoded is not searched beforehand")
	}
	limited := c.relative() || c.depth.set || c.offset.set
	if c.fast {
		return errors.New("fast_pattern is given twice for one content")
	}
	if c.negated && limited {
		return errors.New("fast_pattern does not go with a negated content that has a place")
	}
	c.fast = true
	switch {
	case arg == "":
	case arg == "only":
		if c.negated || limited {
			return errors.New("fast_pattern:only does not go with negation or a place")
		}
		c.fastOnly = true
	default:
		off, size, ok := strings.Cut(arg, ",")
		o, err1 := strconv.ParseUint(strings.TrimSpace(off), 10, 16)
		n, err2 := strconv.ParseUint(strings.TrimSpace(size), 10, 16)
		if !ok || err1 != nil || err2 != nil || n == 0 {
			return fmt.Errorf("fast_pattern %q is neither \"only\" nor offset,length", arg)
		}
		if int(o+n) > len(c.bytes) {
			return fmt.Errorf("fast_pattern %d,%d lies outside of the content (%d bytes)", o, n, len(c.bytes))
		}
		if c.negated {
			return errors.New("fast_pattern with a part does not go with negation")
		}
		c.chop, c.chopStart, c.chopLen = true, int(o), int(n)
	}
	return nil
}

func parseReplace(b *builder, arg string) error {
	parsed, err := language.ParseContent(arg)
	if err != nil {
		return err
	}
	c, err := b.modified("replace")
	switch {
	case err != nil:
		return err
	case parsed.Negated || c.negated:
		return errors.New("replace does not go with negation")
	case c.replace != nil:
		return errors.New("replace is given twice")
	case len(parsed.Bytes) != len(c.bytes):
		return fmt.Errorf("replacement has %d bytes, the content %d", len(parsed.Bytes), len(c.bytes))
	}
	c.replace, b.replaces = parsed.Bytes, true
	return nil
}

func parseBsize(b *builder, arg string) error {
	n, err := language.ParseNumber(arg, 64)
	if err != nil {
		return err
	}
	if b.cur == b.payload {
		return errors.New("bsize needs a sticky buffer before it")
	}
	b.cur.bsize = &n
	return b.addTest(func(m *matcher) bool { return n.Match(uint64(len(m.buf))) })
}

func parseAbsent(b *builder, arg string) error {
	if !b.sticky || b.cur == b.payload {
		return errors.New("absent needs a sticky buffer before it")
	}
	switch arg {
	case "":
		b.cur.absent = mustBeAbsent
		if len(b.cur.items) > 0 {
			return errors.New("absent does not go with contents of the same buffer (absent:or_else does)")
		}
	case "or_else":
		b.cur.absent = absentOrElse
	default:
		return fmt.Errorf("absent knows only \"or_else\", not %q", arg)
	}
	b.ipOnly = false
	return nil
}
