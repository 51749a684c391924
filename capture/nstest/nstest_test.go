package nstest

import (
	"net"
	"testing"
)

// TestGateway sends bytes from a to b and back, IPv4 and IPv6.
func TestGateway(t *testing.T) {
	g := NewGateway(t)
	for _, addr := range []string{B4, B6} {
		l := g.B.Listen(t, "tcp", net.JoinHostPort(addr, "7"))
		go Echo(l)
		c, err := g.A.Dial(t, "tcp", l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		b := []byte("hello")
		if _, err := c.Write(b); err != nil {
			t.Fatal(err)
		}
		if n, err := c.Read(b); err != nil || string(b[:n]) != "hello" {
			t.Fatal(n, err)
		}
	}
}
