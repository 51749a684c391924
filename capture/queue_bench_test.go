package capture

import (
	"io"
	"net"
	"testing"

	"picket/capture/nstest"
)

// BenchmarkInline sends TCP over the gateway with a bare worker, that accepts all, in the way or not. Compare the
// columns of one run; the machine's load moves them all.
//
//	go test ./capture -run '^$' -bench Inline -count 6 | benchstat -col /way -
func BenchmarkInline(b *testing.B) {
	b.Run("way=none", func(b *testing.B) {
		benchmarkTCP(b, nstest.NewGateway(b))
	})
	b.Run("way=queue", func(b *testing.B) {
		benchmarkInline(b, QueueOptions{}, QueueRules{})
	})
	b.Run("way=queue-gso", func(b *testing.B) {
		benchmarkInline(b, QueueOptions{GSO: true}, QueueRules{})
	})
	b.Run("way=offload", func(b *testing.B) {
		benchmarkInline(b, QueueOptions{GSO: true, Mark: testMark}, QueueRules{Offload: testMark})
	})
}

func benchmarkInline(b *testing.B, q QueueOptions, r QueueRules) {
	q.Num, r.Num = 30, 30
	in := startInline(b, q, r, func(f *Frame) { f.Mark = r.Offload != 0 })
	benchmarkTCP(b, in.net)
	in.end()
	b.ReportMetric(float64(in.seen())/float64(b.N), "queued/op")
}

// benchmarkTCP sends one mebibyte for each round from a to b.
func benchmarkTCP(b *testing.B, g *nstest.Gateway) {
	l := g.B.Listen(b, "tcp", net.JoinHostPort(nstest.B4, "0"))
	got := make(chan int64)
	go func() {
		c, err := l.Accept()
		if err != nil {
			return
		}
		n, _ := io.Copy(io.Discard, c)
		c.Close()
		got <- n
	}()
	c, err := g.A.Dial(b, "tcp", l.Addr().String())
	if err != nil {
		b.Fatal(err)
	}
	chunk := make([]byte, 1<<20)
	b.SetBytes(int64(len(chunk)))
	b.ResetTimer()
	for range b.N {
		if _, err := c.Write(chunk); err != nil {
			b.Fatal(err)
		}
	}
	c.Close()
	if n := <-got; n != int64(len(chunk))*int64(b.N) {
		b.Errorf("%d bytes arrived", n)
	}
	b.StopTimer()
}
