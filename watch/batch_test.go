package watch

import (
	"context"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func send(t *testing.T, l *Lender, out chan *Batch, offset int64) *Batch {
	t.Helper()
	b, err := l.Borrow(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	b.Mark = Mark{Source: "s", Path: "/a", Inode: 1, Offset: offset}
	if err := l.Send(context.Background(), out, b); err != nil {
		t.Fatal(err)
	}
	return <-out
}

// TestMarksAreKeptInOrder: a position is kept when everything before it has been released, and not earlier.
func TestMarksAreKeptInOrder(t *testing.T) {
	var kept []int64
	l := NewLender(3, 0, func(m Mark) error { kept = append(kept, m.Offset); return nil })
	out := make(chan *Batch, 1)
	a, b := send(t, l, out, 10), send(t, l, out, 20)
	for _, offset := range []int64{24, 25} { // of the same file: the later note replaces the earlier
		if err := l.Note(Mark{Source: "s", Path: "/a", Inode: 1, Offset: offset}); err != nil {
			t.Fatal(err)
		}
	}
	c := send(t, l, out, 30)
	for i, step := range []struct {
		release *Batch
		want    []int64
	}{{b, nil}, {a, []int64{10, 20, 25}}, {c, []int64{10, 20, 25, 30}}} {
		if err := step.release.Release(); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(step.want, kept); diff != "" {
			t.Errorf("step %d: %s", i, diff)
		}
	}
	if n := len(l.Marks()); n != 0 {
		t.Errorf("%d marks left", n)
	}
}

// TestLenderWaits: there are never more batches than were made, and a failing keeper is told to the judge.
func TestLenderWaits(t *testing.T) {
	failed := errors.New("disk full")
	l := NewLender(1, 8, func(Mark) error { return failed })
	out := make(chan *Batch, 1)
	b := send(t, l, out, 1)
	ended, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := l.Borrow(ended); !errors.Is(err, context.Canceled) {
		t.Errorf("a second batch was lent: %v", err)
	}
	if err := b.Release(); !errors.Is(err, failed) {
		t.Errorf("Release: %v", err)
	}
	again, err := l.Borrow(context.Background())
	if err != nil || again != b {
		t.Fatalf("%p %v", again, err)
	}
	if err := l.Send(ended, make(chan *Batch), again); !errors.Is(err, context.Canceled) {
		t.Errorf("Send: %v", err)
	}
	if l.TrySend(make(chan *Batch), send(t, l, out, 2)) {
		t.Error("sent to nobody")
	}
}

func TestObservation(t *testing.T) {
	o := Observation{Origin: &Origin{Host: "here"}, Fields: []Field{{Name: "_UID", Value: []byte("0"), Trusted: true}}}
	if v, trusted := o.Field("_UID"); string(v) != "0" || !trusted || o.Host() != "here" {
		t.Errorf("%q %v %q", v, trusted, o.Host())
	}
	o.Fields = append(o.Fields, Field{Name: "host", Value: []byte("there")})
	if o.Host() != "there" {
		t.Error(o.Host())
	}
}
