package app

import (
	"cmp"
	"slices"
	"sync"
)

// Bounds of the files that are put together out of ranges.
const (
	maxRanged       = 4096      // files at a time
	maxRangedBytes  = 100 << 20 // bytes that wait for what stands before them (Suricata's containers.urlrange.memcap)
	maxRangedBlocks = 1024      // pieces of one file that wait
)

// Ranges puts files together that were fetched in pieces (RFC 9110 §14), whichever connection and worker each piece came
// by. Bytes are taken in order; those that come too early wait, within bounds, and the file that has grown least recently
// goes first. It is safe for concurrent use; a nil *Ranges puts nothing together.
type Ranges struct {
	mu     sync.Mutex
	files  map[string]*ranged
	held   int    // bytes that wait, of all files
	clock  uint64 // counts what was added
	Lost   uint64 // files given up, and pieces refused
	Joined uint64 // files put together
}

// NewRanges returns an empty store.
func NewRanges() *Ranges { return &Ranges{files: map[string]*ranged{}} }

// ranged is one file that is not whole yet.
type ranged struct {
	file   *File
	next   uint64 // bytes that are in the file
	size   uint64
	blocks []*block // what waits, by offset
	used   uint64   // Ranges.clock when it grew last
}

// block is a piece that waits.
type block struct {
	at   uint64
	data []byte
	used bool
}

// Part is one piece that is being fetched.
type Part struct {
	in   *Ranges
	of   *ranged
	key  string
	at   uint64 // offset of the next byte
	left uint64
	wait *block // to which the next byte belongs, if that has to wait
}

// Open begins a piece, the bytes from first to last of a file of size bytes, which key names. fresh makes the file at its
// first piece. nil: the piece is no part of anything.
func (r *Ranges) Open(key string, first, last, size uint64, fresh func() *File) *Part {
	if r == nil || size == 0 || last >= size || first > last || last-first+1 == size {
		return nil
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	f := r.files[key]
	if f == nil || f.size != size {
		if f == nil && len(r.files) >= maxRanged {
			r.giveUp(r.oldest())
		}
		if f != nil {
			r.giveUp(key)
		}
		f = &ranged{file: fresh(), size: size}
		r.files[key] = f
	}
	return &Part{in: r, of: f, key: key, at: first, left: last - first + 1}
}

// Write adds the next bytes of the piece.
func (p *Part) Write(b []byte) {
	if p == nil {
		return
	}
	b = b[:min(uint64(len(b)), p.left)]
	p.left -= uint64(len(b))
	r := p.in
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.files[p.key] != p.of {
		return // given up
	}
	r.clock++
	p.of.used = r.clock
	if p.at <= p.of.next {
		p.of.take(p.at, b)
	} else {
		r.keep(p, b)
	}
	p.at += uint64(len(b))
}

// Close ends the piece and returns the file if that is whole now.
func (p *Part) Close() *File {
	if p == nil {
		return nil
	}
	r := p.in
	r.mu.Lock()
	defer r.mu.Unlock()
	f := p.of
	if r.files[p.key] != f {
		return nil
	}
	r.held -= f.drain()
	if f.next < f.size {
		return nil
	}
	r.release(p.key)
	r.Joined++
	f.file.Close(FileClosed)
	return f.file
}

// take adds bytes that begin at or before the next one that is missing.
func (f *ranged) take(at uint64, b []byte) {
	skip := f.next - at
	if skip >= uint64(len(b)) {
		return
	}
	f.file.Write(b[skip:])
	f.next += uint64(len(b)) - skip
}

// drain uses what waits as far as it goes and returns how many bytes do not wait any more.
func (f *ranged) drain() (freed int) {
	n := 0
	for ; n < len(f.blocks) && f.blocks[n].at <= f.next; n++ {
		k := f.blocks[n]
		f.take(k.at, k.data)
		freed += len(k.data)
		k.used = true
	}
	f.blocks = slices.Delete(f.blocks, 0, n)
	return freed
}

// keep has bytes wait, behind those of the same piece that wait already.
func (r *Ranges) keep(p *Part, b []byte) {
	for r.held+len(b) > maxRangedBytes {
		victim := r.oldest()
		r.giveUp(victim)
		if victim == p.key {
			return
		}
	}
	f := p.of
	if p.wait == nil || p.wait.used {
		if len(f.blocks) >= maxRangedBlocks {
			r.giveUp(p.key)
			return
		}
		p.wait = &block{at: p.at}
		i, _ := slices.BinarySearchFunc(f.blocks, p.at, func(k *block, at uint64) int { return cmp.Compare(k.at, at) })
		f.blocks = slices.Insert(f.blocks, i, p.wait)
	}
	p.wait.data = append(p.wait.data, b...)
	r.held += len(b)
}

// oldest names the file that has grown least recently.
func (r *Ranges) oldest() (key string) {
	least := ^uint64(0)
	for k, f := range r.files {
		if f.used <= least {
			key, least = k, f.used
		}
	}
	return key
}

// giveUp forgets a file that will not be whole.
func (r *Ranges) giveUp(key string) {
	r.Lost++
	r.release(key)
}

func (r *Ranges) release(key string) {
	if f := r.files[key]; f != nil {
		for _, b := range f.blocks {
			r.held -= len(b.data)
		}
	}
	delete(r.files, key)
}
