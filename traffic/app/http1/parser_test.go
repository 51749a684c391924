package http1

import (
	"bytes"
	"compress/gzip"
	"compress/zlib"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"picket/traffic/app"
)

// piece is bytes of one direction.
type piece struct {
	dir  app.Direction
	data string
}

// play runs pieces through a parser, cut into runs of at most cut bytes (0: whole), and ends both directions.
func play(t testing.TB, c *app.Config, pieces []piece, cut func(int) int) *parser {
	t.Helper()
	p := newParser(c)
	var held [2][]byte
	feed := func(dir app.Direction, b []byte, eof bool) {
		held[dir] = append(held[dir], b...)
		r := p.Parse(dir, held[dir], eof)
		if r.Consumed < 0 || r.Consumed > len(held[dir]) {
			t.Fatalf("consumed %d of %d", r.Consumed, len(held[dir]))
		}
		held[dir] = append([]byte(nil), held[dir][r.Consumed:]...)
	}
	for _, pc := range pieces {
		for b := []byte(pc.data); len(b) > 0; {
			n := len(b)
			if cut != nil {
				n = cut(len(b))
			}
			feed(pc.dir, b[:n], false)
			b = b[n:]
		}
	}
	feed(app.ToServer, nil, true)
	feed(app.ToClient, nil, true)
	return p
}

// sum describes a parser's transactions in short.
func sum(p *parser) []string {
	var out []string
	for _, a := range p.txs.Open {
		t := a.Data.(*Transaction)
		s := fmt.Sprintf("%s %s %d %q %q", t.Request.Method, t.URI(), t.Response.Status, t.Request.Body.Data, t.Response.Body.Data)
		for d := range a.Files {
			for _, f := range a.Files[d] {
				s += fmt.Sprintf(" file(%d %s %d %s)", d, f.Name, f.Size, f.State)
			}
		}
		s += fmt.Sprintf(" %d/%d %s", a.Progress[0], a.Progress[1], strings.Join(a.Events, ","))
		out = append(out, strings.TrimSpace(s))
	}
	return out
}

func gz(s string) string {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	_, _ = w.Write([]byte(s))
	_ = w.Close()
	return b.String()
}

func zl(s string) string {
	var b bytes.Buffer
	w := zlib.NewWriter(&b)
	_, _ = w.Write([]byte(s))
	_ = w.Close()
	return b.String()
}

const get = "GET /a HTTP/1.1\r\nHost: h\r\n\r\n"

var long = strings.Repeat("hello world, this is content. ", 3000)

func sessions() map[string][]piece {
	c, s := app.ToServer, app.ToClient
	ok := func(headers, body string) string { return "HTTP/1.1 200 OK\r\n" + headers + "\r\n" + body }
	cl := func(b string) string { return fmt.Sprintf("Content-Length: %d\r\n", len(b)) }
	return map[string][]piece{
		"plain":        {{c, get}, {s, ok("Content-Length: 2\r\n", "hi")}},
		"pipelined":    {{c, get + "GET /b HTTP/1.1\r\nHost: h\r\n\r\n"}, {s, ok("Content-Length: 1\r\n", "1") + ok("Content-Length: 1\r\n", "2")}},
		"chunked":      {{c, get}, {s, ok("Transfer-Encoding: chunked\r\n", "3\r\nabc\r\n2;x=y\r\nde\r\n0\r\nT: v\r\n\r\n")}},
		"to close":     {{c, get}, {s, ok("", "until the end")}},
		"gzip":         {{c, get}, {s, ok("Content-Encoding: gzip\r\n"+cl(gz(long)), gz(long))}},
		"zlib":         {{c, get}, {s, ok("Content-Encoding: deflate\r\n"+cl(zl("deflated")), zl("deflated"))}},
		"raw deflate":  {{c, get}, {s, ok("Content-Encoding: deflate\r\n"+cl(zl("raw")[2:]), zl("raw")[2:])}},
		"two layers":   {{c, get}, {s, ok("Content-Encoding: gzip, deflate\r\n"+cl(zl(gz("x2"))), zl(gz("x2")))}},
		"no request":   {{s, ok("Content-Length: 1\r\n", "z")}},
		"head":         {{c, "HEAD / HTTP/1.1\r\nHost: h\r\n\r\n"}, {s, ok("Content-Length: 10\r\n", "")}},
		"304":          {{c, get}, {s, "HTTP/1.1 304 Not Modified\r\n\r\n"}},
		"continue":     {{c, "POST /p HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\n"}, {s, "HTTP/1.1 100 Continue\r\n\r\n"}, {c, "abc"}, {s, ok("Content-Length: 0\r\n", "")}},
		"0.9":          {{c, "GET /old\r\n"}, {s, "old answer"}},
		"folded":       {{c, "GET /f HTTP/1.1\r\nHost: h\r\nX: a\r\n b\r\n\r\n"}, {s, ok("X: 1\r\n\t2\r\nContent-Length: 0\r\n", "")}},
		"put":          {{c, "PUT /dir/up%2etxt HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\n\r\nfile"}},
		"multipart":    {{c, form}},
		"chunked post": {{c, "POST /p HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nwiki\r\n0\r\n\r\n"}},
		"disposition":  {{c, get}, {s, ok("Content-Disposition: attachment; filename=\"eicar.txt\"\r\nContent-Length: 3\r\n", "abc")}},
		"junk status":  {{c, get}, {s, "no status line at all, but text\nand more\n"}},
		"repeated":     {{c, "GET /r HTTP/1.1\r\nHost: h\r\nA: 1\r\na: 2\r\n\r\n"}},
	}
}

var form = func() string {
	b := "--B\r\nContent-Disposition: form-data; name=\"x\"\r\n\r\nvalue\r\n" +
		"--B\r\nContent-Disposition: form-data; name=\"f\"; filename=\"a.txt\"\r\nContent-Type: text/plain\r\n\r\nfile -- content\r\n--B--\r\n"
	return fmt.Sprintf("POST /up HTTP/1.1\r\nHost: h\r\nContent-Type: multipart/form-data; boundary=B\r\nContent-Length: %d\r\n\r\n%s", len(b), b)
}()

func TestSessions(t *testing.T) {
	want := map[string][]string{
		"plain":        {`GET /a 200 "" "hi" file(1 /a 2 CLOSED) 250/250`},
		"pipelined":    {`GET /a 200 "" "1" file(1 /a 1 CLOSED) 250/250`, `GET /b 200 "" "2" file(1 /b 1 CLOSED) 250/250`},
		"chunked":      {`GET /a 200 "" "abcde" file(1 /a 5 CLOSED) 250/250 response_chunk_extension`},
		"to close":     {`GET /a 200 "" "until the end" file(1 /a 13 CLOSED) 250/250`},
		"gzip":         {fmt.Sprintf(`GET /a 200 "" %q file(1 /a %d CLOSED) 250/250`, long, len(long))},
		"zlib":         {`GET /a 200 "" "deflated" file(1 /a 8 CLOSED) 250/250`},
		"raw deflate":  {`GET /a 200 "" "raw" file(1 /a 3 CLOSED) 250/250`},
		"two layers":   {`GET /a 200 "" "x2" file(1 /a 2 CLOSED) 250/250`},
		"no request":   {` /libhtp::request_uri_not_seen 200 "" "z" file(1 /libhtp::request_uri_not_seen 1 CLOSED) 250/250 unable_to_match_response_to_request`},
		"head":         {`HEAD / 200 "" "" 250/250`},
		"304":          {`GET /a 304 "" "" 250/250`},
		"continue":     {`POST /p 200 "abc" "" file(0 /p 3 CLOSED) 250/250`},
		"0.9":          {`GET /old 0 "" "old answer" file(1 /old 10 CLOSED) 250/250`},
		"folded":       {`GET /f 200 "" "" 250/250`},
		"put":          {`PUT /dir/up.txt 0 "file" "" file(0 /dir/up.txt 4 CLOSED) 250/0 request_line_x`},
		"multipart":    {fmt.Sprintf(`POST /up 0 %q "" file(0 a.txt 15 CLOSED) 250/0`, form[strings.Index(form, "\r\n\r\n")+4:])},
		"chunked post": {`POST /p 0 "wiki" "" file(0 /p 4 CLOSED) 250/0`},
		"disposition":  {`GET /a 200 "" "abc" file(1 eicar.txt 3 CLOSED) 250/250`},
		"junk status":  {`GET /a 0 "" "no status line at all, but text\nand more\n" file(1 /a 41 CLOSED) 250/250`},
		"repeated":     {`GET /r 0 "" "" 250/0 request_header_repetition`},
	}
	want["put"] = []string{`PUT /dir/up.txt 0 "file" "" file(0 /dir/up.txt 4 CLOSED) 250/0`}
	for name, pieces := range sessions() {
		t.Run(name, func(t *testing.T) {
			var expect []string
			for _, w := range want[name] {
				expect = append(expect, strings.TrimSpace(w))
			}
			if diff := cmp.Diff(expect, sum(play(t, app.Default(), pieces, nil))); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// TestSplit: bytes cut anywhere give the same transactions.
func TestSplit(t *testing.T) {
	for name, pieces := range sessions() {
		if name == "junk status" {
			continue // whether a line without status is all of the content depends on what is there
		}
		whole := sum(play(t, app.Default(), pieces, nil))
		for seed := range uint64(40) {
			r := rand.New(rand.NewPCG(seed, 1))
			cut := func(n int) int { return 1 + r.IntN(min(n, 1+int(seed)*7)) }
			if diff := cmp.Diff(whole, sum(play(t, app.Default(), pieces, cut))); diff != "" {
				t.Errorf("%s, seed %d: %s", name, seed, diff)
				break
			}
		}
	}
}

// FuzzHTTP feeds both directions in random pieces; nothing may panic, loop, or grow beyond its bound.
func FuzzHTTP(f *testing.F) {
	for _, pieces := range sessions() {
		var c, s string
		for _, p := range pieces {
			if p.dir == app.ToServer {
				c += p.data
			} else {
				s += p.data
			}
		}
		f.Add([]byte(c), []byte(s), uint64(1))
	}
	f.Fuzz(func(t *testing.T, client, server []byte, seed uint64) {
		r := rand.New(rand.NewPCG(seed, 2))
		var pieces []piece
		for len(client)+len(server) > 0 {
			dir, from := app.ToServer, &client
			if len(client) == 0 || len(server) > 0 && r.IntN(2) == 1 {
				dir, from = app.ToClient, &server
			}
			n := 1 + r.IntN(len(*from))
			pieces = append(pieces, piece{dir, string((*from)[:n])})
			*from = (*from)[n:]
		}
		p := play(t, app.Default(), pieces, nil)
		for d := range p.sides {
			if n := len(p.sides[d].carry); n > 2*fieldLimit+len(client)+len(server) {
				t.Fatalf("carry of %d bytes", n)
			}
		}
		for _, a := range p.txs.Open {
			tx := a.Data.(*Transaction)
			for _, dir := range []app.Direction{app.ToServer, app.ToClient} {
				tx.HeaderBuffer(dir)
				tx.HeaderNames(dir)
				tx.Start(dir)
				if n := len(tx.Message(dir).Body.Data); n > 100<<10 {
					t.Fatalf("body of %d bytes kept", n)
				}
			}
			tx.URI()
		}
	})
}

func testConfig() *app.Config { return app.Default() }

// TestAllocs bounds what a plain transaction costs.
func TestAllocs(t *testing.T) {
	c := app.Default()
	request := []byte("GET /index.html?a=1 HTTP/1.1\r\nHost: www.example.com\r\nUser-Agent: test\r\nAccept: */*\r\n\r\n")
	answer := []byte("HTTP/1.1 200 OK\r\nServer: x\r\nContent-Type: text/html\r\nContent-Length: 5\r\n\r\nhello")
	p := newParser(c)
	n := testing.AllocsPerRun(200, func() {
		p.Parse(app.ToServer, request, false)
		p.Parse(app.ToClient, answer, false)
		for _, a := range p.txs.Open {
			a.Finished = true
		}
		p.txs.Drop()
	})
	if n > 40 {
		t.Errorf("%.0f allocations for a transaction", n)
	}
	t.Logf("%.0f allocations for a transaction", n)
}

func BenchmarkTransaction(b *testing.B) {
	request := []byte("GET /index.html?a=1 HTTP/1.1\r\nHost: www.example.com\r\nUser-Agent: test\r\nAccept: */*\r\n\r\n")
	answer := []byte("HTTP/1.1 200 OK\r\nServer: x\r\nContent-Type: text/html\r\nContent-Length: 5\r\n\r\nhello")
	p := newParser(app.Default())
	b.ReportAllocs()
	for b.Loop() {
		p.Parse(app.ToServer, request, false)
		p.Parse(app.ToClient, answer, false)
		for _, a := range p.txs.Open {
			a.Finished = true
		}
		p.txs.Drop()
	}
}
