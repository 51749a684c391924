package shape

import (
	"context"
	"log/slog"
	"strconv"
	"strings"
	"time"

	"github.com/google/nftables"

	"picket/actions/measure"
	"picket/actions/ruleset"
)

// Watch tells of every change that another program makes to the table of a measure, until ctx ends. What the netlink socket
// of port bans does is not listened to: the bans' own, thousands a second. Where the kernel's notifications can't be had it
// says so; the measures are then proven at their intervals only.
func Watch(ctx context.Context, bans uint32, log *slog.Logger, tell func(measure.ID, *ruleset.Change)) {
	for ctx.Err() == nil {
		w, err := ruleset.NewWitness(func(table string) bool { _, ours := measureOf(table); return ours }, nftables.TableFamilyBridge)
		if err == nil {
			if err = w.Ignore(bans); err == nil {
				err = listen(ctx, w, tell)
			}
			w.Close()
		}
		if err != nil {
			log.Warn("changes to the tables of measures are noticed at their next proof only", "error", err)
			select {
			case <-ctx.Done():
			case <-time.After(pause):
			}
		}
	}
}

// pause lies before listening anew after notifications were lost.
const pause = 10 * time.Second

func listen(ctx context.Context, w *ruleset.Witness, tell func(measure.ID, *ruleset.Change)) error {
	for ctx.Err() == nil {
		changes, err := w.Next()
		if err != nil {
			return err
		}
		for i := range changes {
			if id, ours := measureOf(changes[i].Table); ours && !changes[i].By.Own {
				tell(id, &changes[i])
			}
		}
	}
	return nil
}

// tablePrefix begins the names of measures' tables.
const tablePrefix = "picket_m"

// measureOf is the measure that a table belongs to.
func measureOf(table string) (measure.ID, bool) {
	number, ours := strings.CutPrefix(table, tablePrefix)
	id, err := strconv.ParseInt(number, 10, 64)
	return measure.ID(id), ours && err == nil
}
