package signatures

import (
	"hash/maphash"
	"slices"
	"sync"
	"sync/atomic"

	"picket/traffic/packet"
)

// Bounds on what traffic can make us remember.
const (
	maxFlowBits    = 256     // bits and integers of one flow
	maxLoose       = 1 << 16 // flows without State that carry bits
	maxHostEntries = 1 << 18 // host bits, pair bits and counters of limits
)

// flowState is what rules have noted on a flow. Names are numbered when rules are compiled, by their text, so that a
// reload keeps what is noted.
type flowState struct {
	bits      []string // in the order in which they were set
	ints      map[string]uint32
	vars      []Var
	entropies []EntropyNote
	tags      []tag
}

// flowBits returns the flow's notes; nil when there are none, unless they are to be made.
func (v *view) flowBits(create bool) *flowState {
	switch {
	case v.Flow == nil:
		return nil
	case v.State != nil:
		st, _ := v.State.Detect.(*flowState)
		if st == nil && len(v.insp.loose) > 0 { // noted on a SYN, before there was a State
			if st = v.insp.loose[v.Flow.ID]; st != nil {
				v.State.Detect = st
				delete(v.insp.loose, v.Flow.ID)
			}
		}
		if st == nil && create {
			st = &flowState{}
			v.State.Detect = st
		}
		return st
	}
	st := v.insp.loose[v.Flow.ID]
	if st == nil && create {
		if len(v.insp.loose) >= maxLoose {
			v.insp.Stats.StatesRefused++
			return nil
		}
		st = &flowState{}
		v.insp.loose[v.Flow.ID] = st
	}
	return st
}

// Forget frees what is noted of a flow that has no State; call it when the flow ends.
func (in *Inspector) Forget(id uint64) {
	if len(in.loose) > 0 {
		delete(in.loose, id)
	}
}

func (st *flowState) has(bit string) bool {
	return st != nil && slices.Contains(st.bits, bit)
}

func (st *flowState) set(bit string) {
	if st != nil && len(st.bits)+len(st.ints) < maxFlowBits && !st.has(bit) {
		st.bits = append(st.bits, bit)
	}
}

func (st *flowState) unset(bit string) {
	if st == nil {
		return
	}
	if i := slices.Index(st.bits, bit); i >= 0 {
		st.bits = slices.Delete(st.bits, i, i+1)
	}
}

func (st *flowState) setInt(name string, n uint32) {
	if st == nil || len(st.bits)+len(st.ints) >= maxFlowBits {
		return
	}
	if st.ints == nil {
		st.ints = map[string]uint32{}
	}
	st.ints[name] = n
}

// Memory is what all workers remember of hosts and of the limits on alerts. It is bounded: what expires first makes
// room. It lies in shards, each with a lock of its own, so that workers seldom wait for one another.
type Memory struct {
	seed   maphash.Seed
	shards [shards]shard
	// taggedHosts counts the hosts with tags: without any, no packet asks for its two.
	taggedHosts atomic.Int64
}

// shards is a power of two, well above the workers of any machine.
const shards = 64

type shard struct {
	mu      sync.Mutex
	bits    map[hostBit]int64 // time (ns) at which it expires
	counts  map[countKey]*counter
	tags    map[packet.Addr]*hostTags
	evicted uint64
}

// hostBit is a bit of a host or of a pair of hosts.
type hostBit struct {
	name string
	a, b packet.Addr
}

// NewMemory makes an empty memory.
func NewMemory() *Memory {
	m := &Memory{seed: maphash.MakeSeed()}
	for i := range m.shards {
		s := &m.shards[i]
		s.bits, s.counts, s.tags = map[hostBit]int64{}, map[countKey]*counter{}, map[packet.Addr]*hostTags{}
	}
	return m
}

// Evicted counts the entries that had to go before their time.
func (m *Memory) Evicted() uint64 {
	n := uint64(0)
	for i := range m.shards {
		s := &m.shards[i]
		s.mu.Lock()
		n += s.evicted
		s.mu.Unlock()
	}
	return n
}

// ofBit, ofCount and ofHost return a key's shard, locked.
func (m *Memory) ofBit(k hostBit) *shard {
	s := &m.shards[maphash.Comparable(m.seed, k)%shards]
	s.mu.Lock()
	return s
}

func (m *Memory) ofCount(k countKey) *shard {
	s := &m.shards[maphash.Comparable(m.seed, k)%shards]
	s.mu.Lock()
	return s
}

func (m *Memory) ofHost(a packet.Addr) *shard {
	s := &m.shards[maphash.Comparable(m.seed, a)%shards]
	s.mu.Lock()
	return s
}

func (m *Memory) hasBit(k hostBit, now int64) bool {
	s := m.ofBit(k)
	defer s.mu.Unlock()
	until, ok := s.bits[k]
	if ok && until < now {
		delete(s.bits, k)
		ok = false
	}
	return ok
}

func (m *Memory) setBit(k hostBit, now, seconds int64) {
	s := m.ofBit(k)
	defer s.mu.Unlock()
	if len(s.bits) >= maxHostEntries/shards {
		makeRoom(s.bits, func(until int64) bool { return until < now }, &s.evicted)
	}
	s.bits[k] = now + seconds*1e9
}

func (m *Memory) clearBit(k hostBit) {
	s := m.ofBit(k)
	defer s.mu.Unlock()
	delete(s.bits, k)
}

// makeRoom removes a few dead entries, or a living one when there are none.
func makeRoom[K comparable, V any](m map[K]V, dead func(V) bool, evicted *uint64) {
	removed, looked := 0, 0
	var some K
	for k, v := range m {
		some = k
		if dead(v) {
			delete(m, k)
			removed++
		}
		if looked++; looked >= 64 {
			break
		}
	}
	if removed == 0 {
		delete(m, some)
		*evicted++
	}
}
