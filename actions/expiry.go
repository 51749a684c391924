package actions

import (
	"container/heap"
	"net/netip"
	"time"
)

// dues is when to look whether bans of a prefix are over, the soonest first: a second with nothing to do costs nothing,
// however many bans stand. A prefix may stand in it several times, and for bans that are gone or were renewed since.
type dues []dueBan

type dueBan struct {
	at     int64 // microseconds since 1970
	prefix netip.Prefix
}

func (d dues) Len() int           { return len(d) }
func (d dues) Less(i, j int) bool { return d[i].at < d[j].at }
func (d dues) Swap(i, j int)      { d[i], d[j] = d[j], d[i] }

// Push implements heap.Interface.
func (d *dues) Push(a any) { *d = append(*d, a.(dueBan)) }

// Pop implements heap.Interface.
func (d *dues) Pop() any {
	last := (*d)[len(*d)-1]
	*d = (*d)[:len(*d)-1]
	return last
}

// spareDues is how many entries for nothing there may be beside as many as there are bans.
const spareDues = 1024

// dueOf is when a ban ends.
func dueOf(b *Ban) int64 {
	if b.Until.IsZero() {
		return forGood
	}
	return b.Until.UnixMicro()
}

// due notes when to look at a ban again.
func (l *ledger) due(b *Ban) {
	if b.Until.IsZero() {
		return
	}
	if len(l.dues) >= 2*l.count+spareDues {
		l.sortOut()
	}
	heap.Push(&l.dues, dueBan{dueOf(b), b.Prefix})
}

// sortOut leaves only entries for what stands.
func (l *ledger) sortOut() {
	l.dues = l.dues[:0]
	for b := range l.all() {
		if !b.Until.IsZero() {
			l.dues = append(l.dues, dueBan{dueOf(&b), b.Prefix})
		}
	}
	heap.Init(&l.dues)
}

// over takes bans out whose time is over, about most at a time; more tells that there may be others.
func (l *ledger) over(now time.Time, most int) (list []Ban, more bool) {
	for len(l.dues) > 0 && l.dues[0].at <= now.UnixMicro() {
		if len(list) >= most {
			return list, true
		}
		p := heap.Pop(&l.dues).(dueBan).prefix
		for b := range l.bans(p) {
			if b.Expired(now) {
				list = append(list, b)
			}
		}
		for i := len(list) - 1; i >= 0 && list[i].Prefix == p; i-- {
			l.drop(&list[i])
		}
	}
	return list, false
}
