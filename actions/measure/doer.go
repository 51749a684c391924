package measure

import (
	"context"
	"errors"
)

// ErrEnded is the proof's answer when what a standing measure holds has gone by itself, such as a process that was killed
// while it stood still: nothing is left to lift, and nobody has taken anything away.
var ErrEnded = errors.New("what it held has gone")

// Doer does one kind of measures. Its methods are called by one goroutine for each measure; those of different measures
// at the same time.
type Doer interface {
	// Able returns why this host cannot do it at all (no nftables, no systemd), or nil.
	Able() error
	// Plan checks the arguments and works out what would be done. It changes nothing, and may be called often.
	Plan(ctx context.Context, o *Order) (Plan, error)
	// Do acts. With o.Again it was begun before a crash and may have been done: Do must then find its effect and do
	// nothing twice, or return an error when it can't know. The order's number, o.Measure.ID, is the same again.
	Do(ctx context.Context, o *Order) (Result, error)
	// Prove reads the effect back: what is there, in words, or an error when the effect is not.
	Prove(ctx context.Context, o *Order) (string, error)
	// Undo lifts what lasts and reads back that it is gone; what is gone already is no error. For what does not last
	// it is one.
	Undo(ctx context.Context, o *Order) error
}

// Doers are all kinds of measures by name. Plugins join under their textkeys.
type Doers map[string]Doer

// ArgsChecker is a Doer that can tell from arguments alone whether they are right. Then a wrong policy is refused when it
// is read, not when it is needed.
type ArgsChecker interface {
	CheckArgs(args map[string]string) error
}
