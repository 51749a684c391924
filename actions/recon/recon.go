package recon

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"strconv"

	"picket/actions/measure"
	"picket/incidents"
)

// look is one kind of measure that only looks.
type look struct {
	about string
	able  func() error
	// check reads the arguments and says what would be done.
	check func(o *measure.Order) (target, step string, err error)
	run   func(ctx context.Context, o *measure.Order) (text string, evidence []incidents.Evidence, err error)
}

var _ measure.Doer = (*look)(nil)

// Doers are all measures of this package by name. Captures are kept in dir.
func Doers(dir string) measure.Doers {
	return measure.Doers{
		"top":        &look{about: "list the processes that use most CPU and memory", check: nothing("read /proc for one second"), run: top},
		"sockets":    &look{about: "list sockets with their processes", check: nothing("read /proc/net and /proc/*/fd"), run: sockets},
		"disk":       &look{about: "list file systems, their space and inodes", check: nothing("read the mounted file systems"), run: disk},
		"logins":     &look{about: "list who is logged in, the last logins and the last failures", check: nothing("read the records of logins that this host keeps: utmp, wtmp and btmp, logind, wtmpdb, lastlog2"), run: loginRecords},
		"ping":       &look{about: "ping a host", able: icmpAble, check: peerCheck("ping"), run: ping},
		"traceroute": &look{about: "find the way to a host", able: icmpAble, check: peerCheck("trace the way to"), run: traceroute},
		"trace":      &look{about: "trace a process", check: traceCheck, run: trace},
		"capture":    &look{about: "capture packets to a file", check: captureCheck, run: (&recorder{dir}).run},
	}
}

// About is what the measure does, in a few words.
func (l *look) About() string { return l.about }

// Able implements measure.Doer.
func (l *look) Able() error {
	if l.able == nil {
		return nil
	}
	return l.able()
}

// Plan implements measure.Doer.
func (l *look) Plan(_ context.Context, o *measure.Order) (measure.Plan, error) {
	target, step, err := l.check(o)
	return measure.Plan{Target: target, Steps: []string{step}}, err
}

// Do implements measure.Doer. Looking twice after a crash does no harm.
func (l *look) Do(ctx context.Context, o *measure.Order) (measure.Result, error) {
	if _, _, err := l.check(o); err != nil {
		return measure.Result{}, err
	}
	text, evidence, err := l.run(ctx, o)
	out := measure.Output{Type: "text/plain", Text: text}
	if len(text) > measure.MaxOutput {
		out.Text, out.Cut = text[:measure.MaxOutput], true
	}
	return measure.Result{Output: out, Evidence: evidence}, err
}

// Prove implements measure.Doer: there is no effect beside what was seen.
func (l *look) Prove(context.Context, *measure.Order) (string, error) {
	return "looked; nothing was changed", nil
}

// Undo implements measure.Doer.
func (l *look) Undo(context.Context, *measure.Order) error {
	return errors.New("looking leaves nothing that could be lifted")
}

// nothing checks a measure without arguments.
func nothing(step string) func(*measure.Order) (string, string, error) {
	return func(*measure.Order) (string, string, error) { return "this host", step, nil }
}

// peerCheck checks the argument host, or takes the incident's attacker.
func peerCheck(verb string) func(*measure.Order) (string, string, error) {
	return func(o *measure.Order) (string, string, error) {
		a, err := peer(o)
		if err != nil {
			return "", "", err
		}
		return a.String(), verb + " " + a.String(), nil
	}
}

func peer(o *measure.Order) (netip.Addr, error) {
	if text := o.Measure.Args["host"]; text != "" {
		a, err := netip.ParseAddr(text)
		if err != nil {
			return a, fmt.Errorf("host %q is not an address", text)
		}
		return a.Unmap(), nil
	}
	if o.Finding != nil && o.Finding.Attacker.Addr.IsValid() {
		return o.Finding.Attacker.Addr, nil
	}
	if o.Incident != nil && len(o.Incident.Attackers) > 0 {
		return o.Incident.Attackers[0], nil
	}
	return netip.Addr{}, errors.New("no address is known: the incident has no attacker (give host)")
}

// number reads an argument between bounds.
func number(o *measure.Order, name string, otherwise, least, most int) (int, error) {
	text := o.Measure.Args[name]
	if text == "" {
		return otherwise, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < least || n > most {
		return 0, fmt.Errorf("%s %q is not a number from %d to %d", name, text, least, most)
	}
	return n, nil
}
