package signatures

import (
	"errors"
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

// apply sends a buffer through the chain. The result lives as long as the view's arena; nil: a transform failed.
func (p pipeline) apply(v *view, buf []byte) []byte {
	for _, t := range p {
		start := len(v.arena)
		out, ok := t.Apply(v.arena, buf, &v.insp.transforms)
		if !ok {
			return nil
		}
		v.arena = out
		buf = out[start:len(out):len(out)]
	}
	return buf
}

// String identifies the chain.
func (p pipeline) String() string {
	var s strings.Builder
	for _, t := range p {
		s.WriteString(t.ID())
		s.WriteByte('|')
	}
	return s.String()
}
