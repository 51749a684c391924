package nfs

import (
	"encoding/binary"
	"fmt"
	"testing"

	"picket/traffic/app"
)

// words makes numbers and texts as XDR has them.
func words(parts ...any) (b []byte) {
	for _, p := range parts {
		switch v := p.(type) {
		case int:
			b = binary.BigEndian.AppendUint32(b, uint32(v))
		case string:
			b = binary.BigEndian.AppendUint32(b, uint32(len(v)))
			b = append(b, v...)
			for len(b)%4 != 0 {
				b = append(b, 0)
			}
		}
	}
	return b
}

func record(b []byte) []byte {
	return append(binary.BigEndian.AppendUint32(nil, 1<<31|uint32(len(b))), b...)
}

func call(xid, version, procedure int, args ...any) []byte {
	creds := string(words(1, "host", 1000, 100, 0))
	return record(append(words(xid, 0, 2, program, version, procedure, 1, creds, 0, ""), words(args...)...))
}

func reply(xid int, results ...any) []byte {
	return record(append(words(xid, 1, 0, 0, "", 0), words(results...)...))
}

// copyFile looks a file up, reads it and writes it, in version 3.
func copyFile() (client, server []byte) {
	client = append(client, call(1, 3, lookup3, "dir0", "a.txt")...)
	server = append(server, reply(1, 0, "file", 0, 0)...)
	client = append(client, call(2, 3, read3, "file", 0, 0, 100)...)
	server = append(server, reply(2, 0, 0, 11, 1, "hello world")...)
	client = append(client, call(3, 3, write3, "file", 0, 6, 5, 0, "there")...)
	server = append(server, reply(3, 0, 0, 5)...)
	client = append(client, call(4, 3, write3, "file", 0, 0, 6, 0, "hello ")...)
	server = append(server, reply(4, 0, 0, 6)...)
	client = append(client, call(5, 3, commit3, "file", 0, 0, 0)...)
	return client, append(server, reply(5, 0)...)
}

func feed(p app.Parser, dir app.Direction, b []byte, size int) {
	for used, end := 0, 0; end < len(b); {
		end = min(len(b), end+size)
		r := p.Parse(dir, b[used:end], false)
		if used += r.Consumed; r.Err != nil || r.Consumed < 0 || used > end {
			return
		}
	}
}

func TestFiles(t *testing.T) {
	client, server := copyFile()
	lookup := len(call(1, 3, lookup3, "dir0", "a.txt"))
	found := len(reply(1, 0, "file", 0, 0))
	for _, size := range []int{1, 5, 64, 10000} {
		p := newParser(nil)
		feed(p, app.ToServer, client[:lookup], size)
		feed(p, app.ToClient, server[:found], size)
		feed(p, app.ToServer, client[lookup:], size)
		feed(p, app.ToClient, server[found:], size)
		var got []string
		for _, tx := range p.Transactions().Open {
			for _, files := range tx.Files {
				for _, f := range files {
					got = append(got, fmt.Sprintf("%s %s %s %q", tx.Data.(*Call).ProcedureName(), f.Name, f.State, f.Data))
				}
			}
			if !tx.Complete(app.ToClient) {
				t.Errorf("%s is open", tx.Data.(*Call).ProcedureName())
			}
		}
		want := `[WRITE a.txt CLOSED "hello there" READ a.txt CLOSED "hello world"]`
		if s := fmt.Sprint(got); s != want {
			t.Errorf("in pieces of %d: %s", size, s)
		}
	}
}

func TestCompound(t *testing.T) {
	p := newParser(nil)
	state := func(more ...any) []any { return append([]any{0, 0, 0, 0}, more...) }
	args := []any{"tag", 0, 3, putHandle4, "fh", write4}
	args = append(args, state(0, 0, 0, "data", close4, 1)...)
	args = append(args, state()...)
	feed(p, app.ToServer, call(9, 4, compound4, args...), 1000)
	tx := p.Transactions().Open[0]
	if f := tx.Files[app.ToServer]; len(f) != 1 || string(f[0].Data) != "data" || f[0].State != app.FileClosed {
		t.Errorf("%+v", f)
	}
}

func TestDatagram(t *testing.T) {
	p := newParser(nil)
	b := call(7, 2, 17)[4:]
	p.Parse(app.ToServer, append(b, make([]byte, handle2)...), false)
	if c := p.Transactions().Open[0].Data.(*Call); c.ProcedureName() != "STATFS" || c.Auth.UID != 1000 || string(c.Auth.Machine) != "host" {
		t.Errorf("%s %+v", c.ProcedureName(), c.Auth)
	}
}

func FuzzParse(f *testing.F) {
	client, server := copyFile()
	f.Add(client, server, uint8(30))
	f.Add(call(9, 4, compound4, "", 0, 2, putHandle4, "fh", open4, 0, 0, 0), reply(9, 0, "", 1, getHandle4, 0, "fh"), uint8(200))
	f.Fuzz(func(_ *testing.T, client, server []byte, size uint8) {
		p := newParser(nil)
		feed(p, app.ToServer, client, int(size)+1)
		feed(p, app.ToClient, server, int(size)+1)
		p.Gap(app.ToClient, 4)
		feed(p, app.ToClient, server, int(size)+1)
		p.Parse(app.ToClient, nil, true)
	})
}
