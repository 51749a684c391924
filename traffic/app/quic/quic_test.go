package quic

import (
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"slices"
	"strings"
	"testing"

	"picket/traffic/app"
	"picket/traffic/app/apptest"
)

const dcid = "\x83\x94\xc8\xf0\x3e\x51\x57\x08"

// The keys of RFC 9001, appendix A.1.
func TestKeys(t *testing.T) {
	s, label := salt(Version1)
	secret, err := hkdf.Extract(sha256.New, []byte(dcid), []byte(s))
	if err != nil {
		t.Fatal(err)
	}
	client := expand(secret, "client in", 32)
	for _, tc := range []struct {
		label string
		n     int
		want  string
	}{
		{" key", 16, "1f369613dd76d5467730efcbe3b1a22d"}, {" iv", 12, "fa044b2f42a3fd3b46fb255c"},
		{" hp", 16, "9f50449e04a0e810283a1e9933adedd2"},
	} {
		if got := hex.EncodeToString(expand(client, label+tc.label, tc.n)); got != tc.want {
			t.Errorf("%s: %s", tc.label, got)
		}
	}
}

// clientHello is a hello that offers one cipher suite and names a.example.
func clientHello() []byte {
	sni := "\x00\x00\x00\x0e\x00\x0c\x00\x00\x09a.example"
	body := "\x03\x03" + strings.Repeat("r", 32) + "\x00" + "\x00\x02\x13\x01" + "\x01\x00" +
		string(binary.BigEndian.AppendUint16(nil, uint16(len(sni)))) + sni
	return append([]byte{1, 0, 0, byte(len(body))}, body...)
}

// crypto makes a CRYPTO frame, short enough for numbers of two bytes.
func crypto(at int, data []byte) []byte {
	b := binary.BigEndian.AppendUint16([]byte{frameCrypto}, 0x4000|uint16(at))
	return append(binary.BigEndian.AppendUint16(b, 0x4000|uint16(len(data))), data...)
}

// seal makes a client's Initial packet.
func seal(version uint32, number byte, frames []byte) []byte {
	k := initialKeys(version, []byte(dcid))[app.ToServer]
	first := byte(0xc0)
	if version == Version2 {
		first = 0xd0
	}
	h := append(binary.BigEndian.AppendUint32([]byte{first}, version), byte(len(dcid)))
	h = append(append(h, dcid...), 0, 0)
	h = binary.BigEndian.AppendUint16(h, 0x4000|uint16(1+len(frames)+16))
	at := len(h)
	h = append(h, number)
	nonce := k.iv
	nonce[11] ^= number
	out := k.aead.Seal(slices.Clone(h), nonce[:], frames, h)
	var mask [16]byte
	k.header.Encrypt(mask[:], out[at+4:at+20])
	out[0] ^= mask[0] & 0x0f
	out[at] ^= mask[1]
	return out
}

func TestHello(t *testing.T) {
	for _, version := range []uint32{Version1, Version2, 0xff00001d} {
		msg := clientHello()
		p := newParser(nil)
		// the pieces come in the wrong order, in two packets of one datagram
		data := append(seal(version, 0, append(crypto(20, msg[20:]), make([]byte, 30)...)), seal(version, 1, append([]byte{framePing}, crypto(0, msg[:20])...))...)
		if r := p.Parse(app.ToServer, data, false); r.Err != nil {
			t.Fatalf("%x: %v", version, r.Err)
		}
		open := p.Transactions().Open
		if len(open) != 2 {
			t.Fatalf("%x: %d transactions", version, len(open))
		}
		tx := open[1].Data.(*Transaction)
		if string(tx.SNI) != "a.example" || tx.Hello == nil || !strings.HasPrefix(tx.Side().JA4('q'), "q12d010100") {
			t.Errorf("%x: %+v", version, tx)
		}
	}
}

func TestDamaged(t *testing.T) {
	data := seal(Version1, 0, crypto(0, clientHello()))
	data[len(data)-1] ^= 1
	p := newParser(nil)
	p.Parse(app.ToServer, data, false)
	if !slices.Contains(apptest.Events(p), EventDecrypt) {
		t.Errorf("events %v", apptest.Events(p))
	}
}

// A peer that never ends its hello costs a bounded amount.
func TestBound(t *testing.T) {
	var c hello
	var err error
	for i := range 1000 {
		if err = c.add(uint64(1+2*i), []byte("x")); err != nil {
			break
		}
	}
	if err == nil || len(c.pieces) > maxPieces {
		t.Errorf("%d pieces, %v", len(c.pieces), err)
	}
}

func TestGoogle(t *testing.T) {
	chlo := "CHLO\x02\x00\x00\x00SNI\x00\x05\x00\x00\x00UAID\x09\x00\x00\x00a.exaagent"[:8+16] + "a.exagnt!"
	data := "\xc0Q046\x50" + dcid + "\x01" + strings.Repeat("h", googleHash) + "\xa0\x01" + "\x00" + string(rune(len(chlo))) + chlo
	p := newParser(nil)
	p.Parse(app.ToServer, []byte(data), false)
	tx := p.Transactions().Open[0].Data.(*Transaction)
	if string(tx.SNI) != "a.exa" || len(tx.CYU) != 1 || tx.CYU[0].Text != "46,SNI-UAID" {
		t.Errorf("%+v", tx)
	}
}

// TestVersions: a long header is QUIC whatever its version; what is no header is not.
func TestVersions(t *testing.T) {
	const ids = "\x08\x40\x02\x47\x56\x01\xcf\x78\x7b\x00"
	for _, c := range []struct {
		name, datagram string
		want           app.Answer
		version        string
	}{
		{"mvfst", "\xc3\xfa\xce\xb0\x01" + ids + "\x00\x04\x48\x03\x4a\x47", app.Yes, "faceb001"},
		{"Q050", "\xc3Q050" + ids + "\x00\x04\x48\x03\x4a\x47", app.Yes, "51303530"},
		{"negotiation", "\x80\x00\x00\x00\x00" + ids + "\x00\x00\x00\x01", app.Yes, "0"},
		{"Q035", "\x0d\x31\xd6\x63\xb6\x0d\x93\x24\x8bQ035\x01" + ids, app.Yes, "51303335"},
		{"Q039", "\x0d\x31\xd6\x63\xb6\x0d\x93\x24\x8bQ039\x01" + ids, app.Yes, "Q039"},
		{"Q039 cut off", "\x3d\x31\xd6\x63\xb6\x0d\x93\x24\x8bQ039\x01", app.No, ""},
		{"mvfst, connection ID cut off", "\xc3\xfa\xce\xb0\x01\x08\x40", app.No, ""},
		{"STUN", "\x00\x01\x00\x00\x21\x12\xa4\x42" + ids, app.No, ""},
	} {
		if got := probe(app.ToServer, []byte(c.datagram)); got != c.want {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
		if c.want != app.Yes {
			continue
		}
		p := newParser(nil)
		if r := p.Parse(app.ToServer, []byte(c.datagram), false); r.Err != nil {
			t.Errorf("%s: %v", c.name, r.Err)
		}
		if got := VersionName(p.Transactions().Open[0].Data.(*Transaction).Version); got != c.version {
			t.Errorf("%s: version %s, want %s", c.name, got, c.version)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add(seal(Version1, 0, crypto(0, clientHello())), []byte{})
	f.Add([]byte("\xc0Q046\x50"+dcid+"\x01"+strings.Repeat("h", 30)), []byte("\xc0\x00\x00\x00\x01\x00\x00\x00\x00"))
	f.Fuzz(func(t *testing.T, a, b []byte) {
		p := newParser(nil)
		p.Parse(app.ToServer, a, false)
		p.Parse(app.ToClient, b, false)
		var c hello
		_ = c.frames(a)
		_ = c.frames(b)
		_ = (&Transaction{Version: 0x51303436}).google(a)
	})
}
