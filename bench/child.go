package main

import (
	"bytes"
	"fmt"
	"os/exec"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// outcome is what one run of picket said and cost.
type outcome struct {
	out    string
	cpu    time.Duration // user and system, of all its threads
	memory uint64        // largest resident size, bytes
}

// picket runs the program to its end.
func (t *trial) picket(args ...string) outcome {
	var out bytes.Buffer
	c := exec.CommandContext(t.ctx, t.program, args...)
	c.Stdout, c.Stderr = &out, &out
	t.must(c.Start())
	ended, peak := make(chan struct{}), make(chan uint64)
	go func() { peak <- largest(c.Process.Pid, ended) }()
	err := c.Wait()
	close(ended)
	memory := <-peak
	if err != nil {
		t.Fatalf("picket %v: %v\n%s", args, err, out.Bytes())
	}
	return outcome{out.String(), c.ProcessState.UserTime() + c.ProcessState.SystemTime(), memory}
}

// largest asks for a process's largest resident size until it has ended. What wait4 tells is of no use: it counts what
// this process holds when it starts another.
func largest(pid int, ended <-chan struct{}) (bytes uint64) {
	ticks := time.NewTicker(10 * time.Millisecond)
	defer ticks.Stop()
	for {
		kb := firstLine(fmt.Sprintf("/proc/%d/status", pid), "VmHWM")
		n, _ := strconv.ParseUint(strings.TrimSuffix(kb, " kB"), 10, 64)
		bytes = max(bytes, n<<10)
		select {
		case <-ended:
			return bytes
		case <-ticks.C:
		}
	}
}

var packetLine = regexp.MustCompile(`(?m)^packets +(\d+) \((\d+) bytes\) in (\S+)$`)

// packets reads the summary of picket read: packet time is without the loading of rules.
func (o outcome) packets(t *trial) (packets, bytes float64, took time.Duration) {
	m := packetLine.FindStringSubmatch(o.out)
	if m == nil {
		t.Fatalf("picket read said nothing about packets:\n%s", o.out)
	}
	packets, _ = strconv.ParseFloat(m[1], 64)
	bytes, _ = strconv.ParseFloat(m[2], 64)
	took, err := time.ParseDuration(m[3])
	t.must(err)
	return packets, bytes, took
}

// median runs f n times and returns the outcome whose cost is in the middle.
func median[T any](n int, f func() T, cost func(T) time.Duration) T {
	runs := make([]T, n)
	for i := range runs {
		runs[i] = f()
	}
	slices.SortFunc(runs, func(a, b T) int { return int(cost(a) - cost(b)) })
	return runs[n/2]
}
