package logs

import (
	"sync"
	"time"

	"github.com/fsnotify/fsnotify"
)

// event says why a Tail is woken.
type event uint8

const (
	eventBytes event = iota // something was written
	eventNames              // a name came or went, or notices were lost
)

const (
	// maxDirectories bounds the watched directories; the tick covers the rest.
	maxDirectories = 256
	// drainTime and restTime make the kernel join notices: a file written 50,000 times a second is not told of
	// 50,000 times. Together they bound how late a line is seen.
	drainTime = time.Millisecond
	restTime  = 2 * time.Millisecond
)

// waker tells a Tail that something happened in its directories. Without notices (limits of the system, a file system
// that gives none) it is silent, and the tick does the work.
type waker struct {
	events  chan event
	notify  *fsnotify.Watcher
	watched map[string]time.Time
	blind   func(error)
	done    chan struct{}
	reader  sync.WaitGroup
}

func newWaker(t *Tail) *waker {
	w := &waker{events: make(chan event, 1), watched: map[string]time.Time{}, done: make(chan struct{})}
	w.blind = func(err error) { t.warn(&t.count.blind, err) }
	var err error
	if w.notify, err = fsnotify.NewWatcher(); err != nil {
		w.blind(err)
		return w
	}
	w.cover(t.directories())
	w.reader.Go(w.read)
	return w
}

// cover watches the directories, again every few seconds: one may have been deleted and made anew.
func (w *waker) cover(dirs []string) {
	if w.notify == nil {
		return
	}
	now := time.Now()
	for _, dir := range dirs {
		if last, ok := w.watched[dir]; ok && now.Sub(last) < 5*time.Second || !ok && len(w.watched) >= maxDirectories {
			continue
		}
		w.watched[dir] = now
		if err := w.notify.Add(dir); err != nil {
			w.blind(err)
		}
	}
}

// read joins notices into one event at a time.
func (w *waker) read() {
	for {
		what, ok := w.next(nil)
		for drained := time.After(drainTime); ok; {
			more, still := w.next(drained)
			if !still {
				break
			}
			what = max(what, more)
		}
		if !ok {
			return
		}
		w.tell(what)
		select {
		case <-w.done:
			return
		case <-time.After(restTime):
		}
	}
}

// next waits for one notice; false when the waker is closed or the time is over.
func (w *waker) next(timeout <-chan time.Time) (event, bool) {
	select {
	case e, ok := <-w.notify.Events:
		if e.Op == fsnotify.Write {
			return eventBytes, ok
		}
		return eventNames, ok
	case _, ok := <-w.notify.Errors:
		return eventNames, ok // notices were lost (the queue was full): look at everything
	case <-timeout:
		return eventBytes, false
	case <-w.done:
		return eventBytes, false
	}
}

// tell leaves the event for the Tail, joined with one that it has not taken yet.
func (w *waker) tell(what event) {
	select {
	case waiting := <-w.events:
		what = max(what, waiting)
	default:
	}
	w.events <- what // the only sender: there is room
}

func (w *waker) close() {
	close(w.done)
	if w.notify != nil {
		w.notify.Close()
	}
	w.reader.Wait()
}
