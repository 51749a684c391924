package actions

import (
	"fmt"
	"time"
)

// budget bounds how much may be banned without anybody being asked: so many bans in a minute, and such a share of the
// clients that are known. It is the fuse behind every rule that turns out to match everybody. One goroutine uses it.
type budget struct {
	minute  int64 // the running one, counted from the epoch
	made    int   // bans in it
	hour    int64
	clients int // known clients banned in this hour
}

// left tells why the budget is used up, or "".
func (b *budget) left(r *Rules, blast *Blast, known int, now time.Time) string {
	b.turn(now)
	if r.PerMinute > 0 && b.made >= r.PerMinute {
		return fmt.Sprintf("%d bans were made in this minute, the most that go unasked (gate.bans-per-minute)", b.made)
	}
	if r.ClientShare <= 0 || known < minClients || blast.Empty() {
		return ""
	}
	if after := b.clients + blast.Parties; float64(after) > r.ClientShare*float64(known) {
		return fmt.Sprintf("%d of %d known clients would be banned within an hour, more than %.0f %% (gate.client-share)", after, known, r.ClientShare*100)
	}
	return ""
}

// minClients is the number of known clients below which a share of them says nothing.
const minClients = 20

// spend counts a ban that was made.
func (b *budget) spend(blast *Blast, now time.Time) {
	b.turn(now)
	b.made++
	if !blast.Empty() {
		b.clients += blast.Parties
	}
}

func (b *budget) turn(now time.Time) {
	if m := now.Unix() / 60; m != b.minute {
		b.minute, b.made = m, 0
	}
	if h := now.Unix() / 3600; h != b.hour {
		b.hour, b.clients = h, 0
	}
}
