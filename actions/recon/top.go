package recon

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"picket/actions/measure"
	"picket/actions/procfs"
	"picket/incidents"
)

const (
	ticksPerSecond = 100 // USER_HZ: the same on every Linux
	topRows        = 40
)

// top lists the processes that used most CPU time within a second.
func top(ctx context.Context, _ *measure.Order) (string, []incidents.Evidence, error) {
	before := map[int]uint64{}
	for _, u := range procfs.All() {
		before[u.PID] = u.Ticks
	}
	start := time.Now()
	select {
	case <-ctx.Done():
		return "", nil, ctx.Err()
	case <-time.After(time.Second):
	}
	took := time.Since(start).Seconds()
	list := procfs.All()
	used := func(u procfs.Process) float64 {
		return float64(u.Ticks-min(before[u.PID], u.Ticks)) / ticksPerSecond / took * 100
	}
	slices.SortFunc(list, func(a, b procfs.Process) int { return cmp.Or(cmp.Compare(used(b), used(a)), cmp.Compare(b.RSS, a.RSS)) })
	load, _ := os.ReadFile("/proc/loadavg")
	return table(fmt.Sprintf("%d processes, load %s", len(list), load), "PID\tCPU %\tRSS MiB\tTHREADS\tCOMMAND", list[:min(len(list), topRows)], func(u procfs.Process) string {
		return fmt.Sprintf("%d\t%.1f\t%.1f\t%d\t%s", u.PID, used(u), float64(u.RSS*int64(os.Getpagesize()))/(1<<20), u.Threads, commandLine(u.PID, u.Comm))
	}), nil, nil
}

func table[T any](title, head string, rows []T, row func(T) string) string {
	var out strings.Builder
	fmt.Fprintln(&out, strings.TrimSpace(title))
	w := tabwriter.NewWriter(&out, 0, 8, 2, ' ', 0)
	fmt.Fprintln(w, head)
	for _, r := range rows {
		fmt.Fprintln(w, row(r))
	}
	w.Flush()
	return out.String()
}

// commandLine is a process's arguments for people, its name in brackets when it has none.
func commandLine(pid int, comm string) string {
	if line := procfs.Command(pid, 200); line != "" {
		return procfs.Printable(line)
	}
	return "[" + procfs.Printable(comm) + "]"
}
