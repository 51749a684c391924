package signatures

import (
	"maps"
	"slices"

	"picket/traffic/flow"
)

// Notes are what rules have noted on a flow, for those who tell of it.
type Notes struct {
	Bits      []string // flowbits in the order in which they were set
	Ints      []IntNote
	Entropies []EntropyNote
	Vars      []Var // what expressions have captured, in the order of the first capture
}

// IntNote is one flowint.
type IntNote struct {
	Name  string
	Value uint32
}

// EntropyNote is the entropy (bits per byte) of what an entropy keyword looked at last.
type EntropyNote struct {
	Buffer string // http_uri, or content for the payload
	Value  float64
}

// Notes returns what rules have noted on a flow; nil when there is nothing. It allocates only when there is. s may be nil.
func (in *Inspector) Notes(f *flow.Flow, s *flow.State) *Notes {
	if f == nil {
		return nil
	}
	v := view{Flow: f, State: s, insp: in}
	st := v.flowBits(false)
	if st == nil || len(st.bits)+len(st.ints)+len(st.vars)+len(st.entropies) == 0 {
		return nil
	}
	n := &Notes{Bits: st.bits, Vars: st.vars, Entropies: st.entropies}
	for _, name := range slices.Sorted(maps.Keys(st.ints)) {
		n.Ints = append(n.Ints, IntNote{name, st.ints[name]})
	}
	return n
}

// PacketVars are the variables that rules have captured of the last packet, valid until the next Inspect.
func (in *Inspector) PacketVars() []Var { return in.packetVars }
