package main

import (
	"fmt"
	"time"

	"picket/capture/nstest"
)

// traffic is what one way of crossing the gateway gave.
type traffic struct {
	bulk, flood float64 // bits/s, packets/s
	trip        time.Duration
}

// inlineThroughput sends traffic through a gateway without a queue, then with picket inline: without rules (the
// queue's own cost), with ET Open, and with ET Open where finished flows leave the queue. One queue, one worker.
func inlineThroughput(t *trial) {
	g := nstest.NewGateway(t)
	plain := t.cross(g, nil)
	t.row("gateway without a queue", "%.2f Gbit/s, %.0f packets/s of %d bytes, p50 %s",
		plain.bulk/1e9, plain.flood, smallBytes, plain.trip.Round(100*time.Nanosecond))
	for _, way := range []struct{ name, files, offload string }{
		{"no rules", "", "no"},
		{"ET Open", t.ruleFile(), "no"},
		{"ET Open, offload", t.ruleFile(), "yes"},
	} {
		s := t.station(g.GW, t.folder(), fmt.Sprintf("signatures: {files: [%s], library: no}\n"+
			"capture: {inline: {enabled: yes, hooks: [forward], queues: 1, fail-open: no, offload: %s}}\n", way.files, way.offload))
		t.inlineRows(way.name, plain, t.cross(g, s), s)
		s.stop()
	}
}

// cross runs the three loads and, with a station, tells what each packet cost it.
func (t *trial) cross(g *nstest.Gateway, s *station) (r traffic) {
	costs := t.cost(s, "bulk TCP", func() { r.bulk = bulk(t, g) })
	costs += t.cost(s, "small UDP", func() { r.flood = flood(t, g) })
	r.trip = roundTrip(t, g)
	if s != nil {
		t.note("%s", costs)
	}
	return r
}

// cost is the CPU time of picket for each packet that it saw while f ran.
func (t *trial) cost(s *station, what string, f func()) string {
	if s == nil {
		f()
		return ""
	}
	packets, cpu := s.packets(), s.cpu()
	f()
	packets, cpu = s.packets()-packets, s.cpu()-cpu
	return fmt.Sprintf("%s: picket judged %d packets in %.2f CPU s, %.2f µs each; ",
		what, packets, cpu.Seconds(), float64(cpu.Microseconds())/float64(max(packets, 1)))
}

func (t *trial) inlineRows(name string, plain, with traffic, s *station) {
	last := len(t.notes) - 1
	t.notes[last] = name + ": " + t.notes[last] + size(s.resident())
	t.ratio("inline, "+name+": bulk TCP", fmt.Sprintf("%.2f Gbit/s", with.bulk/1e9),
		fmt.Sprintf("no queue: %.2f Gbit/s", plain.bulk/1e9), with.bulk/plain.bulk)
	t.ratio("inline, "+name+": small UDP", fmt.Sprintf("%.0f packets/s", with.flood),
		fmt.Sprintf("no queue: %.0f packets/s", plain.flood), with.flood/plain.flood)
	t.ratio("inline, "+name+": round trip p50", with.trip.Round(100*time.Nanosecond).String(),
		"no queue: "+plain.trip.Round(100*time.Nanosecond).String(), float64(plain.trip)/float64(with.trip))
}
