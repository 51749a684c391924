package smtp

import (
	"bytes"
	"encoding/base64"
	"strings"
	"testing"

	"picket/traffic/app"
)

const mail = "EHLO client.example\r\nMAIL FROM:<a@example.org> SIZE=1\r\nRCPT TO:<b@example.org>\r\nDATA\r\n" +
	"From: A <a@example.org>\r\nTo: b@example.org,\r\n c@example.org\r\nSubject: hi\r\n" +
	"Content-Type: multipart/mixed; boundary=\"xx\"\r\n\r\npreamble\r\n" +
	"--xx\r\nContent-Type: text/plain\r\n\r\nhello\r\n..dot\r\n" +
	"--xx\r\nContent-Disposition: attachment; filename=\"a.bin\"\r\nContent-Transfer-Encoding: base64\r\n\r\naGVs\r\nbG8gd29y\r\nbGQ=\r\n" +
	"--xx\r\nContent-Type: text/plain; name=q.txt\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\none=20t=\r\nwo\r\nthree\r\n" +
	"--xx--\r\n.\r\nQUIT\r\n"

func feed(p app.Parser, dir app.Direction, b []byte, step int) app.Result {
	used := 0
	var last app.Result
	for end := 0; end < len(b); {
		end = min(end+step, len(b))
		last = p.Parse(dir, b[used:end], false)
		used += last.Consumed
		if last.Err != nil || last.Upgrade != 0 {
			break
		}
	}
	return last
}

// deliver sends a mail as a client does that waits for the answer to DATA.
func deliver(p app.Parser, mail string, step int) {
	envelope, content, _ := strings.Cut(mail, "DATA\r\n")
	feed(p, app.ToServer, []byte(envelope), step)
	for range strings.Count(envelope, "\r\n") {
		feed(p, app.ToClient, []byte("250 ok\r\n"), step)
	}
	feed(p, app.ToServer, []byte("DATA\r\n"), step)
	feed(p, app.ToClient, []byte("354 go on\r\n"), step)
	feed(p, app.ToServer, []byte(content), step)
}

func TestMail(t *testing.T) {
	for _, step := range []int{1, 3, 17, 10000} {
		p := newParser(nil).(*parser)
		feed(p, app.ToClient, []byte("220 mx.example ESMTP\r\n"), step)
		deliver(p, mail, step)
		tx := p.Transactions().Open[0]
		m := tx.Data.(*Mail)
		if string(m.Helo) != "client.example" || string(m.From) != "<a@example.org>" || len(m.To) != 1 || !m.Closed {
			t.Errorf("envelope %q %q %q", m.Helo, m.From, m.To)
		}
		if got := string(m.Get("to")); got != "b@example.org, c@example.org" {
			t.Errorf("To %q", got)
		}
		var got []string
		for _, f := range tx.Files[app.ToServer] {
			got = append(got, string(f.Name)+"="+string(f.Data)+" "+f.State.String())
		}
		if s := strings.Join(got, "|"); s != "a.bin=hello world CLOSED|q.txt=one two\r\nthree CLOSED" {
			t.Errorf("in pieces of %d: files %q", step, s)
		}
		if len(tx.Events) > 0 {
			t.Errorf("events %v", tx.Events)
		}
	}
}

func TestStartTLS(t *testing.T) {
	for reply, want := range map[string]app.Proto{"220 go ahead\r\n": app.TLS, "454 no\r\n": app.Unknown} {
		p := newParser(nil)
		feed(p, app.ToClient, []byte("220 mx.example ESMTP\r\n"), 100)
		feed(p, app.ToServer, []byte("EHLO a\r\n"), 100)
		feed(p, app.ToClient, []byte("250-mx\r\n250 STARTTLS\r\n"), 100)
		feed(p, app.ToServer, []byte("STARTTLS\r\n"), 100)
		if r := feed(p, app.ToClient, []byte(reply), 100); r.Upgrade != want {
			t.Errorf("%q: %v", reply, r.Upgrade)
		}
	}
}

// The events of a mail and its answers, as the rules in Suricata's smtp-events.rules expect them.
func TestEvents(t *testing.T) {
	long := strings.Repeat("a", 300)
	header := func(h string) string { return "EHLO a\r\nDATA\r\n" + h + "\r\n\r\nx\r\n.\r\n" }
	for _, tc := range []struct{ name, client, server, want string }{
		{"nothing odd", header("Subject: a"), "", ""},
		{"header name", header(long[:76] + ": a"), "", EventLongHeaderName},
		{"header value", header("A: " + strings.Repeat("a", 2001)), "", EventLongLine + " " + EventLongHeaderValue},
		{"boundary", header("Content-Type: multipart/mixed; boundary=" + long), "", EventLongBoundary},
		{"file name", header("Content-Disposition: attachment; filename=" + long), "", EventLongFilename},
		{"encoded line", header("Content-Transfer-Encoding: base64\r\n\r\n" + strings.Repeat("QUFB", 20)), "", EventLongEncoded},
		{"base64", header("Content-Transfer-Encoding: base64\r\n\r\nQU*B"), "", EventInvalidBase64},
		{"quoted", header("Content-Transfer-Encoding: quoted-printable\r\n\r\n=ZZ"), "", EventInvalidQP},
		{"two senders", "EHLO a\r\nMAIL FROM:<a@b>\r\nMAIL FROM:<c@d>\r\nDATA\r\n", "", EventDuplicate},
		{"rejected", "EHLO a\r\nDATA\r\n", "554 no\r\n", EventDataRejected},
		{"unknown code", "EHLO a\r\nDATA\r\n", "472 no\r\n", EventInvalidReply},
		{"pipelined", "EHLO a\r\nDATA\r\nQUIT\r\n", "451 no\r\n", EventPipelined + " " + EventDataRejected},
		{"long command", "EHLO a\r\nVRFY " + strings.Repeat("a", maxLine) + "\r\nDATA\r\n", "", EventTruncatedLine},
	} {
		for _, step := range []int{1, 1000000} {
			p := newParser(nil).(*parser)
			feed(p, app.ToClient, []byte("220 mx\r\n"), step)
			if tc.server == "" {
				deliver(p, tc.client, step)
			} else {
				feed(p, app.ToServer, []byte(tc.client), step)
				feed(p, app.ToClient, []byte("250 ok\r\n"+tc.server), step)
			}
			if got := strings.Join(p.Transactions().Open[0].Events, " "); got != tc.want {
				t.Errorf("%s, in pieces of %d: %q, want %q", tc.name, step, got, tc.want)
			}
		}
	}
}

func TestURLs(t *testing.T) {
	text := "see HTTP://a.example/x?y and <http://b.example> or\r\nhttps://c.example\r\n"
	encoded := base64.StdEncoding.EncodeToString([]byte(text))
	for _, tc := range []struct {
		name, content, want string
		set                 map[string]string
	}{
		{"plain", "\r\n" + text, "a.example/x?y b.example", nil},
		{"base64", "Content-Type: text/plain\r\nContent-Transfer-Encoding: base64\r\n\r\n" + encoded[:20] + "\r\n" + encoded[20:] + "\r\n",
			"a.example/x?y b.example", nil},
		{"schemes", "\r\n" + text, "https://c.example",
			map[string]string{"smtp.mime.extract-urls-schemes.0": "https", "smtp.mime.log-url-scheme": "yes"}},
		{"off", "\r\n" + text, "", map[string]string{"smtp.mime.extract-urls": "no"}},
	} {
		cfg := app.Default()
		cfg.Settings = tc.set
		p := newParser(cfg).(*parser)
		feed(p, app.ToServer, []byte("DATA\r\n"+tc.content+".\r\n"), 3)
		m := p.Transactions().Open[0].Data.(*Mail)
		if got := string(bytes.Join(m.URLs, []byte(" "))); got != tc.want {
			t.Errorf("%s: %q, want %q", tc.name, got, tc.want)
		}
	}
}

func TestParameter(t *testing.T) {
	for in, want := range map[string]string{
		`attachment; filename=a.txt`: "a.txt", `attachment; filename="a;b\" c"; x=y`: `a;b\" c`,
		`attachment; x=1; FileName = "a"`: "a", `attachment; filename*0=ab; filename*1="cd"`: "abcd", "attachment": "",
	} {
		if got := parameter([]byte(in), "filename"); string(got) != want {
			t.Errorf("%s: %q, want %q", in, got, want)
		}
	}
}

func TestBDAT(t *testing.T) {
	p := newParser(nil).(*parser)
	feed(p, app.ToServer, []byte("EHLO a\r\nBDAT 12\r\nSubject: a\r\nBDAT 4 LAST\r\n\r\n.\nQUIT\r\n"), 5)
	m := p.Transactions().Open[0].Data.(*Mail)
	if string(m.Get("subject")) != "a" || !m.Closed {
		t.Errorf("%+v", m)
	}
}

func TestProbe(t *testing.T) {
	for in, want := range map[string]app.Answer{"220 mx.example ESMTP\r\n": app.Yes, "220 (vsFTPd)\r\n": app.No, "22": app.More, "HTTP/1.1": app.No} {
		if got := probe(app.ToClient, []byte(in)); got != want {
			t.Errorf("%q: %v", in, got)
		}
	}
}

func FuzzSMTP(f *testing.F) {
	f.Add([]byte(mail))
	f.Add([]byte("EHLO a\r\nBDAT 12\r\nSubject: a\r\nBDAT 4 LAST\r\n\r\n.\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		a, b := newParser(nil).(*parser), newParser(nil).(*parser)
		feed(a, app.ToServer, data, len(data)+1)
		feed(b, app.ToServer, data, 7)
		if a.Transactions().Count() != b.Transactions().Count() {
			t.Fatalf("%d and %d mails", a.Transactions().Count(), b.Transactions().Count())
		}
		for i, tx := range a.Transactions().Open {
			if other := b.Transactions().Open[i]; len(tx.Files[0]) != len(other.Files[0]) {
				t.Fatalf("%d and %d files", len(tx.Files[0]), len(other.Files[0]))
			}
		}
		feed(a, app.ToClient, data, 5)
	})
}
