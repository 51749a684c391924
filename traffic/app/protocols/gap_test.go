package protocols

import (
	"testing"

	"picket/traffic/app"
)

// A query that was lost on the way costs that query only.
func TestDNSGoesOnAfterAGap(t *testing.T) {
	query := []byte("\x00\x13\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x01a\x00\x00\x01\x00\x01")
	query[1] = byte(len(query) - 2)
	l := app.NewLayer(app.Default(), All())
	var c app.Conn
	ep := app.Endpoint{Client: 40000, Server: 53, Time: 1}
	l.Stream(&c, ep, app.ToServer, query, false)
	if !l.Gap(&c, ep, app.ToServer, 34) {
		t.Fatal("the parser can't go on after a gap")
	}
	l.Stream(&c, ep, app.ToServer, query, false)
	if n := len(c.Parser.Transactions().Open); n != 2 || c.Proto != app.DNS {
		t.Errorf("%v: %d transactions", c.Proto, n)
	}
}
