package measure

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"
)

// fragile is a measure whose effect others can take away.
type fragile struct {
	worker
	there  *bool
	broken *bool // it cannot be done again
}

func (f fragile) Do(_ context.Context, _ *Order) (Result, error) {
	if *f.broken {
		return Result{}, errors.New("the process is gone")
	}
	*f.there = true
	return Result{}, nil
}

func (f fragile) Prove(context.Context, *Order) (string, error) {
	if !*f.there {
		return "", errors.New("the table is gone")
	}
	return "seen", nil
}

// TestDeviation: what others take away is found at the next proof, told, and brought back; what cannot be brought back is
// told once.
func TestDeviation(t *testing.T) {
	h := newHouse()
	d := h.desk(t)
	there, broken := false, false
	var told []string
	d.o.Doers["hold"] = fragile{worker{h, "hold"}, &there, &broken}
	d.o.Deviated = func(v *Deviation) { told = append(told, v.String()) }
	id := order(t, d, Spec{Name: "hold"}, 1)
	d.settle()
	h.want(t, "proven once", id, Active)
	pass := func(what string, deviations int) {
		t.Helper()
		h.later(2 * proveDefault)
		d.settle()
		h.want(t, what, id, Active)
		if len(told) != deviations || int(d.stats.Deviations) != deviations {
			t.Errorf("%s: %d counted, told %q; want %d", what, d.stats.Deviations, told, deviations)
		}
	}
	pass("undisturbed", 0)
	there = false
	pass("taken away", 1)
	if !there {
		t.Error("it was not done again")
	}
	pass("repaired", 1)
	there, broken = false, true
	pass("gone for good", 2)
	pass("still gone", 2)
	broken = false
	pass("back again", 3)
	there, h.observe = false, true
	pass("in observe mode nothing is done again", 4)
	if there {
		t.Error("done again in observe mode")
	}
}

// TestEnds: a measure ends with what it held; that is no deviation.
func TestEnds(t *testing.T) {
	h := newHouse()
	d := h.desk(t)
	there, broken := false, false
	d.o.Doers["hold"] = mortal{fragile{worker{h, "hold"}, &there, &broken}}
	d.o.Deviated = func(v *Deviation) { t.Errorf("told as a deviation: %s", v) }
	id := order(t, d, Spec{Name: "hold"}, 1)
	d.settle()
	h.want(t, "proven once", id, Active)
	there, broken = false, true
	h.later(2 * proveDefault)
	d.settle()
	h.want(t, "over", id, Expired)
	if m := h.disk[id]; m.Until.IsZero() || m.Proof == "" || m.Error != "" {
		t.Errorf("%+v", m)
	}
}

// mortal is a measure that holds what may end by itself.
type mortal struct{ fragile }

func (m mortal) Prove(ctx context.Context, o *Order) (string, error) {
	text, err := m.fragile.Prove(ctx, o)
	if err != nil {
		err = fmt.Errorf("%w: %w", ErrEnded, err)
	}
	return text, err
}

func TestProofsAreSpread(t *testing.T) {
	d := newHouse().desk(t)
	now, seen := time.Now(), map[time.Time]bool{}
	for id := range ID(16) {
		at := d.nextProof(id, now)
		if seen[at] || at.Sub(now) < proveDefault*7/8 || at.Sub(now) > proveDefault*9/8 {
			t.Errorf("measure %d is proven after %s", id, at.Sub(now))
		}
		seen[at] = true
	}
}
