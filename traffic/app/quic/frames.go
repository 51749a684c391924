package quic

import (
	"crypto/md5" //nolint:gosec // what CYU is defined with
	"encoding/binary"
	"encoding/hex"
	"errors"
	"strings"
)

// Bounds of a hello that is put together.
const (
	maxHello  = 65535 // bytes
	maxPieces = 128   // pieces that wait for those before them
)

// Frame types (RFC 9000 §19).
const (
	framePadding = 0x00
	framePing    = 0x01
	frameAck     = 0x02
	frameAckECN  = 0x03
	frameCrypto  = 0x06
)

var (
	errFrame   = errors.New("quic: malformed frame")
	errTooLong = errors.New("quic: hello too long")
)

// hello puts a direction's CRYPTO frames together.
type hello struct {
	got    []byte
	pieces []piece
	held   int
}

type piece struct {
	at   uint64
	data []byte
}

// add takes a frame's bytes.
func (c *hello) add(at uint64, data []byte) error {
	if at+uint64(len(data)) > maxHello || len(c.pieces) >= maxPieces || c.held+len(data) > maxHello {
		return errTooLong
	}
	c.pieces = append(c.pieces, piece{at, append([]byte(nil), data...)})
	c.held += len(data)
	for moved := true; moved; {
		moved = false
		for i, p := range c.pieces {
			if p.at > uint64(len(c.got)) {
				continue
			}
			if end := p.at + uint64(len(p.data)); end > uint64(len(c.got)) {
				c.got = append(c.got, p.data[uint64(len(c.got))-p.at:]...)
			}
			c.held -= len(p.data)
			c.pieces = append(c.pieces[:i], c.pieces[i+1:]...)
			moved = true
			break
		}
	}
	return nil
}

// message returns the handshake message once it is whole; nil before.
func (c *hello) message() []byte {
	if len(c.got) < 4 {
		return nil
	}
	n := 4 + (int(c.got[1])<<16 | int(c.got[2])<<8 | int(c.got[3]))
	if len(c.got) < n {
		return nil
	}
	return c.got[:n]
}

// frames reads a decrypted Initial packet's frames as far as they concern the handshake.
func (c *hello) frames(b []byte) error {
	r := reader{b: b}
	for r.left() > 0 && !r.failed {
		switch t := r.varint(); t {
		case framePadding, framePing:
		case frameAck, frameAckECN:
			r.ack(t == frameAckECN)
		case frameCrypto:
			at, n := r.varint(), r.varint()
			data := r.take(int(min(n, 1<<20)))
			if r.failed {
				return errFrame
			}
			if err := c.add(at, data); err != nil {
				return err
			}
		default:
			return nil
		}
	}
	if r.failed {
		return errFrame
	}
	return nil
}

// ack passes over an ACK frame.
func (r *reader) ack(ecn bool) {
	r.varint()
	r.varint()
	n := r.varint()
	r.varint()
	for ; n > 0 && !r.failed; n-- {
		r.varint()
		r.varint()
	}
	if ecn {
		r.varint()
		r.varint()
		r.varint()
	}
}

// CYU is the fingerprint of a client of Google's QUIC (https://github.com/engageub/CYU): its version and the tags of
// its hello, and their MD5.
type CYU struct{ Text, Hash string }

// Bounds and sizes of Google's QUIC.
const (
	googleHash = 12  // bytes of the hash in front of unencrypted frames
	maxTags    = 128 // of one message (the protocol allows as many)
)

// google reads the frames of an unencrypted packet of Google's QUIC for a tagged message: a client's or server's hello.
func (t *Transaction) google(b []byte) error {
	if len(b) < googleHash {
		return errFrame
	}
	r := reader{b: b[googleHash:]}
	for r.left() > 0 && !r.failed {
		f := r.u8()
		switch {
		case f&0x80 != 0:
			t.stream(&r, f)
		case f == 0:
		default:
			return nil // acknowledgements and the rest stand behind the hello, or there is none
		}
	}
	return nil
}

// stream reads a STREAM frame: the first byte has bits for fin, length, the sizes of offset and stream number.
func (t *Transaction) stream(r *reader, f byte) {
	r.take(int(f&3) + 1)
	if n := int(f >> 2 & 7); n > 0 {
		r.take(n + 1)
	}
	n := r.left()
	if f&0x20 != 0 {
		size := r.take(2)
		if r.failed {
			return
		}
		n = int(binary.BigEndian.Uint16(size))
	}
	t.tags(r.take(n))
}

// tags reads a tagged message: its name, the number of tags, tags with the ends of their values, values.
func (t *Transaction) tags(b []byte) {
	if len(b) < 8 || string(b[:4]) != "CHLO" && string(b[:3]) != "REJ" && string(b[:4]) != "SHLO" {
		return
	}
	n := int(binary.LittleEndian.Uint16(b[4:]))
	if n > maxTags || len(b) < 8+8*n {
		return
	}
	index, values := b[8:8+8*n], b[8+8*n:]
	var names []string
	start := 0
	for ; len(index) > 0; index = index[8:] {
		name := strings.TrimRight(string(index[:4]), "\x00")
		end := int(binary.LittleEndian.Uint32(index[4:]))
		if end < start || end > len(values) {
			return
		}
		names = append(names, name)
		value := append([]byte(nil), values[start:end]...)
		switch start = end; name {
		case "SNI":
			t.SNI = value
		case "UAID":
			t.UserAgent = value
		}
	}
	text := strings.TrimLeft(VersionName(t.Version)[1:], "0") + "," + strings.Join(names, "-")
	sum := md5.Sum([]byte(text)) //nolint:gosec
	t.CYU = append(t.CYU, CYU{text, hex.EncodeToString(sum[:])})
}
