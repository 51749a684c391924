package app

// The layer's own anomalies, by Suricata's names (src/app-layer-events.c).
const (
	EventMismatch     = "APPLAYER_MISMATCH_PROTOCOL_BOTH_DIRECTIONS"
	EventWrongFirst   = "APPLAYER_WRONG_DIRECTION_FIRST_DATA"
	EventOneDirection = "APPLAYER_DETECT_PROTOCOL_ONLY_ONE_DIRECTION"
	EventSkipped      = "APPLAYER_PROTO_DETECTION_SKIPPED"
	EventNoTLS        = "APPLAYER_NO_TLS_AFTER_STARTTLS"
	EventUnexpected   = "APPLAYER_UNEXPECTED_PROTOCOL"
)

// Bounds of the layer.
const (
	maxHeld            = 200_000 // bytes of one direction kept while its protocol is unknown
	skipAfter          = 100_000 // bytes of one direction, the other being silent, after which detection gives up
	upgradeDepth       = 42      // bytes in which the protocol after an upgrade must show itself
	maxNeed            = 16 << 20
	defaultMaxTx       = 1024
	defaultMaxUnparsed = 16 << 20
)

// Layer finds protocols and drives their parsers for all flows of one worker. It is not safe for concurrent use.
type Layer struct {
	// Counters of what was refused or given up.
	Stats LayerStats

	cfg   *Config
	tcp   *transport
	udp   *transport
	maxTx [ProtoCount]int
}

// LayerStats count the layer's refusals.
type LayerStats struct {
	Skipped   uint64 // flows whose protocol was given up because of too many unknown bytes
	Failed    uint64 // flows that are none of the known protocols
	Errors    uint64 // parser errors
	GapErrors uint64 // parsers that could not go on after missing bytes
	TxLimit   uint64 // transactions closed early because a connection had too many open ones
}

// NewLayer returns a layer that knows the protocols of the table as far as the configuration enables them.
func NewLayer(cfg *Config, table []Protocol) *Layer {
	l := &Layer{cfg: cfg, tcp: newTransport(cfg, table, false), udp: newTransport(cfg, table, true)}
	for p := range l.maxTx {
		l.maxTx[p] = cfg.MaxTx[p]
		if l.maxTx[p] <= 0 {
			l.maxTx[p] = defaultMaxTx
		}
	}
	return l
}

// Stream takes the next bytes of one TCP direction. data starts at the first byte that was not consumed before;
// the bytes after the returned count come again together with what follows. Once no more bytes are wanted
// everything counts as consumed. A return with c.Upgrading() asks the caller to have the flow judged before
// more bytes come; a return with c.Reversed newly set says that client and server are to be exchanged.
func (l *Layer) Stream(c *Conn, ep Endpoint, dir Direction, data []byte, eof bool) (consumed int) {
	c.ended[dir] = c.ended[dir] || eof
	if c.Idle(dir) {
		c.probe[dir].held = nil
		return len(data)
	}
	if len(data) > 0 && c.first == noData {
		c.first = clientSpokeFirst
		if dir == ToClient {
			c.first = serverSpokeFirst
		}
	}
	p := &c.probe[dir]
	if len(p.held) == 0 {
		if n := l.advance(c, ep, dir, data, eof); n == len(data) || c.known(dir) {
			return n
		} else if n > 0 { // an upgrade with bytes behind it
			data = data[n:]
			p.held = append(p.held, data...)
			return n + len(data)
		}
		p.held = append(p.held, data...)
		return len(data)
	}
	p.held = append(p.held, data...)
	l.advanceHeld(c, ep, dir, eof)
	return len(data)
}

// known tells whether bytes of the direction go to a parser (or nowhere), not to detection.
func (c *Conn) known(dir Direction) bool {
	return c.Proto != Unknown && c.probe[dir].settled && c.upgrade == Unknown
}

// advanceHeld works on the bytes that the layer itself keeps for a direction.
func (l *Layer) advanceHeld(c *Conn, ep Endpoint, dir Direction, eof bool) {
	held := c.probe[dir].held
	c.probe[dir].held = nil
	reversed := c.Reversed
	n := l.advance(c, ep, dir, held, eof)
	if c.Reversed != reversed {
		dir = dir.Reverse()
	}
	if n < len(held) && !c.Idle(dir) {
		c.probe[dir].held = held[n:]
	}
}

// advance hands bytes to detection or to the parser, whatever is due, and returns what is done with.
func (l *Layer) advance(c *Conn, ep Endpoint, dir Direction, data []byte, eof bool) int {
	switch {
	case c.Idle(dir):
		return len(data)
	case c.upgrade != Unknown:
		return l.change(c, ep, dir, data, eof)
	case !c.probe[dir].settled:
		return l.findTCP(c, ep, dir, data, eof)
	}
	return l.parse(c, ep, dir, data, eof)
}

// Gap says that n bytes of a TCP direction are missing before what comes next. False: the connection's
// application layer can't go on in that direction and wants no more bytes.
func (l *Layer) Gap(c *Conn, ep Endpoint, dir Direction, n uint32) bool {
	if c.Idle(dir) {
		return false
	}
	p := &c.probe[dir]
	p.held, p.need = nil, 0
	if c.upgrade != Unknown || (!p.settled && c.Proto == Unknown) {
		l.fail(c)
		return false
	}
	p.settled = true
	if c.Parser == nil {
		return false
	}
	if c.Frames != nil {
		c.Frames.begin(ep.End[dir], 0)
	}
	if !c.Parser.Gap(dir, n) {
		l.Stats.GapErrors++
		c.Broken = [2]bool{true, true}
		return false
	}
	c.first = parserFed
	l.account(c, ep)
	return true
}

// parse gives bytes to the connection's parser.
func (l *Layer) parse(c *Conn, ep Endpoint, dir Direction, data []byte, eof bool) int {
	if c.Parser == nil {
		return len(data)
	}
	p := &c.probe[dir]
	if (len(data) < p.need || len(data) == 0) && !eof {
		return 0
	}
	c.first = parserFed
	l.frame(c, ep, dir, len(data))
	r := c.Parser.Parse(dir, data, eof)
	l.account(c, ep)
	c.Announced = append(c.Announced, r.Announce...)
	left := len(data) - r.Consumed
	p.need = r.Need
	switch {
	case r.Err != nil, r.Consumed < 0, left < 0, r.Need > maxNeed, left > defaultMaxUnparsed:
		l.Stats.Errors++
		c.Errors++
		c.Broken = [2]bool{true, true}
		return len(data)
	case r.Done:
		c.Encrypted, c.Finished = c.Encrypted || r.Encrypted, true
		return len(data)
	case r.Upgrade != Unknown:
		l.request(c, r)
	}
	if r.Rename != Unknown && r.Rename != c.Proto {
		c.rename(r.Rename)
	}
	c.Encrypted = c.Encrypted || r.Encrypted
	return r.Consumed
}

// rename gives a connection the name of the special case that it is.
func (c *Conn) rename(to Proto) {
	c.plain, c.Before, c.Proto = c.Proto, c.Proto, to
	for d := range c.ProtoBy {
		if c.ProtoBy[d] == c.plain {
			c.ProtoBy[d] = to
		}
	}
}

// account stamps new transactions and keeps their number within the bound: the oldest are closed, as if their
// peer would never answer, so that they are judged and logged; those that stay all the same are forgotten.
func (l *Layer) account(c *Conn, ep Endpoint) {
	txs := c.Parser.Transactions()
	if txs == nil || len(txs.Open) == 0 {
		return
	}
	for i := len(txs.Open) - 1; i >= 0 && txs.Open[i].Started == 0; i-- {
		txs.Open[i].Started = ep.Time
	}
	newest := txs.Open[len(txs.Open)-1]
	newest.Updated = max(ep.Time, newest.Updated+1) // several packets may have one time
	limit := l.maxTx[c.Proto]
	if len(txs.Open) <= limit {
		return
	}
	over := len(txs.Open) - limit
	for _, t := range txs.Open[:over] {
		if t.Progress != [2]Progress{Done, Done} {
			l.Stats.TxLimit++
			t.Progress = [2]Progress{Done, Done}
		}
		t.Finished = t.Finished || over > limit
	}
	if over > limit {
		txs.Drop()
	}
}

// request notes that a parser has announced another protocol.
func (l *Layer) request(c *Conn, r Result) {
	c.upgrade, c.port = r.Upgrade, r.UpgradePort
	c.Before = c.Proto
	c.probe[ToServer].need, c.probe[ToClient].need = 0, 0
}

// change looks for the protocol after an upgrade. Until it is found the old one stays (Suricata reruns detection
// on each new piece and gives up after a few bytes).
func (l *Layer) change(c *Conn, ep Endpoint, dir Direction, data []byte, eof bool) int {
	if len(data) == 0 && !eof {
		return 0
	}
	old, parser, by, expect := c.Proto, c.Parser, c.ProtoBy, c.upgrade
	held := [2][]byte{c.probe[0].held, c.probe[1].held}
	c.Proto, c.Parser, c.ProtoBy = Unknown, nil, [2]Proto{}
	c.probe = [2]probeState{{held: held[0]}, {held: held[1]}}
	c.upgrade, c.first = Unknown, parserFed
	before, origin := c.Previous, c.Before
	c.Previous = parser
	if entry := l.tcp.parsers[expectIndex(expect)]; expect != AnyProto && entry != nil && entry.blind() {
		l.take(c, expect, l.tcp)
		c.probe[0].settled, c.probe[1].settled = true, true
		c.ProtoBy = [2]Proto{expect, expect}
		return l.parse(c, ep, dir, data, eof)
	}
	n := l.findTCP(c, ep, dir, data, eof)
	switch c.Proto {
	case Unknown:
		if len(data) >= upgradeDepth || eof {
			l.fail(c)
			return len(data)
		}
		c.Previous = before
		c.Proto, c.Parser, c.ProtoBy, c.upgrade = old, parser, by, expect
		c.probe[0].settled, c.probe[1].settled = true, true
		return 0
	default:
		if c.upgrade != Unknown {
			c.upgrade, c.Before = Unknown, origin
			if r, ok := c.Parser.(Refused); ok {
				r.UpgradeRefused()
			}
		}
		l.feedOther(c, ep, dir.Reverse())
	}
	if expect != AnyProto && c.Proto != expect && c.Proto != Failed {
		c.addEvent(EventUnexpected)
		if expect == TLS {
			c.addEvent(EventNoTLS)
		}
	}
	return n
}

func expectIndex(p Proto) Proto {
	if int(p) < ProtoCount {
		return p
	}
	return Unknown
}

// fail gives the application layer of a connection up.
func (l *Layer) fail(c *Conn) {
	l.Stats.Failed++
	c.Proto, c.Parser = Failed, nil
	for d := range c.probe {
		c.probe[d] = probeState{settled: true}
		if c.ProtoBy[d] == Unknown {
			c.ProtoBy[d] = Failed
		}
	}
}
