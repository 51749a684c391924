package main

import (
	"fmt"
	"regexp"
	"time"
)

var loadedLine = regexp.MustCompile(`(?m)^rules +(\d+) of (\d+) loaded in (\S+),`)

// loadRules checks ET Open: what it costs to read and compile all rules, from nothing, and how many there are.
func loadRules(t *trial) {
	rules := t.ruleFile()
	run := median(3, func() outcome { return t.picket("check", "-S", rules) }, func(o outcome) time.Duration { return o.cpu })
	m := loadedLine.FindStringSubmatch(run.out)
	if m == nil {
		t.Fatalf("picket check said nothing about rules:\n%s", run.out)
	}
	t.row("rules of ET Open in force", "%s of %s", m[1], m[2])
	t.row("time to load them", "%s", m[3])
	t.ratio("CPU to load them", fmt.Sprintf("%.2f s", run.cpu.Seconds()),
		fmt.Sprintf("Suricata: %.0f s", suricataLoad.Seconds()), suricataLoad.Seconds()/run.cpu.Seconds())
	t.ratio("largest resident size", size(run.memory), "Suricata: "+size(suricataMemory), float64(suricataMemory)/float64(run.memory))
}
