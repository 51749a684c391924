package smb

import "bytes"

func (p *parser) negotiate1(r *record1) (made, ok bool) {
	n := &Negotiate{}
	ok = true
	for b := r.data; len(b) > 0 && len(n.Dialects) < 64; {
		if b[0] != 2 {
			ok = false
			break
		}
		var name []byte
		name, b = str(b[1:], false)
		n.Dialects = append(n.Dialects, name)
	}
	if tx, _ := p.find(key{kind: negotiation, command: 1}); tx != nil {
		tx.AddEvent(EventTwoNegotiates)
	}
	t := r.tx()
	t.Negotiate = n
	tx := p.asked(t, key{kind: negotiation, command: 1})
	if !ok {
		tx.AddEvent(EventBadDialects)
	}
	return true, true
}

func (p *parser) setup1(r *record1) bool {
	t := r.tx()
	t.Setup = &Setup{}
	b := r.data
	switch len(r.words) {
	case 24: // extended security
		n := int(u16(r.words, 14))
		t.Setup.security(part(b, 0, n))
		b = b[min(n, len(b)):]
	case 26:
		n := int(u16(r.words, 14)) + int(u16(r.words, 16))
		b = r.aligned(b[min(n, len(b)):])
		_, b = str(b, r.wide) // account
		_, b = str(b, r.wide) // domain
	default:
		b = nil
	}
	if len(b) > 0 {
		h := &Host{}
		b = r.aligned(b)
		h.OS, b = str(b, r.wide)
		h.LM, _ = str(b, r.wide)
		t.Setup.Request = h
	}
	p.asked(t, r.key(setup))
	return true
}

func (p *parser) setup1Answer(r *record1) bool {
	tx, t := p.find(r.key(setup))
	if tx == nil {
		return false
	}
	b := r.data
	if len(r.words) == 8 {
		b = b[min(int(u16(r.words, 6)), len(b)):]
	}
	if len(b) > 0 && (len(r.words) == 8 || len(r.words) == 6) {
		h := &Host{}
		b = r.aligned(b)
		h.OS, b = str(b, r.wide)
		h.LM, _ = str(b, r.wide)
		t.Setup.Response = h
	}
	t.Session, t.Tree = r.session, r.tree
	answer(tx, r.status)
	return true
}

func (p *parser) connect1(r *record1) bool {
	b := r.data
	b = r.aligned(b[min(int(u16(r.words, 6)), len(b)):])
	c := &Connect{}
	c.Share, b = str(b, r.wide)
	c.Request, _ = str(b, false)
	c.hasRequest = true
	t := r.tx()
	t.Connect = c
	p.asked(t, r.key(connect))
	return true
}

func (p *parser) connect1Answer(r *record1) bool {
	tx, t := p.find(r.key(connect))
	service, _ := str(r.data, false)
	share := tree{pipe: string(service) == "IPC"}
	if tx != nil {
		c := t.Connect
		if len(r.words) > 0 {
			c.Response, c.hasResponse, c.Pipe = service, true, share.pipe
		}
		share.name = c.Share
		t.Session, t.Tree = r.session, r.tree
		answer(tx, r.status)
	}
	if len(r.words) > 0 {
		remember(p.trees, r.treeKey(), share)
	}
	return tx != nil
}

func (p *parser) negotiate1Answer(r *record1) bool {
	tx, t := p.find(key{kind: negotiation, command: 1})
	if tx == nil {
		return false
	}
	if i := int(u16(r.words, 0)); len(r.words) >= 2 && i < len(t.Negotiate.Dialects) {
		p.conn.DialectName = t.Negotiate.Dialects[i]
	}
	if len(r.words) == 34 && u32(r.words, 19)&0x80000000 != 0 {
		t.Negotiate.ServerGUID = bytes.Clone(whole(r.data, 0, 16))
	}
	answer(tx, r.status)
	return true
}
