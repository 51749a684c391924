package sensor

import (
	"fmt"
	"os"
	"time"

	"picket/capture"
)

// progress shows on a terminal how far long work has come; on anything else it is silent. A nil progress is, too.
type progress struct {
	out   *os.File
	next  time.Time
	shown bool
}

const progressEvery = 300 * time.Millisecond

// newProgress returns nil unless out is a terminal.
func newProgress(out *os.File) *progress {
	if out == nil {
		return nil
	}
	if info, err := out.Stat(); err != nil || info.Mode()&os.ModeCharDevice == 0 || info.Name() == "null" {
		return nil
	}
	return &progress{out: out, next: time.Now().Add(progressEvery)}
}

// step names what is being done now.
func (p *progress) step(what string) {
	if p != nil {
		p.show(what)
	}
}

// read tells how much of a capture has been read; size is the file's, 0 when unknown.
func (p *progress) read(n capture.Stats, size int64) {
	if p == nil || time.Now().Before(p.next) {
		return
	}
	p.next = time.Now().Add(progressEvery)
	line := fmt.Sprintf("%d packets, %d MiB", n.Received, n.Bytes>>20)
	if size > 0 {
		line += fmt.Sprintf(", about %d %%", min(int64(n.Bytes)*100/size, 99))
	}
	p.show(line)
}

func (p *progress) show(line string) {
	fmt.Fprintf(p.out, "\r\x1b[K%s", line)
	p.shown = true
}

// done takes the line away.
func (p *progress) done() {
	if p != nil && p.shown {
		fmt.Fprint(p.out, "\r\x1b[K")
		p.shown = false
	}
}
