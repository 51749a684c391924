package pop3

import (
	"testing"

	"picket/traffic/app"
	"picket/traffic/app/apptest"
)

// talk is what the two sides say by turns, the server first.
func talk() []string {
	return []string{"+OK ready\r\n", "CAPA\r\n", "+OK list\r\nUSER\r\nTOP\r\n.\r\n", "AUTH XOAUTH2\r\n", "+ \r\n", "dXNlcg==\r\n", "+OK Welcome.\r\n",
		"LIST 1\r\nUSER\r\n", "+OK 1 120\r\n-ERR what\r\n", "QUIT\r\n"}
}

func TestTalk(t *testing.T) {
	for _, step := range []int{1, 3, 100} {
		p := &parser{}
		for i, text := range talk() {
			if err := apptest.Feed(p, app.Direction(1-i%2), []byte(text), step); err != nil {
				t.Fatal(err)
			}
		}
		if open, _ := apptest.Count(p); open != 7 {
			t.Fatalf("step %d: %d transactions", step, open)
		}
		of := func(i int) *Transaction { return p.txs.Open[i].Data.(*Transaction) }
		if of(0).Command != "" || string(of(0).Header) != "ready" || len(of(1).Data) != 2 || !of(2).OK || len(of(2).Header) != 0 {
			t.Errorf("%+v %+v %+v", of(0), of(1), of(2))
		}
		if of(3).Command != SASLData || string(of(3).Header) != "Welcome." || of(5).OK || of(6).Replied {
			t.Errorf("%+v %+v %+v", of(3), of(5), of(6))
		}
		if e := apptest.Events(p); len(e) != 1 || e[0] != EventArguments {
			t.Error(e)
		}
	}
}

func FuzzPOP3(f *testing.F) {
	f.Add([]byte("USER a\r\nPASS b\r\nLIST\r\nRETR 1\r\n"), []byte("+OK\r\n-ERR\r\n+OK\r\n1\r\n.\r\n"))
	f.Fuzz(func(t *testing.T, client, server []byte) {
		a, b := &parser{}, &parser{}
		e1, e2 := apptest.Feed(a, app.ToServer, client, len(client)+1), apptest.Feed(b, app.ToServer, client, 3)
		f1, f2 := apptest.Feed(a, app.ToClient, server, len(server)+1), apptest.Feed(b, app.ToClient, server, 3)
		_, n1 := apptest.Count(a)
		_, n2 := apptest.Count(b)
		if (e1 == nil) != (e2 == nil) || (f1 == nil) != (f2 == nil) || len(client) < maxLine && len(server) < maxLine && n1 != n2 {
			t.Fatalf("%v %v, %d %d", e1, e2, n1, n2)
		}
	})
}
