package notify

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"picket/actions/measure"
)

// DoerName is the name of the measure that notifies.
const DoerName = "notify"

// Doer is the notifier as a measure. Argument receiver names who is told, several with commas, all without it; text is
// put in front.
type Doer struct {
	Names    []string  // of all receivers
	Notifier *Notifier // nil: it serves to check configurations only
}

var _ measure.Doer = (*Doer)(nil)

// Able implements measure.Doer.
func (d *Doer) Able() error {
	if len(d.Names) == 0 {
		return errors.New("no receiver is configured (notifications.receivers)")
	}
	return nil
}

func (d *Doer) receivers(o *measure.Order) ([]string, error) {
	text := o.Measure.Args["receiver"]
	if text == "" {
		return d.Names, d.Able()
	}
	list := strings.FieldsFunc(text, func(r rune) bool { return r == ',' || r == ' ' })
	for _, name := range list {
		if !slices.Contains(d.Names, name) {
			return nil, fmt.Errorf("receiver %q is not configured (known: %s)", name, strings.Join(d.Names, ", "))
		}
	}
	return list, nil
}

// Plan implements measure.Doer.
func (d *Doer) Plan(_ context.Context, o *measure.Order) (measure.Plan, error) {
	list, err := d.receivers(o)
	return measure.Plan{Target: strings.Join(list, ", "), Steps: []string{"tell " + strings.Join(list, ", ")}}, err
}

// Do implements measure.Doer. An incident that was told of already is not told again before its repeat interval, so that
// doing it again after a crash does no harm.
func (d *Doer) Do(ctx context.Context, o *measure.Order) (measure.Result, error) {
	list, err := d.receivers(o)
	if err != nil {
		return measure.Result{}, err
	}
	if o.Incident == nil {
		return measure.Result{}, errors.New("notify: there is no incident to tell of")
	}
	if err := d.Notifier.Tell(ctx, o.Incident, o.Measure.Args["text"], list...); err != nil {
		return measure.Result{}, err
	}
	return measure.Result{Output: measure.Output{Type: "text/plain", Text: "told to " + strings.Join(list, ", ") + ", or grouped with what they are told next\n"}}, nil
}

// Prove implements measure.Doer: delivery goes on until it succeeds; picket status counts what waits.
func (d *Doer) Prove(ctx context.Context, _ *measure.Order) (string, error) {
	s, err := d.Notifier.Stats(ctx)
	return fmt.Sprintf("the notifier has it; waiting for delivery: %d, delivered since the start: %d", s.Waiting, s.Delivered), err
}

// Undo implements measure.Doer.
func (d *Doer) Undo(context.Context, *measure.Order) error {
	return errors.New("what was told cannot be taken back")
}
