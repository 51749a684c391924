package measure

import (
	"context"
	"errors"
	"strings"
	"testing"
)

// slow is a measure whose Do goes on until its context ends, or until it is let go.
type slow struct {
	worker
	begun, let chan struct{}
}

func (s slow) Do(ctx context.Context, o *Order) (Result, error) {
	s.house.mu.Lock()
	s.house.effects[o.Measure.ID]++
	s.house.stands[o.Measure.ID] = s.lasts()
	s.house.mu.Unlock()
	s.begun <- struct{}{}
	select {
	case <-ctx.Done():
		return Result{}, errors.New("it was ended half-way")
	case <-s.let:
		return Result{}, nil
	}
}

// stoppedDesk is a desk at work with two slow measures, and a channel of the states that they come to.
func stoppedDesk(t *testing.T, h *house) (d *Desk, begun, let chan struct{}, states chan Measure) {
	begun, let, states = make(chan struct{}), make(chan struct{}), make(chan Measure, 64)
	d = h.desk(t)
	d.o.Doers["act"], d.o.Doers["hold"] = slow{worker{h, "act"}, begun, let}, slow{worker{h, "hold"}, begun, let}
	d.o.Told = func(m *Measure) { states <- *m }
	ctx, end := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() { defer close(ended); _ = d.Run(ctx) }()
	t.Cleanup(func() { end(); <-ended })
	return d, begun, let, states
}

func await(t *testing.T, states chan Measure, want State) Measure {
	t.Helper()
	for m := range states {
		if m.State == want {
			return m
		}
		if m.State.Over() {
			t.Fatalf("measure %d is %s, want %s (%s)", m.ID, m.State, want, m.Error)
		}
	}
	return Measure{}
}

// TestDenyInProcess: what is in process is stopped, what would last is undone, and who wanted that is told.
func TestDenyInProcess(t *testing.T) {
	for name, lasts := range map[string]bool{"act": false, "hold": true} {
		h := newHouse()
		d, begun, _, states := stoppedDesk(t, h)
		m, err := d.Order(t.Context(), Spec{Name: name}, 1, "policy p", "test")
		if err != nil {
			t.Fatal(err)
		}
		<-begun
		now, err := d.Deny(t.Context(), m.ID, "bob", "not now")
		if err != nil || now.Sentence() == "" {
			t.Fatal(now, err)
		}
		m = await(t, states, Error)
		if m.DeniedBy != "bob" || !strings.HasPrefix(m.Error, "denied by bob: not now; it was ended half-way") || strings.Contains(m.Error, "undone") != lasts {
			t.Errorf("%s: %s", name, m.Error)
		}
		if h.stands[m.ID] {
			t.Errorf("%s: its effect stands", name)
		}
		if _, err := d.Deny(t.Context(), m.ID, "bob", ""); err == nil {
			t.Errorf("%s: denied twice", name)
		}
	}
}

// TestDenyTooLate: what is done all the same is told as done; what lasts of it is lifted.
func TestDenyTooLate(t *testing.T) {
	for name, want := range map[string]State{"act": Complete, "hold": Lifted} {
		h := newHouse()
		d, begun, let, states := stoppedDesk(t, h)
		deaf := d.o.Doers[name].(slow)
		d.o.Doers[name] = stubborn{deaf}
		m, err := d.Order(t.Context(), Spec{Name: name}, 1, "policy p", "test")
		if err != nil {
			t.Fatal(err)
		}
		<-begun
		if _, err := d.Deny(t.Context(), m.ID, "bob", ""); err != nil {
			t.Fatal(err)
		}
		if _, err := d.Deny(t.Context(), m.ID, "eve", ""); err == nil || !strings.Contains(err.Error(), "denied by bob") {
			t.Errorf("%s: denied twice: %v", name, err)
		}
		close(let)
		m = await(t, states, want)
		if h.stands[m.ID] || want == Lifted && m.LiftedBy != "bob" || want == Complete && !strings.Contains(m.Error, "too late") {
			t.Errorf("%s: %s", name, m.Sentence())
		}
	}
}

// stubborn does not mind that its context ends.
type stubborn struct{ slow }

func (s stubborn) Do(_ context.Context, o *Order) (Result, error) {
	return s.slow.Do(context.Background(), o)
}

// TestDenyAndCrash: what was being stopped when picket was killed is not begun again.
func TestDenyAndCrash(t *testing.T) {
	for _, name := range []string{"act", "hold"} {
		h := newHouse()
		h.disk[1] = Measure{ID: 1, Incident: 1, Spec: Spec{Name: name}, State: InProcess, Target: "t", By: "policy p", DeniedBy: "bob", Error: "denied by bob", Created: h.at, Due: h.at, Started: h.at}
		h.effects[1], h.stands[1] = 1, name == "hold"
		d := h.desk(t)
		d.settle()
		h.want(t, "stopped before the crash", 1, Error)
		if m := h.disk[1]; h.effects[1] != 1 || h.stands[1] || !strings.Contains(m.Error, "denied by bob; picket ended") {
			t.Errorf("%s: done %d times, stands %v: %s", name, h.effects[1], h.stands[1], m.Error)
		}
	}
}
