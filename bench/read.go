package main

import (
	"fmt"
	"time"
)

// pass is one reading of the mixed capture.
type pass struct {
	name string
	args []string
}

// alertsOnly keeps every record but alerts out of eve.json, as Suricata's figure was taken.
var alertsOnly = []string{"--set", "outputs.0.eve-log.types.0=alert"}

// readCapture takes the mixed capture through picket read: packet time, without the loading of rules. Each way is
// run three times and the median is told. The CPU time is that of the whole process, loading included.
func readCapture(t *trial) {
	rules := []string{"-S", t.ruleFile()}
	passes := []pass{
		{"no rules, no records", append([]string{"--disable-detection"}, alertsOnly...)},
		{"ET Open, alerts only", append(rules, alertsOnly...)},
		{"ET Open, all of EVE", rules},
		{"ET Open, alerts only, 2 workers", append(append(rules, alertsOnly...), "--workers", "2")},
	}
	for _, p := range passes {
		run := median(3, func() outcome { return t.readMixed(p.args) }, func(o outcome) time.Duration {
			_, _, took := o.packets(t)
			return took
		})
		t.readRows(p.name, run)
	}
}

// readMixed reads the mixed capture as Suricata's reference was made: without checking checksums.
func (t *trial) readMixed(args []string) outcome {
	return t.picket(append([]string{"read", "-r", t.input(mixedCapture), "-l", t.folder(), "-k", "none"}, args...)...)
}

func (t *trial) readRows(name string, o outcome) {
	packets, bytes, took := o.packets(t)
	s := took.Seconds()
	value := fmt.Sprintf("%.0f packets/s, %.2f Gbit/s, %.2f µs/packet (%s; process %.2f CPU s, %s)",
		packets/s, bytes*8/s/1e9, s*1e6/packets, took.Round(time.Millisecond), o.cpu.Seconds(), size(o.memory))
	if name == "no rules, no records" {
		t.row("read, "+name, "%s", value)
		return
	}
	t.ratio("read, "+name, value, fmt.Sprintf("Suricata, alerts only: %s", suricataAlertsOnly), suricataAlertsOnly.Seconds()/s)
}
