package signatures

import (
	"maps"
	"slices"

	"picket/traffic/flow"
)

// Notes are what rules have noted on a flow, for those who tell of it.
type Notes struct {
	Bits []string // flowbits that are set, sorted
	Ints []IntNote
}

// IntNote is one flowint.
type IntNote struct {
	Name  string
	Value uint32
}

// Notes returns what rules have noted on a flow; nil when there is nothing. It allocates only when there is. s may be nil.
func (in *Inspector) Notes(f *flow.Flow, s *flow.State) *Notes {
	if f == nil {
		return nil
	}
	v := view{Flow: f, State: s, insp: in}
	st := v.flowBits(false)
	if st == nil || len(st.bits)+len(st.ints) == 0 {
		return nil
	}
	n := &Notes{Bits: slices.Sorted(maps.Keys(st.bits))}
	for _, name := range slices.Sorted(maps.Keys(st.ints)) {
		n.Ints = append(n.Ints, IntNote{name, st.ints[name]})
	}
	return n
}
