package signatures

import (
	"encoding/binary"
	"slices"
)

// portClasses tells for a port which of many sets of ports it is in. Rules are not divided by port: most of them are
// for any, and one search for all, which asks here before it makes a rule a candidate, is smaller and faster than two
// dozen searches that differ little. All ports that are in the same sets are one class.
type portClasses struct {
	numbers map[uint32]uint16 // of the engine's sets; 0, which is any port, stays 0
	sets    []uint32
	byPort  []uint16   // class of a port; empty: there is one class
	classes [][]uint64 // by class: bit of each set that has its ports
}

func newPortClasses() *portClasses {
	return &portClasses{numbers: map[uint32]uint16{0: 0}, sets: []uint32{0}}
}

// number returns the number by which one of the engine's sets is known here.
func (c *portClasses) number(set uint32) uint16 {
	n, ok := c.numbers[set]
	if !ok {
		n = uint16(len(c.sets))
		c.numbers[set] = n
		c.sets = append(c.sets, set)
	}
	return n
}

// of returns the bits of the sets that a port is in.
func (c *portClasses) of(port uint16) []uint64 {
	if len(c.byPort) == 0 {
		return c.classes[0]
	}
	return c.classes[c.byPort[port]]
}

// classify divides all ports into classes, once all sets have their number.
func (c *portClasses) classify(ports []portSet) {
	if len(c.sets) == 1 {
		c.classes = [][]uint64{{1}}
		return
	}
	edges := []int{0, 1 << 16}
	for _, set := range c.sets[1:] {
		for _, r := range ports[set] {
			edges = append(edges, int(r.Lo), int(r.Hi)+1)
		}
	}
	slices.Sort(edges)
	edges = slices.Compact(edges)
	c.byPort = make([]uint16, 1<<16)
	known := map[string]uint16{}
	for i, lo := range edges[:len(edges)-1] {
		class := c.class(known, ports, uint16(lo))
		for p := lo; p < edges[i+1]; p++ {
			c.byPort[p] = class
		}
	}
	c.numbers = nil
}

// class returns the class of a port, made if there is none like it.
func (c *portClasses) class(known map[string]uint16, ports []portSet, port uint16) uint16 {
	bits := make([]uint64, (len(c.sets)+63)/64)
	for n, set := range c.sets {
		if n == 0 || ports[set].has(port) {
			bits[n>>6] |= 1 << (n & 63)
		}
	}
	var key []byte
	for _, w := range bits {
		key = binary.LittleEndian.AppendUint64(key, w)
	}
	class, ok := known[string(key)]
	if !ok {
		class = uint16(len(c.classes))
		known[string(key)] = class
		c.classes = append(c.classes, bits)
	}
	return class
}
