package incidents

import (
	"net/netip"
	"slices"
	"sync"
	"time"
)

// Block is a ban in force, as the casebook sees it.
type Block struct {
	Prefix netip.Prefix
	Since  time.Time
	Jail   string // whose it is, "" for none
	// Covers tells whether traffic to a port is refused; nil: everything is.
	Covers func(proto string, port uint16) bool
}

// settles is how long after a block lines may still tell of what was under way when it was made.
const settles = 30 * time.Second

// maxBlocks bounds the blocks that are known. A block beyond it is as effective as any other; what its peer does
// is then a repeat like others.
const maxBlocks = 1 << 18

// maxBlocksOfOne bounds the blocks of one prefix: jails are the operator's.
const maxBlocksOfOne = 64

// blocks is what is blocked now. Any goroutine may change it.
type blocks struct {
	mu     sync.RWMutex
	of     map[netip.Prefix][]Block // mostly one; each jail has its own
	length [2][129]int              // how many prefixes there are of each length, of IPv4 and IPv6
}

// Blocked tells the casebook that a block is in force: what its peer does from now on is the block's doing, and feeds
// no case. It does not wait.
func (c *Casebook) Blocked(b Block) {
	t := &c.blocks
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.of == nil {
		t.of = map[netip.Prefix][]Block{}
	}
	list := t.of[b.Prefix]
	if i := slices.IndexFunc(list, func(o Block) bool { return o.Jail == b.Jail }); i >= 0 { // renewed: in force since it was made
		b.Since = list[i].Since
		list[i] = b
		return
	}
	if len(list) == 0 && len(t.of) >= maxBlocks || len(list) >= maxBlocksOfOne {
		c.count.blocksLost.Add(1)
		return
	}
	if len(list) == 0 {
		t.length[family(b.Prefix.Addr())][b.Prefix.Bits()]++
	}
	t.of[b.Prefix] = append(list, b)
}

// Unblocked tells that a jail, or "" for nobody's, blocks a prefix no more. It does not wait.
func (c *Casebook) Unblocked(p netip.Prefix, jail string) {
	t := &c.blocks
	t.mu.Lock()
	defer t.mu.Unlock()
	list, known := t.of[p]
	if !known {
		return
	}
	list = slices.DeleteFunc(list, func(b Block) bool { return b.Jail == jail })
	if len(list) > 0 {
		t.of[p] = list
		return
	}
	delete(t.of, p)
	t.length[family(p.Addr())][p.Bits()]--
}

func family(a netip.Addr) int {
	if a.Is4() {
		return 0
	}
	return 1
}

// find tells whether a block around an address covers a finding, the narrowest first. port is the far end's.
func (t *blocks) find(a netip.Addr, f *Finding, port uint16) (Block, bool) {
	t.mu.RLock()
	defer t.mu.RUnlock()
	if len(t.of) == 0 || !a.IsValid() {
		return Block{}, false
	}
	lengths := &t.length[family(a)]
	for bits := a.BitLen(); bits >= 0; bits-- {
		if lengths[bits] == 0 {
			continue
		}
		p, _ := a.Prefix(bits) // cannot fail: bits are the address's own
		for _, b := range t.of[p] {
			if !f.Time.Before(b.Since) && b.covers(f, port) {
				return b, true
			}
		}
	}
	return Block{}, false
}

// verdict on a finding about a blocked peer.
type ownership uint8

const (
	notOurs ownership = iota
	ours              // the block's own doing: dropped flows that go on, packets seen before they are refused
	through           // the peer gets through: the block has no effect
)

// ownership tells whether a finding is a consequence of a block. Packets of a blocked peer may be seen ahead of the
// firewall, so an alert is always the block's own doing; a line of a log means that the peer was served, which must not
// be once the block has settled.
func (t *blocks) ownership(f *Finding) ownership {
	if f.Own {
		return ours
	}
	b, blocked := t.find(f.Attacker.Addr, f, f.Victim.Port)
	if !blocked { // our answers to it, and what it hears of us
		b, blocked = t.find(f.Victim.Addr, f, f.Attacker.Port)
	}
	if !blocked {
		return notOurs
	}
	settled := f.Time.Sub(b.Since) > settles
	switch {
	case (f.Kind == Breach || f.Kind == Login) && settled:
		return through
	case f.Kind == Login: // who got in just now is in
		return notOurs
	}
	return ours
}

func (b *Block) covers(f *Finding, port uint16) bool {
	if b.Covers == nil || f.Jail != "" && f.Jail == b.Jail {
		return true
	}
	return port != 0 && b.Covers(f.Proto, port)
}
