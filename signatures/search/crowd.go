package search

import (
	"encoding/binary"
	"maps"
	"slices"
)

const (
	crowdRow   = 4  // so many literals on one window are simply compared in a row
	crowdMax   = 6  // look-ups per candidate
	crowdReach = 24 // how far from the window the eight bytes may lie, to either side
)

// crowd splits the literals of a window that many share (".com", "User") by the eight folded bytes at a fixed distance
// from the window. It bounds what one candidate can cost.
type crowd struct {
	delta int
	shift uint32
	slots []crowdSlot // open addressing, at most half full; n is 0 in an empty slot
}

type crowdSlot struct {
	key      uint64
	start, n uint32
}

// disperse moves entries into crowds and returns those that must stay in the row.
func (s *Set) disperse(lits []Literal, es []entry) []entry {
	for range crowdMax {
		if len(es) <= crowdRow {
			break
		}
		delta, ok := bestDelta(lits, es)
		if !ok {
			break
		}
		keys, rest := split(lits, es, delta)
		s.crowds = append(s.crowds, s.newCrowd(delta, keys))
		es = rest
	}
	return es
}

func (s *Set) newCrowd(delta int, keys map[uint64][]entry) crowd {
	c := crowd{delta: delta, shift: 63}
	for 1<<(64-c.shift) < 2*len(keys) {
		c.shift--
	}
	c.slots = make([]crowdSlot, 1<<(64-c.shift))
	for _, key := range slices.Sorted(maps.Keys(keys)) { // sorted: the same rules make the same set
		i := key * golden64 >> c.shift
		for c.slots[i].n != 0 {
			i = (i + 1) & uint64(len(c.slots)-1)
		}
		start, n := s.addEntries(keys[key])
		c.slots[i] = crowdSlot{key: key, start: start, n: n}
	}
	return c
}

// find returns the entries whose eight bytes are these.
func (c *crowd) find(key uint64) (start, n uint32) {
	mask := uint64(len(c.slots) - 1)
	for i := key * golden64 >> (c.shift & 63); ; i = (i + 1) & mask {
		slot := &c.slots[i&mask]
		if slot.n == 0 || slot.key == key {
			return slot.start, slot.n
		}
	}
}

// bestDelta looks for the distance that covers most entries and tells most of them apart.
func bestDelta(lits []Literal, es []entry) (delta int, ok bool) {
	const worthwhile = 3
	best := 0.0
	keys := make([]uint64, 0, len(es))
	for d := -crowdReach; d <= crowdReach; d++ {
		keys = keys[:0]
		for i := range es {
			if key, ok := crowdKey(&lits[es[i].lit], &es[i], d); ok {
				keys = append(keys, key)
			}
		}
		if score := spread(keys); score > best {
			best, delta = score, d
		}
	}
	return delta, best >= worthwhile
}

// spread rates how well keys tell their literals apart. It puts them in order.
func spread(keys []uint64) (score float64) {
	slices.Sort(keys)
	for start := 0; start < len(keys); {
		end := start + 1
		for end < len(keys) && keys[end] == keys[start] {
			end++
		}
		extra := float64(end - start - 1)
		score += 1 + 0.8*extra - 0.08*extra*extra
		start = end
	}
	return score
}

// crowdKey returns the eight folded bytes at the distance, if the literal has them.
func crowdKey(l *Literal, e *entry, delta int) (uint64, bool) {
	o := int(e.off) + delta
	if o < 0 || o+8 > len(l.Bytes) {
		return 0, false
	}
	return fold64(binary.LittleEndian.Uint64(l.Bytes[o:])), true
}

func split(lits []Literal, es []entry, delta int) (keys map[uint64][]entry, rest []entry) {
	keys = map[uint64][]entry{}
	for _, e := range es {
		if key, ok := crowdKey(&lits[e.lit], &e, delta); ok {
			keys[key] = append(keys[key], e)
		} else {
			rest = append(rest, e)
		}
	}
	return keys, rest
}
