package quic

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/binary"
	"errors"
)

// keys open the Initial packets of one direction (RFC 9001 §5).
type keys struct {
	aead   cipher.AEAD
	header cipher.Block
	iv     [12]byte
}

var errDecrypt = errors.New("quic: packet can't be decrypted")

// salt returns a version's salt of the first secret, and what its labels begin with; "" for unknown versions.
func salt(version uint32) (salt, label string) {
	switch {
	case version == Version1 || version >= 0xff000021 && version <= 0xff000022:
		return "\x38\x76\x2c\xf7\xf5\x59\x34\xb3\x4d\x17\x9a\xe6\xa4\xc8\x0c\xad\xcc\xbb\x7f\x0a", "quic"
	case version == Version2:
		return "\x0d\xed\xe3\xde\xf7\x00\xa6\xdb\x81\x93\x81\xbe\x6e\x26\x9d\xcb\xf9\xbd\x2e\xd9", "quicv2"
	case version >= 0xff00001d && version <= 0xff000020:
		return "\xaf\xbf\xec\x28\x99\x93\xd2\x4c\x9e\x97\x86\xf1\x9c\x61\x11\xe0\x43\x90\xa8\x99", "quic"
	case version >= 0xff000017 && version <= 0xff00001c:
		return "\xc3\xee\xf7\x12\xc7\x2e\xbb\x5a\x11\xa7\xd2\x43\x2b\xb4\x63\x65\xbe\xf9\xf5\x02", "quic"
	}
	return "", ""
}

// initialKeys derives the keys of both directions from the client's first destination connection ID.
func initialKeys(version uint32, dcid []byte) (k [2]*keys) {
	s, label := salt(version)
	if s == "" {
		return k
	}
	secret, err := hkdf.Extract(sha256.New, dcid, []byte(s))
	if err != nil {
		return k
	}
	for dir, side := range [2]string{"client in", "server in"} {
		k[dir] = newKeys(expand(secret, side, 32), label)
	}
	return k
}

// newKeys derives the keys of a direction; nil when the library refuses to.
func newKeys(secret []byte, label string) *keys {
	block, err := aes.NewCipher(expand(secret, label+" key", 16))
	if err != nil {
		return nil
	}
	k := &keys{}
	if k.aead, err = cipher.NewGCM(block); err != nil {
		return nil
	}
	if k.header, err = aes.NewCipher(expand(secret, label+" hp", 16)); err != nil {
		return nil
	}
	copy(k.iv[:], expand(secret, label+" iv", 12))
	return k
}

// expand is HKDF-Expand-Label with an empty context (RFC 8446 §7.1).
func expand(secret []byte, label string, n int) []byte {
	info := string([]byte{byte(n >> 8), byte(n), byte(6 + len(label))}) + "tls13 " + label + "\x00"
	out, err := hkdf.Expand(sha256.New, secret, info, n)
	if err != nil {
		return make([]byte, n)
	}
	return out
}

// open decrypts a packet: b is the packet from its first byte, the header's size that of what stands before the
// packet number. b is not changed.
func (k *keys) open(b []byte, h *header) ([]byte, error) {
	const sample = 16
	end := h.size + h.length
	if h.length < 4+sample {
		return nil, errDecrypt
	}
	var mask [aes.BlockSize]byte
	k.header.Encrypt(mask[:], b[h.size+4:h.size+4+sample])
	first := b[0] ^ mask[0]&0x0f
	n := int(first&3) + 1
	head := append([]byte(nil), b[:h.size+n]...)
	head[0] = first
	number := uint32(0)
	for i := range n {
		head[h.size+i] ^= mask[1+i]
		number = number<<8 | uint32(head[h.size+i])
	}
	nonce := k.iv
	tail := binary.BigEndian.Uint32(nonce[8:])
	binary.BigEndian.PutUint32(nonce[8:], tail^number)
	out, err := k.aead.Open(nil, nonce[:], b[h.size+n:end], head)
	if err != nil {
		return nil, errDecrypt
	}
	return out, nil
}
