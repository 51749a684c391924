package measure

import (
	"container/heap"
	"time"
)

// timers is when to look at which measure again: one heap, one timer for all. A measure may stand in it several times
// and may be over when its time comes; who looks must not mind.
type timers []alarm

type alarm struct {
	at time.Time
	id ID
}

func (t timers) Len() int           { return len(t) }
func (t timers) Less(i, j int) bool { return t[i].at.Before(t[j].at) }
func (t timers) Swap(i, j int)      { t[i], t[j] = t[j], t[i] }

// Push implements heap.Interface.
func (t *timers) Push(a any) { *t = append(*t, a.(alarm)) }

// Pop implements heap.Interface.
func (t *timers) Pop() any {
	last := (*t)[len(*t)-1]
	*t = (*t)[:len(*t)-1]
	return last
}

func (t *timers) set(at time.Time, id ID) { heap.Push(t, alarm{at, id}) }

// due takes out one measure whose time has come.
func (t *timers) due(now time.Time) (ID, bool) {
	if len(*t) == 0 || (*t)[0].at.After(now) {
		return 0, false
	}
	return heap.Pop(t).(alarm).id, true
}

// wait is how long nothing is due, at most most.
func (t timers) wait(now time.Time, most time.Duration) time.Duration {
	if len(t) == 0 {
		return most
	}
	return min(max(t[0].at.Sub(now), 0), most)
}
