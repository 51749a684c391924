package smb

import (
	"picket/traffic/app"
	"picket/traffic/app/order"
)

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
	pieces, queued := t.Waiting()
	if c.offset < t.Next {
		p.event(EventOverlap)
	}
	switch {
	case c.volume != 0 && queued+uint64(c.length) > c.volume && c.offset > t.Next:
		p.event(c.tooMuch)
		return
	case c.count != 0 && uint64(pieces) >= c.count && c.offset > t.Next:
		p.event(c.tooMany)
		return
	}
	t.Put(c.offset, c.data)
	if left := min(c.length-len(c.data), p.rest); left > 0 {
		p.more[c.dir], p.want[c.dir] = tx, left
		t.At = c.offset + uint64(len(c.data))
	}
}

func (p *parser) newTransfer(c *chunk) *app.Transaction {
	p.files++
	f := p.cfg.NewFile(p.files, c.name)
	t := &Transaction{Version: c.version, Command: c.command, Session: c.session, Tree: c.tree,
		File: &File{Name: c.name, Share: c.share, FUID: []byte(c.fuid), track: &order.Tracker{File: f}}}
	tx := p.add(t, key{kind: transfer, session: c.session, tree: c.tree})
	tx.Files[c.dir] = []*app.File{f}
	remember(p.moving, moveKey{c.fuid, c.dir}, tx)
	return tx
}

// goOn gives further bytes of a record to its transfer.
func (p *parser) goOn(dir app.Direction, b []byte) {
	p.want[dir] -= len(b)
	if tx := p.more[dir]; tx != nil {
		tx.Data.(*Transaction).File.track.Go(b)
	}
	if p.want[dir] == 0 {
		p.more[dir] = nil
	}
}

// missing notes that bytes of a transfer are lost.
func (p *parser) missing(dir app.Direction, n int) {
	p.want[dir] -= n
	if tx := p.more[dir]; tx != nil {
		tx.Data.(*Transaction).File.track.Skip(n)
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
		tx.Data.(*Transaction).File.track.Close(app.FileClosed)
		answer(tx, Status{Known: true})
	}
}

// truncateAll ends the transfers of a connection that is over.
func (p *parser) truncateAll() {
	for k, tx := range p.moving {
		delete(p.moving, k)
		tx.Data.(*Transaction).File.track.Close(app.FileTruncated)
		tx.Progress = [2]app.Progress{app.Done, app.Done}
	}
}
