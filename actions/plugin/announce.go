package plugin

import (
	"context"
	"fmt"
	"time"

	"picket/actions/measure"
)

// announceWithin bounds the announcement: a terminal that does not read must not hold the measure up.
const announceWithin = 5 * time.Second

// announce tells all terminals what is going to be done, and waits as long as the plugin wants people to have. That
// nobody could be told is a note for the plugin's output, and holds nothing up.
func (d *doer) announce(ctx context.Context, o *measure.Order) (note string, err error) {
	pause := time.Duration(d.WallAnnounceDelay)
	if pause <= 0 {
		return "", nil
	}
	text := fmt.Sprintf("picket will run %s in %s: %s (measure %d)\n", d.Name, pause, o.Measure.Reason, o.Measure.ID)
	soon, cancel := context.WithTimeout(ctx, announceWithin)
	defer cancel()
	if err := d.runner.Announce(soon, text); err != nil {
		note = fmt.Sprintf("not announced: %v\n", err)
	}
	select {
	case <-ctx.Done():
		return note, ctx.Err()
	case <-time.After(pause):
		return note, nil
	}
}
