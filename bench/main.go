package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"
)

// measurements is all of make bench, in order.
var measurements = []measurement{
	{"read", readCapture},
	{"agreement", agreement},
	{"load", loadRules},
	{"attacks", webAttacks},
	{"inline", inlineThroughput},
	{"ban", matchToBan},
	{"bans", manyBans},
	{"policies", policiesToBans},
	{"logs", judgeLogs},
	{"log bans", banBurst},
}

// allowed is the time for everything; a measurement that hangs ends with it.
const allowed = 10 * time.Minute

// measurement is one line of the list: what it does stands above its function.
type measurement struct {
	name string
	run  func(*trial)
}

func main() {
	only := flag.String("only", "", "one measurement, by its `NAME`; nothing is written to bench/results")
	program := flag.String("picket", "", "measure this `BINARY` instead of one built from the tree")
	flag.Parse()
	if err := bench(*only, *program); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func bench(only, program string) error {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	ctx, cancel := context.WithTimeout(ctx, allowed)
	defer cancel()
	l, err := newLab(ctx, program)
	if err != nil {
		return err
	}
	defer l.close()
	r := report{lab: l, start: time.Now()}
	r.head(os.Stdout)
	for _, m := range measurements {
		if only != "" && only != m.name || ctx.Err() != nil {
			continue
		}
		t := l.measure(m)
		t.print(os.Stdout)
		r.trials = append(r.trials, t)
	}
	if only != "" || program != "" || ctx.Err() != nil {
		return ctx.Err()
	}
	return r.save()
}
