package plugin

import (
	"context"
	"fmt"
	"os/exec"
	"strings"
	"time"

	"picket/actions/measure"
)

// wallTimeout bounds the announcement: a terminal that does not read must not hold the measure up.
const wallTimeout = 5 * time.Second

// announce tells all terminals what is going to be done, and waits as long as the plugin wants people to have.
func (d *doer) announce(ctx context.Context, o *measure.Order) error {
	if d.WallAnnounceDelay <= 0 {
		return nil
	}
	pause := time.Duration(d.WallAnnounceDelay)
	text := fmt.Sprintf("picket will run %s in %s: %s (measure %d)", d.Name, pause, o.Measure.Reason, o.Measure.ID)
	Wall(ctx, text)
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(pause):
		return nil
	}
}

// Wall writes a message to all terminals. Where there is no wall, or nobody is logged in, nobody reads it.
func Wall(ctx context.Context, text string) {
	ctx, cancel := context.WithTimeout(ctx, wallTimeout)
	defer cancel()
	c := exec.CommandContext(ctx, "wall", "--timeout", "2")
	c.Stdin = strings.NewReader(text + "\n")
	_ = c.Run()
}
