// Package order puts the pieces of files, which file servers read and write at any offset, into the order of the file.
package order

import (
	"slices"

	"picket/traffic/app"
)

// Tracker puts the pieces of a file in order.
type Tracker struct {
	File    *app.File
	Next    uint64 // offset of what comes next
	waiting []piece
	queued  uint64
	At      uint64 // where the bytes that are still to come go
}

// piece is content that stands behind bytes that have not come.
type piece struct {
	offset uint64
	data   []byte
}

// Bounds of what waits in one file, whatever the settings say.
const (
	maxPieces = 1024
	maxQueued = 64 << 20
)

// Put takes content at its offset: at its turn it is written, with what waited for it; before, it waits.
func (t *Tracker) Put(offset uint64, b []byte) {
	switch {
	case offset+uint64(len(b)) <= t.Next:
		return
	case offset > t.Next:
		t.wait(offset, b)
		return
	}
	b = b[t.Next-offset:]
	t.File.Write(b)
	t.Next += uint64(len(b))
	t.flush()
}

// wait keeps content until its turn; what follows the newest piece becomes a part of it.
func (t *Tracker) wait(offset uint64, b []byte) {
	if t.queued+uint64(len(b)) > maxQueued {
		return
	}
	n := len(t.waiting)
	switch {
	case n > 0 && t.waiting[n-1].offset+uint64(len(t.waiting[n-1].data)) == offset:
		t.waiting[n-1].data = append(t.waiting[n-1].data, b...)
	case n < maxPieces:
		t.waiting = append(t.waiting, piece{offset, slices.Clone(b)})
	default:
		return
	}
	t.queued += uint64(len(b))
}

// flush writes the waiting pieces whose turn has come.
func (t *Tracker) flush() {
	for found := true; found; {
		found = false
		for i, w := range t.waiting {
			if w.offset > t.Next {
				continue
			}
			t.waiting = slices.Delete(t.waiting, i, i+1)
			t.queued -= uint64(len(w.data))
			if end := w.offset + uint64(len(w.data)); end > t.Next {
				t.File.Write(w.data[t.Next-w.offset:])
				t.Next = end
			}
			found = true
			break
		}
	}
}

// Close ends the file; pieces that wait follow a gap.
func (t *Tracker) Close(state app.FileState) {
	for len(t.waiting) > 0 {
		first := slices.MinFunc(t.waiting, func(a, b piece) int {
			if a.offset < b.offset {
				return -1
			}
			return 1
		})
		t.File.Gaps = true
		t.Next = max(t.Next, first.offset)
		t.flush()
	}
	t.File.Close(state)
}

// Waiting returns how many pieces wait for their turn, and how many bytes they hold.
func (t *Tracker) Waiting() (pieces int, size uint64) { return len(t.waiting), t.queued }

// Skip notes that n bytes at At are lost.
func (t *Tracker) Skip(n int) {
	t.File.Gaps = true
	if t.At == t.Next {
		t.Next += uint64(n)
	}
	t.At += uint64(n)
}

// Go gives the tracker the bytes that follow at At.
func (t *Tracker) Go(b []byte) {
	t.Put(t.At, b)
	t.At += uint64(len(b))
}
