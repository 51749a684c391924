package ssh

import (
	"encoding/binary"
	"testing"

	"picket/traffic/app"
)

// packet frames a message without padding.
func packet(kind byte, body ...byte) []byte {
	b := binary.BigEndian.AppendUint32(nil, uint32(2+len(body)))
	return append(append(b, 0, kind), body...)
}

func kexInit() []byte {
	body := make([]byte, 16)
	for _, list := range []string{"curve25519", "rsa", "aes-c", "aes-s", "mac-c", "mac-s", "none", "zlib", "", ""} {
		body = binary.BigEndian.AppendUint32(body, uint32(len(list)))
		body = append(body, list...)
	}
	return packet(msgKexInit, append(body, 0, 0, 0, 0, 0)...)
}

func stream() []byte {
	b := append([]byte("SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n"), kexInit()...)
	b = append(b, packet(30, 1, 2, 3)...)
	return append(append(b, packet(msgNewKeys)...), "ciphertext"...)
}

func feed(p app.Parser, dir app.Direction, b []byte, step int) error {
	used, need := 0, 0
	for end := 0; end < len(b); {
		end = min(end+step, len(b))
		if end-used < need {
			continue
		}
		r := p.Parse(dir, b[used:end], false)
		if r.Err != nil {
			return r.Err
		}
		used, need = used+r.Consumed, r.Need
	}
	return nil
}

func TestSession(t *testing.T) {
	for _, step := range []int{1, 2, 5, 50, 10000} {
		p := newParser(nil).(*parser)
		if err := feed(p, app.ToServer, stream(), step); err != nil {
			t.Fatal(err)
		}
		if err := feed(p, app.ToClient, append([]byte("hello\r\n"), stream()...), step); err != nil {
			t.Fatal(err)
		}
		c, s := &p.session.Client, &p.session.Server
		if string(c.Proto) != "2.0" || string(c.Software) != "OpenSSH_9.2p1" || string(c.Offer) != "curve25519;aes-c;mac-c;none" {
			t.Errorf("client %q %q %q", c.Proto, c.Software, c.Offer)
		}
		if string(s.Offer) != "curve25519;aes-s;mac-s;zlib" || len(s.HASSH) != 32 {
			t.Errorf("server %q %q", s.Offer, s.HASSH)
		}
		if r := p.Parse(app.ToServer, []byte("x"), false); !r.Encrypted {
			t.Error("not encrypted after new keys")
		}
	}
}

func FuzzSSH(f *testing.F) {
	f.Add(stream())
	f.Add([]byte("SSH-1.99-x\n\x00\x00\x00\x02\x00\x14"))
	f.Fuzz(func(t *testing.T, data []byte) {
		for _, dir := range []app.Direction{app.ToServer, app.ToClient} {
			a, b := newParser(nil).(*parser), newParser(nil).(*parser)
			e1, e2 := feed(a, dir, data, len(data)+1), feed(b, dir, data, 3)
			if (e1 == nil) != (e2 == nil) || a.side(dir).HASSH != b.side(dir).HASSH {
				t.Fatalf("%v %v", e1, e2)
			}
		}
	})
}
