package app

// maxWindows bounds the decoders of one worker that hold a large memory at the same time.
const maxWindows = 32

// Windows bounds the large memories that the decoders of one worker hold, up to 16 MiB each with brotli: the newest
// takes the place of the oldest, so that a client which opens many bodies and finishes none blinds us for its own old
// ones only. The zero value is ready.
type Windows struct {
	held [maxWindows]Releaser
	next int
}

// Releaser holds a large memory and can give it back at any time.
type Releaser interface{ Release() }

// Hold notes a new holder and releases the one whose place it takes.
func (w *Windows) Hold(r Releaser) {
	if old := w.held[w.next]; old != nil {
		old.Release()
	}
	w.held[w.next] = r
	w.next = (w.next + 1) % maxWindows
}
