package app

// Detection over TCP and UDP, after Suricata's src/app-layer.c (TCPProtoDetect, AppLayerHandleUdp). Each direction
// is looked at on its own: first by patterns, then by the probing parsers of its ports. One direction's result
// serves both when the other can't be told.

// take makes p the connection's protocol.
func (l *Layer) take(c *Conn, p Proto, t *transport) {
	c.Proto = p
	c.Parser = nil
	if e := t.parsers[p]; e != nil && e.New != nil && l.cfg.Enabled[p] == On {
		c.Parser = e.New(l.cfg)
	}
	l.wantFrames(c, p)
	if s, ok := c.Parser.(Successor); ok && c.Previous != nil {
		s.Succeed(c.Previous)
	}
	if r, ok := c.Parser.(Receiver); ok && c.Promise != nil && p == c.Expected {
		r.Receive(c.Promise)
	}
}

// findTCP looks for the protocol of one direction and hands the bytes on once it is settled.
func (l *Layer) findTCP(c *Conn, ep Endpoint, dir Direction, data []byte, eof bool) int {
	found, reversed := l.tcp.find(c, ep, dir, data, eof)
	if found == Unknown {
		return l.notFound(c, ep, dir, data, eof)
	}
	if found == c.plain {
		found = c.Proto
	}
	other := c.ProtoBy[dir.Reverse()]
	c.ProtoBy[dir] = found
	l.agree(c, dir, found, other)
	c.probe[dir].settled = true
	if reversed && ep.Midstream && other == Unknown {
		dir = c.reverse(dir)
		ep.End[0], ep.End[1] = ep.End[1], ep.End[0]
	}
	if !l.openingFits(c, ep, dir) {
		return len(data)
	}
	return l.parse(c, ep, dir, data, eof)
}

// agree settles the flow's protocol when a direction was found. A parser that has been fed stays; before that
// the server is trusted more.
func (l *Layer) agree(c *Conn, dir Direction, found, other Proto) {
	if other == Unknown || other == Failed || other == found {
		if c.Proto != found {
			l.take(c, found, l.tcp)
		}
		return
	}
	c.addEvent(EventMismatch)
	want := other
	if c.first != parserFed && dir == ToClient {
		want = found
	}
	if c.Proto != want {
		l.take(c, want, l.tcp)
	}
}

// openingFits feeds the other direction first if it has spoken first, and refuses a protocol whose client must
// speak first when the server did. False: the layer has given up.
func (l *Layer) openingFits(c *Conn, ep Endpoint, dir Direction) bool {
	first := c.first
	if (first == clientSpokeFirst && dir == ToClient) || (first == serverSpokeFirst && dir == ToServer) {
		l.feedOther(c, ep, dir.Reverse())
	}
	if c.Proto == Failed {
		return false
	}
	e := l.tcp.parsers[c.Proto]
	if c.first == serverSpokeFirst && e != nil && e.ClientFirst {
		c.addEvent(EventWrongFirst)
		l.fail(c)
		return false
	}
	return true
}

// feedOther gives the held bytes of a direction another chance, now that the flow's protocol is known.
func (l *Layer) feedOther(c *Conn, ep Endpoint, dir Direction) {
	if len(c.probe[dir].held) > 0 {
		l.advanceHeld(c, ep, dir, false)
	}
}

// notFound decides what to do with bytes that are not (yet) recognised.
func (l *Layer) notFound(c *Conn, ep Endpoint, dir Direction, data []byte, eof bool) int {
	here, there := &c.probe[dir], &c.probe[dir.Reverse()]
	if up := &c.probe[ToServer]; ep.Midstream && up.patterns && up.probes && c.ProtoBy[ToServer] == Unknown {
		l.fail(c)
		return len(data)
	}
	if other := c.ProtoBy[dir.Reverse()]; other != Unknown && c.Proto != Unknown {
		return l.oneSided(c, ep, dir, data, eof)
	}
	over := here.patterns && here.probes
	overThere := there.patterns && there.probes
	size, sizeThere := len(data), len(there.held)
	switch {
	case over && overThere:
	case size > maxHeld,
		over && size > skipAfter && sizeThere == 0,
		over && size > skipAfter && there.probes && !there.patterns:
		c.addEvent(EventSkipped)
		l.Stats.Skipped++
	default:
		return 0
	}
	l.fail(c)
	return len(data)
}

// oneSided handles the bytes of a direction whose partner was recognised.
func (l *Layer) oneSided(c *Conn, ep Endpoint, dir Direction, data []byte, eof bool) int {
	here := &c.probe[dir]
	e := l.tcp.parsers[c.Proto]
	if c.first != parserFed && e != nil && e.ClientFirst && dir == ToClient {
		l.fail(c)
		return len(data)
	}
	if here.patterns && here.probes {
		here.settled = true
		c.addEvent(EventOneDirection)
		c.ProtoBy[dir] = Failed
		return l.parse(c, ep, dir, data, eof)
	}
	if eof {
		here.settled = true
		c.ProtoBy[dir] = c.Proto
		return l.parse(c, ep, dir, data, eof)
	}
	return 0
}

// reverse turns the connection round and returns the direction's new name.
func (c *Conn) reverse(dir Direction) Direction {
	c.Reversed = !c.Reversed
	c.probe[0], c.probe[1] = c.probe[1], c.probe[0]
	c.ProtoBy[0], c.ProtoBy[1] = c.ProtoBy[1], c.ProtoBy[0]
	switch c.first {
	case clientSpokeFirst:
		c.first = serverSpokeFirst
	case serverSpokeFirst:
		c.first = clientSpokeFirst
	}
	return dir.Reverse()
}

// Datagram takes one UDP datagram.
func (l *Layer) Datagram(c *Conn, ep Endpoint, dir Direction, data []byte) {
	if c.ProtoBy == [2]Proto{Failed, Failed} {
		return
	}
	if c.ProtoBy[dir] == Unknown {
		dir = l.findUDP(c, ep, dir, data)
	}
	if c.Proto == Failed || c.Proto == Unknown || c.Parser == nil || c.Finished {
		return
	}
	l.frame(c, ep, dir, len(data))
	r := c.Parser.Parse(dir, data, false)
	l.account(c, ep)
	if r.Err != nil {
		l.Stats.Errors++
		c.Errors++
	}
	c.Encrypted = c.Encrypted || r.Encrypted
	c.Finished = r.Done
}

// findUDP looks for the protocol of a datagram's direction; it returns the direction, which may be turned round.
func (l *Layer) findUDP(c *Conn, ep Endpoint, dir Direction, data []byte) Direction {
	found, reversed := l.udp.find(c, ep, dir, data, true)
	other := c.ProtoBy[dir.Reverse()]
	switch {
	case found == Unknown && other == Unknown:
		c.ProtoBy[dir] = Failed
	case found == Unknown:
		c.ProtoBy[dir] = other
		if c.Proto == Unknown {
			c.Proto = Failed
		}
	case other != Unknown && other != Failed:
		c.ProtoBy[dir] = found
		if other != found {
			c.addEvent(EventMismatch)
		}
	default:
		c.ProtoBy[dir] = found
		l.take(c, found, l.udp)
	}
	if other == Unknown && c.Proto == Unknown {
		c.Proto = Failed
		l.Stats.Failed++
	}
	if reversed && found == c.Proto {
		dir = c.reverse(dir)
	}
	return dir
}
