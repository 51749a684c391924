package sensor

import (
	"context"
	"fmt"
	"net/netip"
	"time"

	"picket/actions"
	"picket/actions/firewall"
	"picket/outputs/web"
)

// Why implements web.Sensor: everything about one party, gathered from those who know it.
func (s *Sensor) Why(ctx context.Context, p netip.Prefix) (web.Why, error) {
	e, err := s.responder.Explain(ctx, p)
	if err != nil {
		return web.Why{}, err
	}
	if live, bytes, err := firewall.Live(p); err == nil && live > 0 {
		if e.Decision.Blast == nil {
			e.Decision.Blast = &actions.Blast{Parties: 1}
		}
		e.Decision.Blast.Live, e.Decision.Blast.Bytes = live, max(e.Decision.Blast.Bytes, bytes)
	}
	w := web.Why{Party: actions.Text(p), Mode: string(s.config.Load().Mode), Explanation: e}
	for _, b := range e.Bans {
		w.Lifts = append(w.Lifts, lifts(b, time.Now()))
	}
	return w, nil
}

// lifts tells what would end a ban.
func lifts(b actions.Ban, now time.Time) string {
	command := "picket unban " + actions.Text(b.Prefix)
	if b.Until.IsZero() {
		return command + "; it does not end by itself"
	}
	return fmt.Sprintf("%s; by itself in %s", command, b.Left(now))
}
