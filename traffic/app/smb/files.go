package smb

import (
	"slices"

	"picket/traffic/app"
)

// tracker puts the pieces of a file in order.
type tracker struct {
	file    *app.File
	next    uint64 // offset of what comes next
	waiting []piece
	queued  uint64
	at      uint64 // where the bytes that are still to come go
}

// piece is content that stands behind bytes that have not come.
type piece struct {
	offset uint64
	data   []byte
}

// Bounds of what waits in one file, when the settings do not bound it.
const (
	maxPieces = 1024
	maxQueued = 64 << 20
)

// put takes content at its offset: at its turn it is written, with what waited for it; before, it waits.
func (t *tracker) put(offset uint64, b []byte) {
	switch {
	case offset+uint64(len(b)) <= t.next:
		return
	case offset > t.next:
		t.wait(offset, b)
		return
	}
	b = b[t.next-offset:]
	t.file.Write(b)
	t.next += uint64(len(b))
	t.flush()
}

// wait keeps content until its turn; what follows the newest piece becomes a part of it.
func (t *tracker) wait(offset uint64, b []byte) {
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
func (t *tracker) flush() {
	for found := true; found; {
		found = false
		for i, w := range t.waiting {
			if w.offset > t.next {
				continue
			}
			t.waiting = slices.Delete(t.waiting, i, i+1)
			t.queued -= uint64(len(w.data))
			if end := w.offset + uint64(len(w.data)); end > t.next {
				t.file.Write(w.data[t.next-w.offset:])
				t.next = end
			}
			found = true
			break
		}
	}
}

// close ends the file; pieces that wait follow a gap.
func (t *tracker) close(state app.FileState) {
	for len(t.waiting) > 0 {
		first := slices.MinFunc(t.waiting, func(a, b piece) int {
			if a.offset < b.offset {
				return -1
			}
			return 1
		})
		t.file.Gaps = true
		t.next = max(t.next, first.offset)
		t.flush()
	}
	t.file.Close(state)
}

// chunk is content of a read or a write.
type chunk struct {
	dir           app.Direction
	version       uint8
	command       uint16
	session       uint64
	tree          uint32
	fuid          string
	name, share   []byte
	offset        uint64
	length        int    // as the record says
	data          []byte // what is there of it
	tooMany       string // events
	tooMuch       string
	count, volume uint64
}

// content gives a chunk to its transfer, which may be new.
func (p *parser) content(c *chunk) {
	tx := p.moving[moveKey{c.fuid, c.dir}]
	if tx == nil || tx.Finished {
		tx = p.newTransfer(c)
	}
	t := tx.Data.(*Transaction).File.track
	if c.offset < t.next {
		p.event(EventOverlap)
	}
	switch {
	case c.volume != 0 && t.queued+uint64(c.length) > c.volume && c.offset > t.next:
		p.event(c.tooMuch)
		return
	case c.count != 0 && uint64(len(t.waiting)) >= c.count && c.offset > t.next:
		p.event(c.tooMany)
		return
	}
	t.put(c.offset, c.data)
	if left := min(c.length-len(c.data), p.rest); left > 0 {
		p.more[c.dir], p.want[c.dir] = tx, left
		t.at = c.offset + uint64(len(c.data))
	}
}

func (p *parser) newTransfer(c *chunk) *app.Transaction {
	p.files++
	f := p.cfg.NewFile(p.files, c.name)
	t := &Transaction{Version: c.version, Command: c.command, Session: c.session, Tree: c.tree,
		File: &File{Name: c.name, Share: c.share, FUID: []byte(c.fuid), track: &tracker{file: f}}}
	tx := p.add(t, key{kind: transfer, session: c.session, tree: c.tree})
	tx.Files[c.dir] = []*app.File{f}
	remember(p.moving, moveKey{c.fuid, c.dir}, tx)
	if c.offset > 0 {
		t.File.track.next = 0
	}
	return tx
}

// goOn gives further bytes of a record to its transfer.
func (p *parser) goOn(dir app.Direction, b []byte) {
	p.want[dir] -= len(b)
	if tx := p.more[dir]; tx != nil {
		t := tx.Data.(*Transaction).File.track
		t.put(t.at, b)
		t.at += uint64(len(b))
	}
	if p.want[dir] == 0 {
		p.more[dir] = nil
	}
}

// missing notes that bytes of a transfer are lost.
func (p *parser) missing(dir app.Direction, n int) {
	p.want[dir] -= n
	if tx := p.more[dir]; tx != nil {
		t := tx.Data.(*Transaction).File.track
		t.file.Gaps = true
		if t.at == t.next {
			t.next += uint64(n)
		}
		t.at += uint64(n)
	}
	if p.want[dir] == 0 {
		p.more[dir] = nil
	}
}

// closeFile ends both transfers of a file.
func (p *parser) closeFile(fuid string) {
	for _, dir := range [...]app.Direction{app.ToServer, app.ToClient} {
		k := moveKey{fuid, dir}
		tx := p.moving[k]
		if tx == nil {
			continue
		}
		delete(p.moving, k)
		tx.Data.(*Transaction).File.track.close(app.FileClosed)
		answer(tx, Status{Known: true})
	}
}

// truncateAll ends the transfers of a connection that is over.
func (p *parser) truncateAll() {
	for k, tx := range p.moving {
		delete(p.moving, k)
		tx.Data.(*Transaction).File.track.close(app.FileTruncated)
		tx.Progress = [2]app.Progress{app.Done, app.Done}
	}
}
