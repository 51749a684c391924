package smb

import (
	"bytes"
	"encoding/binary"
	"errors"

	"picket/traffic/app"
)

// The events, by the names that rules use (app-layer-event:smb.…).
const (
	EventInternal         = "internal_error"
	EventMalformed        = "malformed_data"
	EventOverflow         = "record_overflow"
	EventBadNTLMRequest   = "malformed_ntlmssp_request"
	EventBadNTLMResponse  = "malformed_ntlmssp_response"
	EventTwoNegotiates    = "duplicate_negotiate"
	EventBadDialects      = "negotiate_malformed_dialects"
	EventOverlap          = "file_overlap"
	EventMaxReadTooLarge  = "negotiate_max_read_size_too_large"
	EventMaxWriteTooLarge = "negotiate_max_write_size_too_large"
	EventReadTooLarge     = "read_request_too_large"
	EventReadResponse     = "read_response_too_large"
	EventReadQueueSize    = "read_response_queue_size_exceeded"
	EventReadQueueCount   = "read_response_queue_cnt_exceeded"
	EventWriteTooLarge    = "write_request_too_large"
	EventWriteQueueSize   = "write_queue_size_exceeded"
	EventWriteQueueCount  = "write_queue_cnt_exceeded"
)

var errFrame = errors.New("smb: not a NetBIOS session frame")

// Bounds of a connection.
const (
	frameHeader  = 4
	earlyRecord  = 512  // bytes of a record from which on a read or write is worked on before it is whole
	maxRemember  = 2048 // entries in each table of a connection
	maxPipeCalls = 512
)

// Types of NetBIOS session frames (RFC 1002 §4.3.1).
const (
	sessionMessage  = 0x00
	sessionRequest  = 0x81
	sessionPositive = 0x82
	sessionNegative = 0x83
	sessionRetarget = 0x84
	sessionKeep     = 0x85
)

// Protocol returns the table entry.
func Protocol() app.Protocol {
	p := app.Protocol{Proto: app.SMB, TCP: true, New: newParser, Ports: "139,445", Probe: probe, Events: []string{
		EventInternal, EventMalformed, EventOverflow, EventBadNTLMRequest, EventBadNTLMResponse, EventTwoNegotiates,
		EventBadDialects, EventOverlap, EventMaxReadTooLarge, EventMaxWriteTooLarge, EventReadTooLarge, EventReadResponse,
		EventReadQueueSize, EventReadQueueCount, EventWriteTooLarge, EventWriteQueueSize, EventWriteQueueCount}}
	for _, magic := range [...]string{"\xffSMB", "\xfeSMB", "\xfdSMB"} {
		for _, dir := range [...]app.Direction{app.ToServer, app.ToClient} {
			p.Patterns = append(p.Patterns, app.Pattern{Dir: dir, Bytes: magic, Offset: 4, Depth: 8, Check: whoSpeaks})
		}
	}
	return p
}

// whoSpeaks holds the record's own direction against the flow's. An encrypted record does not tell.
func whoSpeaks(dir app.Direction, b []byte) app.Answer {
	if len(b) < 24 {
		return app.Yes
	}
	response := false
	switch b[4] {
	case 0xff:
		response = b[13]&0x80 != 0
	case 0xfe:
		response = b[20]&1 != 0
	default:
		return app.No
	}
	if response != (dir == app.ToClient) {
		return app.No
	}
	return app.Yes
}

// probe looks for a NetBIOS session, or for the first record that is in the clear, which tells who speaks.
func probe(dir app.Direction, b []byte) app.Answer {
	if len(b) < 8 {
		return app.More
	}
	switch b[0] {
	case sessionRequest, sessionPositive:
		if b[1] == 0 && binary.BigEndian.Uint16(b[2:]) <= 0x48 {
			return app.Yes
		}
		return app.No
	case sessionMessage:
	default:
		return app.No
	}
	if !isMagic(b[4:]) {
		return app.No
	}
	for len(b) >= 24 {
		if b[4] >= 0xfe {
			if whoSpeaks(dir, b) == app.Yes {
				return app.Yes
			}
			return app.Reversed
		}
		i := resync(b[1:])
		if i < 0 {
			break
		}
		b = b[1+i:]
	}
	return app.More
}

// isMagic tells whether an SMB record begins here.
func isMagic(b []byte) bool {
	return len(b) >= 4 && b[0] >= 0xfc && string(b[1:4]) == "SMB"
}

// parser is the state of one connection.
type parser struct {
	frames *app.Frames
	cfg    *app.Config
	limits limits
	txs    app.Transactions
	conn   Connection
	files  uint32 // files seen

	trees   map[treeKey]tree
	names   map[string][]byte // of open files, by FUID
	opening map[key][]byte    // name that an open create asks for
	reads   map[key]place     // what an open read asks for
	fuids   map[key]string    // file that an open control or transact speaks of
	moving  map[moveKey]*app.Transaction

	skip [2]int              // bytes of a record that nobody wants
	more [2]*app.Transaction // the transfer that the next want bytes belong to
	want [2]int
	rest int // bytes of the record at hand that have not come yet
	gap  [2]bool
}

type treeKey struct {
	session uint64
	tree    uint32
}

type tree struct {
	name []byte
	pipe bool
}

type place struct {
	fuid   string
	offset uint64
}

type moveKey struct {
	fuid string
	dir  app.Direction
}

// limits are Suricata's app-layer.protocols.smb settings; 0: none.
type limits struct {
	maxRead, maxWrite             uint64
	readQueueSize, writeQueueSize uint64
	readQueueCount                uint64
	writeQueueCount               uint64
}

func newParser(cfg *app.Config) app.Parser {
	if cfg == nil {
		cfg = app.Default()
	}
	return &parser{cfg: cfg,
		limits: limits{
			maxRead: cfg.Size("smb.max-read-size", 16<<20), maxWrite: cfg.Size("smb.max-write-size", 16<<20),
			readQueueSize: cfg.Size("smb.max-read-queue-size", 64<<20), writeQueueSize: cfg.Size("smb.max-write-queue-size", 64<<20),
			readQueueCount: cfg.Size("smb.max-read-queue-cnt", 64), writeQueueCount: cfg.Size("smb.max-write-queue-cnt", 64),
		},
		trees: map[treeKey]tree{}, names: map[string][]byte{}, opening: map[key][]byte{}, reads: map[key]place{},
		fuids: map[key]string{}, moving: map[moveKey]*app.Transaction{},
	}
}

func (p *parser) Transactions() *app.Transactions { return &p.txs }

// FrameTo implements app.Framer.
func (p *parser) FrameTo(f *app.Frames) { p.frames = f }

// remember puts an entry into one of the connection's tables; a full one loses another entry.
func remember[K comparable, V any](m map[K]V, k K, v V) {
	if len(m) >= maxRemember {
		for other := range m {
			delete(m, other)
			break
		}
	}
	m[k] = v
}

// event records a protocol event on the newest transaction.
func (p *parser) event(name string) {
	if n := len(p.txs.Open); n > 0 {
		p.txs.Open[n-1].AddEvent(name)
	}
}

// Gap notes that bytes are missing: those of a file in transfer are its gap; else the next record is looked for.
func (p *parser) Gap(dir app.Direction, n uint32) bool {
	left := int(n)
	if take := min(left, p.want[dir]); take > 0 {
		p.missing(dir, take)
		left -= take
	}
	take := min(left, p.skip[dir])
	p.skip[dir] -= take
	if left -= take; left > 0 {
		p.gap[dir] = true
		p.closeAfterGap(dir)
	}
	return true
}

// closeAfterGap completes the transactions that may never be answered; transfers can go on.
func (p *parser) closeAfterGap(dir app.Direction) {
	for _, tx := range p.txs.Open {
		if t, ok := tx.Data.(*Transaction); ok && t.File == nil {
			tx.Progress[app.ToServer] = app.Done
			if dir == app.ToClient {
				tx.Progress[app.ToClient] = app.Done
			}
		}
	}
}

// Parse reads frames. Reads and writes are worked on as they come; other records when they are whole.
func (p *parser) Parse(dir app.Direction, data []byte, eof bool) app.Result {
	used := p.running(dir, data)
	if p.gap[dir] && used < len(data) {
		i := resync(data[used:])
		if i < 0 {
			return app.Result{Consumed: max(used, len(data)-7)}
		}
		used += i
		p.gap[dir] = false
	}
	r := app.Result{Consumed: used}
	for r.Err == nil && r.Need == 0 && len(data) > r.Consumed {
		n, need, err := p.frame(dir, data[r.Consumed:])
		r.Consumed, r.Need, r.Err = r.Consumed+n, need, err
	}
	if eof && dir == app.ToClient {
		p.truncateAll()
	}
	return r
}

// running gives bytes to the transfer, or to nobody, that a record before has spoken of.
func (p *parser) running(dir app.Direction, data []byte) (used int) {
	if n := min(p.want[dir], len(data)); n > 0 {
		p.goOn(dir, data[:n])
		used = n
	}
	n := min(p.skip[dir], len(data)-used)
	p.skip[dir] -= n
	return used + n
}

// resync returns where a frame with a record begins; -1: nowhere.
func resync(b []byte) int {
	for i := 0; i+8 <= len(b); {
		j := bytes.Index(b[i+5:], []byte("SMB"))
		if j < 0 {
			return -1
		}
		at := i + j // of the frame, whose record begins 4 further
		if b[at] == 0 && isMagic(b[at+4:]) {
			return at
		}
		i = at + 1
	}
	return -1
}

// frame works on the frame at the begin of b: n bytes are used; need: that many must be there first.
func (p *parser) frame(dir app.Direction, b []byte) (n, need int, err error) {
	if len(b) < frameHeader {
		return 0, frameHeader, nil
	}
	length := int(b[1])<<16 | int(b[2])<<8 | int(b[3])
	switch b[0] {
	case sessionMessage:
	case sessionRequest, sessionPositive, sessionNegative, sessionRetarget, sessionKeep:
		if len(b) < frameHeader+length {
			p.skip[dir] = frameHeader + length - len(b)
			return len(b), 0, nil
		}
		return frameHeader + length, 0, nil
	default:
		p.event(EventMalformed)
		return 0, 0, errFrame
	}
	record := b[frameHeader:]
	p.rest = max(0, length-len(record))
	if p.rest == 0 {
		p.announce(dir, b, length)
		if !p.record(dir, record[:length]) {
			p.event(EventMalformed)
			return 0, 0, errFrame
		}
		return frameHeader + length, 0, nil
	}
	if len(record) >= 4 && !isMagic(record) {
		p.event(EventMalformed)
		return 0, 0, errFrame
	}
	if len(record) >= earlyRecord && p.early(dir, record) {
		p.announce(dir, b, length)
		p.skip[dir] = p.rest - p.want[dir]
		return len(b), 0, nil
	}
	return 0, frameHeader + min(length, max(earlyRecord, len(record)+1)), nil
}

// recordHeader is the length of a record's own header, by the first byte of its magic.
var recordHeader = map[byte]struct {
	name string
	size int
}{0xff: {"smb1", 32}, 0xfe: {"smb2", 64}, 0xfd: {"smb3", 52}}

// announce tells of the frames of a session message whose record has length bytes.
func (p *parser) announce(dir app.Direction, b []byte, length int) {
	if p.frames == nil {
		return
	}
	p.frames.Add(dir, "nbss.pdu", b, int64(frameHeader+length))
	p.frames.Add(dir, "nbss.hdr", b, frameHeader)
	p.frames.Add(dir, "nbss.data", b[frameHeader:], int64(length))
	record := b[frameHeader:]
	if !isMagic(record) {
		return
	}
	h, known := recordHeader[record[0]]
	if !known || length < h.size || len(record) < h.size {
		return
	}
	p.frames.Add(dir, h.name+".pdu", record, int64(length))
	p.frames.Add(dir, h.name+".hdr", record, int64(h.size))
	p.frames.Add(dir, h.name+".data", record[h.size:], int64(length-h.size))
}

// record works on a whole record; false: it is none. An empty one is a frame without content.
func (p *parser) record(dir app.Direction, b []byte) bool {
	switch {
	case len(b) == 0:
		return true
	case len(b) < 4 || !isMagic(b):
		return false
	case b[0] == 0xff:
		return p.record1(dir, b)
	case b[0] == 0xfe:
		return p.records2(dir, b)
	}
	return true // encrypted (0xfd) or compressed (0xfc)
}

// early works on the begin of a read's answer or a write that is not whole; false: it must wait.
func (p *parser) early(dir app.Direction, b []byte) bool {
	switch b[0] {
	case 0xff:
		return p.early1(dir, b)
	case 0xfe:
		h, ok := parseHeader2(b)
		if !ok || h.next != 0 {
			return false
		}
		h.data = b[header2:]
		switch {
		case dir == app.ToServer && h.command == write2:
			p.write2(&h)
			return true
		case dir == app.ToClient && h.command == read2:
			p.read2Answer(&h)
			return true
		}
	}
	return false
}

// add makes a transaction of a kind.
func (p *parser) add(t *Transaction, k key) *app.Transaction {
	t.key, t.Connection = k, &p.conn
	return p.txs.Add(app.SMB, t)
}

// asked makes a transaction whose request is complete.
func (p *parser) asked(t *Transaction, k key) *app.Transaction {
	tx := p.add(t, k)
	tx.Progress[app.ToServer] = app.Done
	return tx
}

// find returns the oldest open transaction with a key that is not answered.
func (p *parser) find(k key) (*app.Transaction, *Transaction) {
	for _, tx := range p.txs.Open {
		if t, ok := tx.Data.(*Transaction); ok && t.key == k && tx.Progress[app.ToClient] < app.Done {
			return tx, t
		}
	}
	return nil, nil
}

// answer completes a transaction.
func answer(tx *app.Transaction, s Status) {
	tx.Data.(*Transaction).Status = s
	tx.Progress = [2]app.Progress{app.Done, app.Done}
}
