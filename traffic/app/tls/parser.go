package tls

import (
	"encoding/binary"
	"errors"

	"picket/traffic/app"
)

// Bounds of a connection.
const (
	headerLen    = 5
	maxRecord    = 1<<14 + 2048 // bytes of a record's body (RFC 5246 §6.2.3); handshake records must be whole
	maxHandshake = 1 << 18      // bytes of one handshake message, joined from records
	maxChain     = 32           // certificates kept of one message
)

// Content types of records.
const (
	typeChangeCipher = 20
	typeAlert        = 21
	typeHandshake    = 22
	typeApplication  = 23
	typeHeartbeat    = 24
)

// Handshake message types.
const (
	msgHelloRequest       = 0
	msgClientHello        = 1
	msgServerHello        = 2
	msgCertificate        = 11
	msgServerKeyExchange  = 12
	msgCertificateRequest = 13
	msgServerHelloDone    = 14
	msgClientKeyExchange  = 16
	msgCertificateURL     = 21
	msgCertificateStatus  = 22
	msgNextProtocol       = 67
	msgNewSessionTicket   = 4
	msgEncryptedExtension = 8
)

var errRecord = errors.New("tls: malformed record")

// parser is the state of one connection.
type parser struct {
	frames  *app.Frames
	session Session
	txs     app.Transactions
	tx      *app.Transaction
	bypass  bool // nothing is looked at after the handshake
	full    bool // what comes after the handshake is judged like anything else
	skip    [2]uint64
	hs      [2][]byte // beginning of a handshake message that goes on in the next record
	beat    [2]int    // length of the last encrypted heartbeat request, by its direction
}

func newParser(cfg *app.Config) app.Parser {
	p := &parser{}
	if cfg != nil {
		p.bypass, p.full = cfg.TLS.Encrypted == "bypass", cfg.TLS.Encrypted == "full"
		p.session.noJA3, p.session.noJA4 = !cfg.TLS.JA3, !cfg.TLS.JA4
	}
	p.tx = p.txs.Add(app.TLS, &p.session)
	return p
}

func (p *parser) Transactions() *app.Transactions { return &p.txs }

// FrameTo implements app.Framer.
func (p *parser) FrameTo(f *app.Frames) { p.frames = f }

func (p *parser) event(name string) { p.tx.AddEvent(name) }

// side returns what is known of the peer that sends in a direction.
func (p *parser) side(dir app.Direction) *Side {
	if dir == app.ToServer {
		return &p.session.Client
	}
	return &p.session.Server
}

// Gap is survived when it lies within a record that is skipped anyway.
func (p *parser) Gap(dir app.Direction, n uint32) bool {
	if uint64(n) > p.skip[dir] {
		return false
	}
	p.skip[dir] -= uint64(n)
	return true
}

// Parse walks over the records that have come.
func (p *parser) Parse(dir app.Direction, data []byte, eof bool) app.Result {
	if p.skip[dir] == 0 {
		p.session.Last = 0
	}
	r := p.records(dir, data)
	if eof {
		p.tx.Progress[dir] = app.Done
	}
	if r.Err == nil && p.session.Seen&SeenHandshakeDone != 0 {
		r.Encrypted = !p.full
		if p.bypass {
			p.tx.Progress = [2]app.Progress{app.Done, app.Done}
			r.Done = true
		}
	}
	return r
}

func (p *parser) records(dir app.Direction, data []byte) app.Result {
	used := 0
	for {
		if p.skip[dir] > 0 {
			n := min(p.skip[dir], uint64(len(data)-used))
			p.skip[dir] -= n
			used += int(n)
		}
		rest := data[used:]
		if len(rest) == 0 {
			return app.Result{Consumed: used}
		}
		n, need, err := p.record(dir, rest)
		if err != nil {
			return app.Result{Consumed: used, Err: err}
		}
		if n == 0 {
			return app.Result{Consumed: used, Need: need}
		}
		used += n
	}
}

// announce tells of the frames of a record with size bytes of content.
func (p *parser) announce(dir app.Direction, b []byte, size int) {
	p.frames.Add(dir, "pdu", b, int64(headerLen+size)).Of(p.tx)
	p.frames.Add(dir, "hdr", b, headerLen).Of(p.tx)
	p.frames.Add(dir, "data", b[headerLen:], int64(size)).Of(p.tx)
}

// record works on the record at the beginning of b. It returns the bytes eaten, or how many it needs.
func (p *parser) record(dir app.Direction, b []byte) (n, need int, err error) {
	if b[0]&0xc0 != 0 {
		return p.sslv2(dir, b)
	}
	if len(b) < headerLen {
		return 0, headerLen, nil
	}
	version, size := binary.BigEndian.Uint16(b[1:]), int(binary.BigEndian.Uint16(b[3:]))
	if !known(version) || version == SSL2 {
		p.event(EventRecordVersion)
		return 0, 0, errRecord
	}
	if size > maxRecord {
		p.event(EventRecordLength)
		return 0, 0, errRecord
	}
	if s := p.side(dir); s.Version == 0 {
		s.Version = version
	}
	kind := b[0]
	if kind == typeApplication || (kind == typeHandshake && p.ciphered(dir)) {
		p.announce(dir, b, size)
		p.skip[dir] = uint64(size)
		if kind == typeApplication {
			p.application()
		}
		return headerLen, 0, nil
	}
	if kind < typeChangeCipher || kind > typeHeartbeat {
		p.event(EventRecordType)
		return 0, 0, errRecord
	}
	if len(b) < headerLen+size {
		return 0, headerLen + size, nil
	}
	if p.announce(dir, b, size); kind == typeAlert {
		p.frames.Add(dir, "alert_pdu", b[headerLen:], int64(size)).Of(p.tx)
	} else if kind == typeHeartbeat {
		p.frames.Add(dir, "hb_pdu", b[headerLen:], int64(size)).Of(p.tx)
	}
	return headerLen + size, 0, p.body(dir, kind, b[headerLen:headerLen+size])
}

// ciphered tells whether a direction has changed to ciphertext.
func (p *parser) ciphered(dir app.Direction) bool {
	return p.session.Seen&(SeenClientCipher<<dir) != 0
}

// body works on a whole record.
func (p *parser) body(dir app.Direction, kind byte, b []byte) error {
	switch kind {
	case typeChangeCipher:
		p.changeCipher(dir)
	case typeAlert:
		if !p.ciphered(dir) && len(b) != 2 {
			p.event(EventAlert)
		}
	case typeHandshake:
		return p.handshake(dir, b)
	case typeHeartbeat:
		p.heartbeat(dir, b)
	}
	return nil
}

// changeCipher notes that a direction goes on in ciphertext. In TLS 1.3 the message means nothing.
func (p *parser) changeCipher(dir app.Direction) {
	p.session.Seen |= SeenClientCipher << dir
	if dir == app.ToServer {
		p.reach(dir, ClientHandshakeDone)
	} else {
		p.reach(dir, ServerHandshakeDone)
	}
}

// application notes that ciphertext of the application has passed: the handshake is over, unless it is early data.
func (p *parser) application() {
	if p.session.Seen&SeenEarlyData != 0 && p.session.Seen&SeenServerHello == 0 {
		return
	}
	p.session.Seen |= SeenHandshakeDone
	p.reach(app.ToServer, ClientHandshakeDone)
	p.reach(app.ToClient, ServerHandshakeDone)
}

func (p *parser) reach(dir app.Direction, step app.Progress) {
	p.tx.Progress[dir] = max(p.tx.Progress[dir], step)
}

// handshake joins messages from records and works on each whole one.
func (p *parser) handshake(dir app.Direction, b []byte) error {
	joined := len(p.hs[dir]) > 0
	if joined {
		p.hs[dir] = append(p.hs[dir], b...)
		b = p.hs[dir]
	}
	for len(b) >= 4 {
		if !knownMessage(b[0]) {
			p.event(EventHandshake)
			p.hs[dir] = nil
			return errRecord
		}
		size := int(b[1])<<16 | int(b[2])<<8 | int(b[3])
		if size > maxHandshake {
			p.event(EventHandshakeLength)
			p.hs[dir] = nil
			return errRecord
		}
		if len(b) < 4+size {
			break
		}
		if err := p.message(dir, b[0], b[4:4+size]); err != nil {
			p.hs[dir] = nil
			return err
		}
		b = b[4+size:]
	}
	switch {
	case len(b) == 0:
		p.hs[dir] = nil
	case joined:
		p.hs[dir] = p.hs[dir][:copy(p.hs[dir], b)]
	default:
		p.hs[dir] = clone(b)
	}
	return nil
}

// message works on one handshake message.
func (p *parser) message(dir app.Direction, kind byte, b []byte) error {
	switch kind {
	case msgClientHello:
		// A second hello answers a HelloRetryRequest; fingerprints are of the first.
		if dir == app.ToServer && p.session.Seen&SeenClientHello == 0 {
			return p.hello(dir, SeenClientHello, ClientHelloDone, p.clientHello(b))
		}
	case msgServerHello:
		if dir == app.ToClient {
			return p.hello(dir, SeenServerHello, ServerHello, p.serverHello(b))
		}
	case msgCertificate:
		p.certificates(dir, b)
	case msgServerKeyExchange:
		p.see(SeenServerKeyExchange)
	case msgClientKeyExchange:
		p.see(SeenClientKeyExchange)
	case msgCertificateRequest:
		p.session.Seen |= SeenCertificateRequest
	case msgServerHelloDone:
		p.reach(dir, ServerHelloDone)
	}
	return nil
}

// knownMessage tells whether a handshake message has a type that TLS has given out.
func knownMessage(kind byte) bool {
	switch kind {
	case msgClientHello, msgServerHello, msgCertificate, msgServerKeyExchange, msgClientKeyExchange, msgServerHelloDone,
		msgHelloRequest, msgNewSessionTicket, msgEncryptedExtension, msgNextProtocol, msgCertificateRequest, 15, 20, msgCertificateURL,
		msgCertificateStatus:
		return true
	}
	return false
}

// see notes that a hello or a key exchange has come.
func (p *parser) see(m Seen) {
	p.session.Seen, p.session.Last = p.session.Seen|m, m
	p.tx.Touch()
}

// hello finishes a hello that was read; one that is malformed counts as seen all the same.
func (p *parser) hello(dir app.Direction, seen Seen, step app.Progress, err error) error {
	p.see(seen)
	p.session.forget(dir)
	p.reach(dir, step)
	if err != nil {
		p.event(EventHandshake)
	}
	return nil
}

// forget drops fingerprints of an earlier hello.
func (s *Session) forget(dir app.Direction) {
	if dir == app.ToServer {
		s.ja3, s.ja4 = "", ""
	} else {
		s.ja3s = ""
	}
}

// certificates keeps the certificates of a Certificate message of TLS 1.2 and below.
func (p *parser) certificates(dir app.Direction, b []byte) {
	s := p.side(dir)
	if len(b) < 3 {
		p.event(EventCertificate)
		return
	}
	total := int(b[0])<<16 | int(b[1])<<8 | int(b[2])
	b = b[3:]
	if total > len(b) {
		p.event(EventCertLength)
		p.event(EventCertificate)
		return
	}
	b = b[:total]
	s.Chain, s.leaf = nil, nil
	for len(b) >= 3 && len(s.Chain) < maxChain {
		n := int(b[0])<<16 | int(b[1])<<8 | int(b[2])
		b = b[3:]
		der, ok := cut(&b, n)
		if !ok {
			p.event(EventCertLength)
			p.event(EventCertificate)
			break
		}
		s.Chain = append(s.Chain, clone(der))
	}
	p.checkLeaf(s)
	if dir == app.ToServer {
		p.reach(dir, ClientCertDone)
	} else {
		p.reach(dir, ServerCertDone)
	}
}

// checkLeaf reads the peer's own certificate and reports what is wrong with it.
func (p *parser) checkLeaf(s *Side) {
	if len(s.Chain) == 0 {
		return
	}
	var err error
	s.leaf, err = ParseCertificate(s.Chain[0])
	if bad := malformed(""); errors.As(err, &bad) {
		p.event(string(bad))
	}
}

// heartbeat checks a heartbeat record (RFC 6520): one whose payload is longer than the record asks for memory
// that is not its own (CVE-2014-0160).
func (p *parser) heartbeat(dir app.Direction, b []byte) {
	if p.ciphered(dir) {
		p.encryptedHeartbeat(dir, len(b))
		return
	}
	if len(b) < 3 {
		p.event(EventHeartbeatInvalid)
		return
	}
	payload := int(binary.BigEndian.Uint16(b[1:]))
	switch {
	case b[0] != 1 && b[0] != 2:
		p.event(EventHeartbeatInvalid)
	case b[0] == 1 && payload+3 > len(b):
		p.event(EventHeartbeatOverflow)
		p.event(EventHeartbeatInvalid)
	case b[0] == 1:
		p.event(EventHeartbeat)
	}
}

// encryptedHeartbeat compares lengths: an answer longer than its question leaks.
func (p *parser) encryptedHeartbeat(dir app.Direction, size int) {
	asked := p.beat[dir.Reverse()]
	if asked == 0 {
		p.beat[dir] = size
		return
	}
	if size > asked {
		p.event(EventHeartbeatLeak)
	}
	p.beat[dir.Reverse()] = 0
}

// sslv2 works on a record with SSLv2's header: the hellos that old clients send, then whatever follows.
func (p *parser) sslv2(dir app.Direction, b []byte) (n, need int, err error) {
	head := 2
	if b[0]&0x80 == 0 {
		head = 3
	}
	if len(b) < head+1 {
		return 0, head + 1, nil
	}
	size := int(b[0]&0x7f)<<8 | int(b[1])
	if head == 3 {
		size = int(b[0]&0x3f)<<8 | int(b[1])
	}
	if size == 0 || p.session.Seen&(SeenServerHello|SeenClientHello) != 0 && p.side(dir).Version >= SSL3 {
		p.event(EventSSLv2Header)
		return 0, 0, errRecord
	}
	if p.side(dir).Version == 0 {
		p.side(dir).Version = SSL2
	}
	if p.session.Seen&(SeenClientCipher<<dir) != 0 || (b[head] != 1 && b[head] != 4) {
		p.skip[dir] = uint64(size)
		return head, 0, nil
	}
	if len(b) < head+size {
		return 0, head + size, nil
	}
	p.sslv2Hello(dir, b[head:head+size])
	return head + size, 0, nil
}

// sslv2Hello reads CLIENT-HELLO and SERVER-HELLO; the client's may offer a newer protocol.
func (p *parser) sslv2Hello(dir app.Direction, b []byte) {
	switch {
	case dir == app.ToServer && b[0] == 1 && len(b) >= 9:
		version := binary.BigEndian.Uint16(b[1:])
		if version == 0x0200 {
			version = SSL2
		}
		p.session.Client.Version = version
		p.see(SeenClientHello)
		p.reach(dir, ClientHelloDone)
	case dir == app.ToClient && b[0] == 4:
		p.session.Server.Version = SSL2
		p.see(SeenServerHello)
		p.reach(dir, ServerHello)
	default:
		p.event(EventSSLv2Header)
	}
}
