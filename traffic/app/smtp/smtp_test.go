package smtp

import (
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

func TestMail(t *testing.T) {
	for _, step := range []int{1, 3, 17, 10000} {
		p := newParser(nil).(*parser)
		feed(p, app.ToClient, []byte("220 mx.example ESMTP\r\n"), step)
		feed(p, app.ToServer, []byte(mail), step)
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
