package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"picket/capture/nstest"
)

// trial is one measurement at work: it gathers rows, and ends by Skip and Fatal as a test does.
type trial struct {
	*lab
	name     string
	rows     []row
	notes    []string
	ended    error // why it was skipped or failed; nil: it was done
	took     time.Duration
	cleanups []func()
}

// row is one line of the table.
type row struct {
	what    string
	value   string
	against string  // whom it is held against, and their figure
	ratio   float64 // how many times better than them picket is; 0: nothing to compare
}

var _ nstest.T = (*trial)(nil)

// errSkipped is wrapped by the reason of a Skip.
var errSkipped = errors.New("skipped")

// stopped carries the reason of a Skip or Fatal up to attempt.
type stopped struct{ error }

// attempt runs f and keeps the reason when f stops the trial.
func (t *trial) attempt(f func()) {
	defer func() {
		switch why := recover().(type) {
		case nil:
		case stopped:
			t.ended = errors.Join(t.ended, why.error)
		default:
			panic(why)
		}
	}()
	f()
}

// Helper implements nstest.T.
func (t *trial) Helper() {}

// Cleanup implements nstest.T: f runs when the measurement has ended, last one first.
func (t *trial) Cleanup(f func()) { t.cleanups = append(t.cleanups, f) }

// Skip implements nstest.T.
func (t *trial) Skip(args ...any) {
	panic(stopped{fmt.Errorf("%w: %s", errSkipped, fmt.Sprint(args...))})
}

// Fatal implements nstest.T.
func (t *trial) Fatal(args ...any) { panic(stopped{errors.New(fmt.Sprint(args...))}) }

// Fatalf implements nstest.T.
func (t *trial) Fatalf(format string, args ...any) { panic(stopped{fmt.Errorf(format, args...)}) }

// must ends the trial with an error that is not nil.
func (t *trial) must(err error) {
	if err != nil {
		t.Fatal(err)
	}
}

// row adds a figure that stands for itself.
func (t *trial) row(what, format string, args ...any) {
	t.rows = append(t.rows, row{what: what, value: fmt.Sprintf(format, args...)})
}

// ratio adds a figure with what it is held against.
func (t *trial) ratio(what, value, against string, ratio float64) {
	t.rows = append(t.rows, row{what, value, against, ratio})
}

// note adds a line below the table.
func (t *trial) note(format string, args ...any) {
	t.notes = append(t.notes, fmt.Sprintf(format, args...))
}

// input names a file of the corpora; without it the trial is skipped.
func (t *trial) input(name string) string {
	path := filepath.Join(t.corpora, name)
	if _, err := os.Stat(path); err != nil {
		t.Skip(err)
	}
	return path
}

// ruleFile is ET Open; without it the trial is skipped.
func (t *trial) ruleFile() string {
	t.input(packedRules)
	return t.rules()
}

// folder makes an empty folder.
func (t *trial) folder() string {
	dir, err := os.MkdirTemp(t.dir, t.name+"-")
	t.must(err)
	return dir
}

// rest is the time between two tries of something that is waited for.
func (t *trial) rest(d time.Duration) {
	select {
	case <-t.ctx.Done():
		t.Fatal("the time for all measurements is over")
	case <-time.After(d):
	}
}
