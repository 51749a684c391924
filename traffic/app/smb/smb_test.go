package smb

import (
	"encoding/binary"
	"fmt"
	"strings"
	"testing"

	"picket/traffic/app"
)

// frame puts a record into a NetBIOS session message.
func frame(record []byte) []byte {
	n := len(record)
	return append([]byte{0, byte(n >> 16), byte(n >> 8), byte(n)}, record...)
}

// message2 makes a record of SMB 2.
func message2(answer bool, command uint16, message, session uint64, tree uint32, body []byte) []byte {
	b := make([]byte, header2, header2+len(body))
	copy(b, "\xfeSMB\x40")
	le := binary.LittleEndian
	le.PutUint16(b[12:], command)
	if answer {
		b[16] = 1
	}
	le.PutUint64(b[24:], message)
	le.PutUint32(b[36:], tree)
	le.PutUint64(b[40:], session)
	return append(b, body...)
}

// body makes fields of a record: at an offset, a number of a width.
func body(size int, fields ...[3]int) []byte {
	b := make([]byte, size)
	for _, f := range fields {
		for i := range f[1] {
			b[f[0]+i] = byte(f[2] >> (8 * i))
		}
	}
	return b
}

func wide(s string) []byte {
	var b []byte
	for _, c := range []byte(s) {
		b = append(b, c, 0)
	}
	return b
}

const guidText = "ABCDEFGHIJKLMNOP"

// copyFile is a session that writes a file of a size in two halves, the second first.
func copyFile(size int) (client, server []byte) {
	half := size / 2
	content := []byte(strings.Repeat("0123456789abcdef", size/16+1))[:size]
	ask := func(command uint16, id uint64, b []byte) {
		client = append(client, frame(message2(false, command, id, 5, 7, b))...)
	}
	tell := func(command uint16, id uint64, b []byte) {
		server = append(server, frame(message2(true, command, id, 5, 7, b))...)
	}
	ask(connect2, 1, append(body(8, [3]int{4, 2, 72}, [3]int{6, 2, 14}), wide(`\\h\C$x`)...))
	tell(connect2, 1, body(16, [3]int{2, 1, 1}))
	ask(create2, 2, append(body(56, [3]int{44, 2, 120}, [3]int{46, 2, 10}), wide("a.exe")...))
	tell(create2, 2, append(body(64), append([]byte(guidText), make([]byte, 8)...)...))
	write := func(id uint64, offset int, part []byte) {
		b := body(48, [3]int{2, 2, 112}, [3]int{4, 4, len(part)}, [3]int{8, 4, offset})
		copy(b[16:], guidText)
		ask(write2, id, append(b, part...))
		tell(write2, id, body(16))
	}
	write(3, half, content[half:])
	write(4, 0, content[:half])
	ask(close2, 5, append(body(8), guidText...))
	tell(close2, 5, body(60))
	return client, server
}

func feed(p app.Parser, dir app.Direction, b []byte, size int) error {
	for used, end := 0, 0; end < len(b); {
		end = min(len(b), end+size)
		r := p.Parse(dir, b[used:end], false)
		if used += r.Consumed; r.Err != nil || r.Consumed < 0 || used > end {
			return fmt.Errorf("used %d of %d: %w", used, end, r.Err)
		}
	}
	return nil
}

func TestWrite(t *testing.T) {
	for _, size := range []int{100, 4000, 40000} {
		client, server := copyFile(size)
		connect := 4 + header2 + 8 + 14
		opened := connect + 4 + header2 + 56 + 10
		answers := 4 + header2 + 16 + 4 + header2 + 88
		for _, piece := range []int{1, 7, 600, 1 << 20} {
			p := newParser(nil).(*parser)
			for _, err := range []error{
				feed(p, app.ToServer, client[:opened], piece), feed(p, app.ToClient, server[:answers], piece),
				feed(p, app.ToServer, client[opened:], piece), feed(p, app.ToClient, server[answers:], piece),
			} {
				if err != nil {
					t.Fatal(err)
				}
			}
			var got []string
			for _, tx := range p.txs.Open {
				for _, f := range tx.Files[app.ToServer] {
					got = append(got, fmt.Sprintf("%s %d %s %s", f.Name, f.Size, f.State, tx.Data.(*Transaction).File.Share))
				}
				if !tx.Complete(app.ToClient) {
					t.Errorf("%s is not answered", tx.Data.(*Transaction).CommandName())
				}
			}
			if want := fmt.Sprintf(`a.exe %d CLOSED \\h\C$x`, size); len(got) != 1 || got[0] != want {
				t.Errorf("in pieces of %d: %q, want %s", piece, got, want)
			}
		}
	}
}

func TestNTLM(t *testing.T) {
	b := make([]byte, 90)
	copy(b, "NTLMSSP\x00\x03")
	for i, at := range []int{28, 36, 44} {
		b[at], b[at+4] = 4, byte(72+4*i)
	}
	b[63] = 2
	copy(b[64:], "\x06\x01\xb1\x1d\x00\x00\x00\x0f")
	copy(b[72:], "D\x00M\x00U\x00S\x00H\x00O\x00")
	var s Setup
	s.security(append([]byte("spnego"), b...))
	if n := s.NTLMSSP; n == nil || string(n.Domain) != "DM" || string(n.User) != "US" || string(n.Host) != "HO" || n.Version != "6.1 build 7601 rev 15" {
		t.Errorf("%+v", n)
	}
}

func TestGap(t *testing.T) {
	client, _ := copyFile(4000)
	p := newParser(nil).(*parser)
	at := 4 + header2 + 8 + 14 + 4 + header2 + 56 + 10 + 4 + header2 + 48 // where content begins
	if err := feed(p, app.ToServer, client[:at+600], 1<<20); err != nil {
		t.Fatal(err)
	}
	p.Gap(app.ToServer, 500)
	if err := feed(p, app.ToServer, client[at+1100:], 1<<20); err != nil {
		t.Fatal(err)
	}
	for _, tx := range p.txs.Open {
		for _, f := range tx.Files[app.ToServer] {
			if !f.Gaps || f.State != app.FileTruncated {
				t.Errorf("gaps %v, %v", f.Gaps, f.State)
			}
		}
	}
}

func FuzzParse(f *testing.F) {
	client, server := copyFile(2000)
	f.Add(client, server, uint8(255))
	old := append([]byte("\xffSMB\x72\x00\x00\x00\x00\x18\x01\xc0"), make([]byte, 20)...)
	f.Add(frame(append(old, "\x00\x0c\x00\x02NT LM 0.12\x00"...)), frame(append(old, 1, 0, 0, 0, 0)), uint8(9))
	old[4] = transact1
	f.Add(frame(append(append(old, 16), make([]byte, 90)...)), frame(append(append(old, 10), make([]byte, 90)...)), uint8(9))
	f.Fuzz(func(_ *testing.T, client, server []byte, size uint8) {
		p := newParser(nil)
		for i := range 2 {
			_ = feed(p, app.ToServer, client, int(size)+1)
			_ = feed(p, app.ToClient, server, int(size)+1)
			p.Gap(app.Direction(i), 10)
		}
		p.Parse(app.ToClient, nil, true)
	})
}
