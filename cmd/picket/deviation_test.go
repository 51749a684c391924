package main

import (
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"picket/capture/nstest"
)

// TestDeviation: another program deletes what a measure has made. It is made again, counted, and an incident.
func TestDeviation(t *testing.T) {
	t.Parallel()
	g := nstest.NewGateway(t)
	s := prepare(t, g, "capture: {passive: {interfaces: [toa]}}\nmeasures: {prove-interval: 1s}\n")
	s.start()
	s.must("measures", "run", "ratelimit", "--arg", "address=198.51.100.9", "--arg", "rate=10/second")
	stands := func() bool {
		var err error
		g.GW.Do(t, func() { err = exec.Command("nft", "list", "table", "inet", "picket_m1").Run() })
		return err == nil
	}
	if !stands() {
		t.Fatalf("no table of the measure:\n%s", s.kernel("list", "ruleset"))
	}
	s.kernel("delete", "table", "inet", "picket_m1")
	s.until("the deviation is counted", func() bool { return strings.Contains(s.must("status"), "1 deviation") })
	if !stands() {
		t.Error("the table was not made again")
	}
	s.until("the deviation is an incident", func() bool { return strings.Contains(s.must("incidents"), "a measure has lost its effect") })
	s.must("lift", "1")
	if stands() {
		t.Error("the table stands after lifting")
	}
	s.stop(syscall.SIGTERM)
}
