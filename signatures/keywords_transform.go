package signatures

import (
	"bytes"
	"errors"
	"fmt"
	"strings"

	"picket/signatures/transform"
)

// transformKeywords change a sticky buffer before its contents are looked for (docs.suricata.io, "Transformations").
func transformKeywords() []Keyword {
	var all []Keyword
	for _, name := range transform.Names() {
		all = append(all, Keyword{Name: name, Arg: Optional, Parse: func(b *builder, arg string) error {
			return b.addTransform(name, arg)
		}})
	}
	return all
}

func (b *builder) addTransform(name, arg string) error {
	if name == "pcrexform" && !strings.HasPrefix(arg, `"`) {
		return errors.New("the expression must stand in double quotes")
	}
	t, err := transform.Parse(name, arg)
	if err != nil {
		return errors.New(strings.TrimPrefix(err.Error(), name+": "))
	}
	switch {
	case !b.sticky || b.cur.buffer == nil:
		return errors.New("needs a sticky buffer before it")
	case b.cur.buffer.NoTransforms:
		return errors.New("does not go with " + b.cur.buffer.Name)
	}
	if len(b.cur.items) > 0 {
		b.cur = b.newList(b.cur.buffer) // the same buffer once more, now transformed
	}
	b.cur.xform = append(b.cur.xform, t)
	return nil
}

// pipeline is a chain of transforms.
type pipeline []*transform.Transform

// apply sends a buffer through the chain. The result lives as long as the view's arena. False: a transform failed, and
// nothing matches, neither contents nor their absence.
func (p pipeline) apply(v *view, buf []byte) ([]byte, bool) {
	for _, t := range p {
		start := len(v.arena)
		out, ok := t.Apply(v.arena, buf, &v.insp.transforms)
		if !ok {
			return nil, false
		}
		v.arena = out
		buf = out[start:len(out):len(out)]
	}
	return buf, true
}

// check refuses a content that what the transforms leave can never hold.
func (p pipeline) check(c *content) error {
	for _, t := range p {
		name, _, _ := strings.Cut(t.ID(), ":")
		if impossible := unmatchable[name]; impossible != nil && impossible(c) {
			return fmt.Errorf("content %q can never match behind %s", c.bytes, name)
		}
	}
	return nil
}

// unmatchable says of some transforms which contents they leave no place for.
var unmatchable = map[string]func(c *content) bool{
	"strip_whitespace": func(c *content) bool { return bytes.ContainsAny(c.bytes, whitespace) },
	"compress_whitespace": func(c *content) bool {
		for i := range len(c.bytes) - 1 {
			if strings.IndexByte(whitespace, c.bytes[i]) >= 0 && strings.IndexByte(whitespace, c.bytes[i+1]) >= 0 {
				return true
			}
		}
		return false
	},
	"to_lowercase": func(c *content) bool { return !c.nocase && !bytes.Equal(c.bytes, bytes.ToLower(c.bytes)) },
	"to_uppercase": func(c *content) bool { return !c.nocase && !bytes.Equal(c.bytes, bytes.ToUpper(c.bytes)) },
}

const whitespace = " \t\n\v\f\r"

// String identifies the chain.
func (p pipeline) String() string {
	var s strings.Builder
	for _, t := range p {
		s.WriteString(t.ID())
		s.WriteByte('|')
	}
	return s.String()
}
