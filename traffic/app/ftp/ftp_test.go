package ftp

import (
	"fmt"
	"strings"
	"testing"

	"picket/traffic/app"
)

const dialogue = "> 220 (vsFTPd 3.0.3)\n< USER a\n> 331 Password, please.\n< PASS b\n> 230-Hello\n> 230 Logged in.\n" +
	"< PASV\n> 227 Entering Passive Mode (10,0,0,1,4,1).\n< RETR a file\n> 150 Here it comes.\n> 226 Done.\n" +
	"< EPRT |1|10.0.0.2|2048|\n> 200 ok\n< STOR up\n> 226 Done.\n< FOO bar\n> 500 What?\n< QUIT\n> 221 Bye.\n"

// converse plays a dialogue in pieces of a size and returns its transactions and announcements.
func converse(text string, size int, cfg *app.Config) (out []string) {
	p := newParser(cfg)
	for line := range strings.SplitAfterSeq(text, "\n") {
		if len(line) < 2 {
			break
		}
		dir, data := app.ToServer, []byte(line[2:])
		if line[0] == '>' {
			dir = app.ToClient
		}
		held := []byte{}
		for len(data) > 0 {
			n := min(size, len(data))
			held, data = append(held, data[:n]...), data[n:]
			r := p.Parse(dir, held, false)
			held = held[r.Consumed:]
			for _, a := range r.Announce {
				out = append(out, fmt.Sprintf("port %d %v %s", a.Port, a.Dir, a.Data.(*Transfer).Name))
			}
		}
	}
	for _, tx := range p.Transactions().Open {
		e := tx.Data.(*Exchange)
		s := fmt.Sprintf("%s(%s)", e.Command, e.Argument())
		for _, r := range e.Replies {
			s += fmt.Sprintf(" %s %s", r.Code, r.Text)
		}
		out = append(out, s+" "+strings.Join(tx.Events, ","))
	}
	return out
}

func TestDialogue(t *testing.T) {
	want := strings.Join(converse(dialogue, 1000, nil), "\n")
	for _, part := range []string{"port 1025 to_client a file", "port 2048 to_client up", "PASV() 227 Entering Passive Mode (10,0,0,1,4,1).",
		"RETR(a file) 150 Here it comes. 226 Done.", "() 220 (vsFTPd 3.0.3)", "(OO bar) 500 What?"} {
		if !strings.Contains(want, part) {
			t.Errorf("%q is not in\n%s", part, want)
		}
	}
	for size := 1; size < 9; size++ {
		if got := strings.Join(converse(dialogue, size, nil), "\n"); got != want {
			t.Errorf("in pieces of %d:\n%s", size, got)
		}
	}
}

func TestLongLines(t *testing.T) {
	cfg := app.Default()
	cfg.Settings["ftp.max-line-length"] = "16"
	for _, size := range []int{1, 7, 1000} {
		got := converse("< RETR abcdefghijklmnopqrstuvwxyz\n> 200 abcdefghijklmnopqrstuvwxyz\n< QUIT\n", size, cfg)
		if len(got) != 2 || !strings.Contains(got[0], "too_long") || got[1] != "QUIT() " {
			t.Errorf("in pieces of %d: %q", size, got)
		}
	}
}

func TestPorts(t *testing.T) {
	for _, tc := range []struct {
		f    func([]byte) uint16
		in   string
		want uint16
	}{
		{portOfPORT, "10,0,0,1,4,1", 1025}, {portOfPORT, "4", 0}, {portOfPORT, "1,300,1", 0}, {portOfPORT, "", 0},
		{portOfEPRT, "|2|::1|2048|", 2048}, {portOfEPRT, "229 ok (|||7|)", 7}, {portOfEPRT, "|||70000|", 0}, {portOfEPRT, "|", 0},
		{portOfPASV, "227 mode (1,2,3,4,5,6).", 1286}, {portOfPASV, "227 mode 1,2,3,4,5,6", 1286}, {portOfPASV, "227", 0},
	} {
		if got := tc.f([]byte(tc.in)); got != tc.want {
			t.Errorf("%q: %d, want %d", tc.in, got, tc.want)
		}
	}
}

func TestBounce(t *testing.T) {
	e := Exchange{Command: "PORT", Request: []byte("PORT 10,0,0,9,0,80")}
	if a, ok := e.BounceAddress(); !ok || a != [4]byte{10, 0, 0, 9} {
		t.Errorf("%v %v", a, ok)
	}
}

func TestTransfer(t *testing.T) {
	p := Data().New(nil).(*dataParser)
	p.Receive(&Transfer{Command: "RETR", Name: []byte("f"), Dir: app.ToClient})
	p.Parse(app.ToClient, []byte("hello "), false)
	p.Parse(app.ToClient, []byte("world"), true)
	f := p.Transactions().Open[0].Files[app.ToClient][0]
	if string(f.Data) != "hello world" || f.State != app.FileClosed || f.Size != 11 {
		t.Errorf("%q %v %d", f.Data, f.State, f.Size)
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(dialogue), uint8(3))
	f.Add([]byte("> 220 FTP\n< PORT 1,2,3,4,5,6\n> 200 ok\n< RETR x\n"), uint8(200))
	f.Fuzz(func(_ *testing.T, b []byte, size uint8) { converse(string(b), int(size)+1, nil) })
}
