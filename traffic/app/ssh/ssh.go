// Package ssh reads what SSH shows before it is encrypted (RFC 4253): both banners and both key exchange offers,
// with their HASSH fingerprints. A connection is one transaction whose Data is a *Session.
package ssh

import (
	"bytes"
	"crypto/md5"
	"encoding/binary"
	"encoding/hex"
	"errors"

	"picket/traffic/app"
)

// Steps of each direction, below app.Done.
const (
	BannerDone app.Progress = iota + 1
	KexDone
)

// The events, by the names that rules use (app-layer-event:ssh.…).
const (
	EventInvalidBanner = "invalid_banner"
	EventLongBanner    = "long_banner"
	EventInvalidRecord = "invalid_record"
	EventLongKex       = "long_kex_record"
)

// Bounds of a connection.
const (
	maxBanner = 256   // bytes of a banner line; the rest of it is skipped
	maxKex    = 16384 // bytes of a key exchange offer that is taken apart
	maxRecord = 1 << 18
)

// Message numbers (RFC 4250 §4.1.2).
const (
	msgKexInit = 20
	msgNewKeys = 21
)

var errRecord = errors.New("ssh: malformed record")

// Session is all that a connection has shown.
type Session struct {
	Client, Server Side
	Fingerprints   bool // the configuration or a rule asks for them
}

// Side is one peer. Slices belong to the session; HASSH is empty until its offer was seen.
type Side struct {
	Proto, Software []byte // "2.0", "OpenSSH_9.2p1"
	HASSH           string // MD5 of Offer
	Offer           []byte // key exchanges, ciphers, MACs, compressions, joined by ";"
}

// Protocol returns the table entry.
func Protocol() app.Protocol {
	return app.Protocol{
		Proto: app.SSH, TCP: true, New: newParser,
		Patterns: []app.Pattern{{Dir: app.ToServer, Bytes: "SSH-", Depth: 4}, {Dir: app.ToClient, Bytes: "SSH-", Depth: 4}},
		Events:   []string{EventInvalidBanner, EventLongBanner, EventInvalidRecord, EventLongKex},
		Steps:    [2][]string{{"request_started", "request_banner_done"}, {"response_started", "response_banner_done"}},
	}
}

// parser is the state of one connection.
type parser struct {
	frames  *app.Frames
	session Session
	txs     app.Transactions
	tx      *app.Transaction
	bypass  bool // what is encrypted is not even followed
	full    bool // what is encrypted is judged like anything else
	dirs    [2]struct {
		banner, endOfLine, secret bool // banner read; its rest is skipped; NEWKEYS seen
		skip                      int
	}
}

func newParser(cfg *app.Config) app.Parser {
	p := &parser{}
	if cfg != nil {
		how := cfg.Settings["ssh.encryption-handling"]
		p.bypass, p.full = how == "bypass", how == "full"
		p.session.Fingerprints = cfg.Settings["ssh.hassh"] == "yes"
	}
	p.tx = p.txs.Add(app.SSH, &p.session)
	return p
}

func (p *parser) Transactions() *app.Transactions { return &p.txs }

// FrameTo implements app.Framer.
func (p *parser) FrameTo(f *app.Frames) { p.frames = f }

// Gap is survived within a record that is skipped.
func (p *parser) Gap(dir app.Direction, n uint32) bool {
	d := &p.dirs[dir]
	if d.secret {
		return true
	}
	if int64(n) > int64(d.skip) {
		return false
	}
	d.skip -= int(n)
	return true
}

func (p *parser) side(dir app.Direction) *Side {
	if dir == app.ToServer {
		return &p.session.Client
	}
	return &p.session.Server
}

// Parse reads the banner, then records until both sides have changed to new keys.
func (p *parser) Parse(dir app.Direction, data []byte, eof bool) app.Result {
	used, need, err := 0, 0, error(nil)
	d := &p.dirs[dir]
	for used < len(data) && err == nil {
		var n int
		switch rest := data[used:]; {
		case d.secret:
			n = len(rest)
		case !d.banner:
			n = p.banner(dir, rest, eof)
		case d.skip > 0:
			n = min(d.skip, len(rest))
			d.skip -= n
		default:
			n, need, err = p.record(dir, rest)
		}
		if n == 0 {
			break
		}
		used, need = used+n, 0
	}
	r := app.Result{Consumed: used, Need: need, Err: err}
	if p.dirs[0].secret && p.dirs[1].secret {
		r.Encrypted, r.Done = !p.full, p.bypass
	}
	if eof || r.Done {
		p.tx.Progress[dir] = app.Done
	}
	return r
}

// banner reads the identification line (RFC 4253 §4.2); a server may send other lines before it.
func (p *parser) banner(dir app.Direction, b []byte, eof bool) int {
	d := &p.dirs[dir]
	i := bytes.IndexByte(b, '\n')
	if d.endOfLine {
		if i < 0 {
			return len(b)
		}
		d.banner = true
		return i + 1
	}
	switch {
	case i < 0 && len(b) < maxBanner && !eof:
		return 0
	case i < 0 || i > maxBanner:
		p.tx.AddEvent(EventLongBanner)
		d.endOfLine = true
		p.identify(dir, b[:min(len(b), maxBanner)])
		return min(len(b), maxBanner)
	case !bytes.HasPrefix(b, []byte("SSH-")) && dir == app.ToClient:
		return i + 1
	}
	d.banner = true
	p.identify(dir, b[:i])
	return i + 1
}

// identify splits "SSH-2.0-Software comment".
func (p *parser) identify(dir app.Direction, line []byte) {
	line = bytes.TrimRight(line, "\r")
	rest, ok := bytes.CutPrefix(line, []byte("SSH-"))
	proto, software, split := bytes.Cut(rest, []byte("-"))
	if !ok || !split {
		p.tx.AddEvent(EventInvalidBanner)
		p.dirs[dir].banner = true
		return
	}
	software, _, _ = bytes.Cut(software, []byte(" "))
	s := p.side(dir)
	s.Proto, s.Software = bytes.Clone(proto), bytes.Clone(software)
	p.reach(dir, BannerDone)
}

func (p *parser) reach(dir app.Direction, step app.Progress) {
	p.tx.Progress[dir] = max(p.tx.Progress[dir], step)
}

// record works on one binary packet (RFC 4253 §6).
func (p *parser) record(dir app.Direction, b []byte) (n, need int, err error) {
	if len(b) < 6 {
		return 0, 6, nil
	}
	size := binary.BigEndian.Uint32(b)
	if size < 2 || size > maxRecord {
		p.tx.AddEvent(EventInvalidRecord)
		return 0, 0, errRecord
	}
	total := 4 + int(size)
	switch b[5] {
	case msgNewKeys:
		p.dirs[dir].secret = true
		p.reach(dir, KexDone)
	case msgKexInit:
		if total > maxKex {
			p.tx.AddEvent(EventLongKex)
			break
		}
		if len(b) < total {
			return 0, total, nil
		}
		p.announce(dir, b, total)
		p.offer(dir, b[6:total])
		p.reach(dir, KexDone)
		return total, 0, nil
	}
	p.announce(dir, b, total)
	p.dirs[dir].skip = total - 6
	return 6, 0, nil
}

// announce tells of the frames of a record of total bytes at the beginning of b.
func (p *parser) announce(dir app.Direction, b []byte, total int) {
	p.frames.Add(dir, "record.hdr", b, 6).Of(p.tx)
	p.frames.Add(dir, "record.data", b[6:], int64(total-6)).Of(p.tx)
	p.frames.Add(dir, "record.pdu", b, int64(total)).Of(p.tx)
}

// offer reads SSH_MSG_KEXINIT behind its number: a cookie, then ten lists of names (RFC 4253 §7.1).
func (p *parser) offer(dir app.Direction, b []byte) {
	const cookie = 16
	if len(b) < cookie {
		p.tx.AddEvent(EventInvalidRecord)
		return
	}
	b = b[cookie:]
	var lists [8][]byte
	for i := range lists {
		if len(b) < 4 {
			return
		}
		n := binary.BigEndian.Uint32(b)
		if uint64(n) > uint64(len(b)-4) {
			return
		}
		lists[i], b = b[4:4+n], b[4+n:]
	}
	way := int(dir) // client to server lists come first, each followed by those of the other way
	s := p.side(dir)
	s.Offer = bytes.Join([][]byte{lists[0], lists[2+way], lists[4+way], lists[6+way]}, []byte(";"))
	sum := md5.Sum(s.Offer)
	s.HASSH = hex.EncodeToString(sum[:])
}
