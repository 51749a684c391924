package main

import (
	"errors"
	"io"
	"math/rand/v2"
	"os"
	"slices"
	"sync/atomic"
	"time"

	"picket/capture/nstest"
)

// Three loads between the hosts of a gateway network, each for a short fixed time. Both ends live in this process:
// what they cost is the same with picket and without.

const (
	bulkTime   = 3 * time.Second
	floodTime  = 2 * time.Second
	rounds     = 2000
	smallBytes = 64
)

// noise is what encrypted traffic looks like, the same in every run. Long runs of one byte would be a worst case of
// every literal matcher instead.
func noise(n int) []byte {
	b := make([]byte, n)
	_, _ = rand.NewChaCha8([32]byte{1}).Read(b) // never fails
	return b
}

// bulk sends as much over one TCP connection as passes, and returns bits a second at the receiver.
func bulk(t *trial, g *nstest.Gateway) float64 {
	l := g.B.Listen(t, "tcp", nstest.B4+":5001")
	defer l.Close()
	received := make(chan int64, 1)
	go func() {
		c, err := l.Accept()
		if err != nil {
			received <- 0
			return
		}
		defer c.Close()
		n, _ := io.CopyBuffer(struct{ io.Writer }{io.Discard}, struct{ io.Reader }{c}, make([]byte, 256<<10))
		received <- n
	}()
	c, err := g.A.Dial(t, "tcp", nstest.B4+":5001")
	t.must(err)
	start := time.Now()
	t.must(c.SetDeadline(start.Add(bulkTime)))
	block := noise(256 << 10)
	for err == nil {
		_, err = c.Write(block)
	}
	if !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Fatal("bulk transfer: ", err)
	}
	c.Close()
	n := <-received
	return float64(n) * 8 / time.Since(start).Seconds()
}

// flood sends small UDP packets as fast as one core can, and returns packets a second at the receiver.
func flood(t *trial, g *nstest.Gateway) float64 {
	sink := g.B.ListenPacket(t, "udp", nstest.B4+":5002")
	defer sink.Close()
	var received atomic.Int64
	go func() {
		buf := make([]byte, smallBytes)
		for {
			if _, _, err := sink.ReadFrom(buf); err != nil {
				return
			}
			received.Add(1)
		}
	}()
	c, err := g.A.Dial(t, "udp", nstest.B4+":5002")
	t.must(err)
	defer c.Close()
	start := time.Now()
	for packet := noise(smallBytes); time.Since(start) < floodTime; {
		_, _ = c.Write(packet)
	}
	return float64(received.Load()) / time.Since(start).Seconds()
}

// roundTrip sends one small UDP packet at a time and returns the median time until its echo is back.
func roundTrip(t *trial, g *nstest.Gateway) time.Duration {
	echo := g.B.ListenPacket(t, "udp", nstest.B4+":5003")
	defer echo.Close()
	go func() {
		buf := make([]byte, smallBytes)
		for {
			n, from, err := echo.ReadFrom(buf)
			if err != nil {
				return
			}
			_, _ = echo.WriteTo(buf[:n], from)
		}
	}()
	c, err := g.A.Dial(t, "udp", nstest.B4+":5003")
	t.must(err)
	defer c.Close()
	times := make([]time.Duration, rounds)
	buf := make([]byte, smallBytes)
	for i := range times {
		start := time.Now()
		t.must(c.SetDeadline(start.Add(time.Second)))
		_, err := c.Write(buf)
		t.must(err)
		if _, err = c.Read(buf); err != nil {
			t.Fatal("round trip: ", err)
		}
		times[i] = time.Since(start)
	}
	slices.Sort(times)
	return times[rounds/2]
}
