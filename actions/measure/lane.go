package measure

import "context"

// job is work that the desk must not wait for. It runs in a goroutine of its own; what it returns runs at the desk.
type job func(ctx context.Context) (then func())

// lane runs jobs in the order in which they came, so many at a time. Only the desk uses it.
type lane struct {
	width    int
	running  int
	waiting  []task
	finished chan func()
}

// task is a job and what the desk does right before it begins; when that returns false, it does not begin.
type task struct {
	before func() bool // nil: nothing
	job    job
}

func newLane(width int) *lane { return &lane{width: width, finished: make(chan func(), width)} }

// add takes a job on; it begins now or when those before it have made room.
func (l *lane) add(ctx context.Context, before func() bool, j job) {
	l.waiting = append(l.waiting, task{before, j})
	l.start(ctx)
}

func (l *lane) start(ctx context.Context) {
	for l.running < l.width && len(l.waiting) > 0 && ctx.Err() == nil {
		t := l.waiting[0]
		l.waiting[0] = task{}
		l.waiting = l.waiting[1:]
		if t.before != nil && !t.before() {
			continue
		}
		l.running++
		go func() { l.finished <- t.job(ctx) }()
	}
}

// done ends a job at the desk and lets the next one begin.
func (l *lane) done(ctx context.Context, then func()) {
	l.running--
	then()
	l.start(ctx)
}

// drain waits for the jobs that run.
func (l *lane) drain() {
	for ; l.running > 0; l.running-- {
		(<-l.finished)()
	}
}
