package eve

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"sync"
	"sync/atomic"
)

// Bounds of the queue between the workers and the file.
const (
	// queueLen records wait at most; at 1 kB each that is 8 MB and a tenth of a second of a busy sensor.
	queueLen = 8192
	// keepCap is the largest buffer that is used again: one huge record must not hold its memory for ever.
	keepCap = 64 << 10
	// fileBuf is what is written to the file at once, unless one record is longer.
	fileBuf = 256 << 10
)

// Counters of a Writer.
type Counters struct {
	Written uint64 // records in the file
	Dropped uint64 // records that found the queue full
	Failed  uint64 // records lost to a failed write (a full disk)
}

// Writer owns the file: one goroutine writes what all Loggers hand over. A full queue drops records and counts
// them, or waits when the Writer was told to.
type Writer struct {
	open  func() (io.WriteCloser, error)
	wait  bool
	log   *slog.Logger
	queue chan []byte
	free  chan []byte
	again chan struct{} // asks for the file to be opened again
	done  chan error

	written, dropped, failed atomic.Uint64
	closing                  sync.Once
}

// Open begins to write to a file that is appended to; "-" is standard output. wait: a full queue holds the
// worker up instead of dropping, for captures that are read from files.
func Open(path string, wait bool, log *slog.Logger) (*Writer, error) {
	return NewWriter(func() (io.WriteCloser, error) { return openFile(path) }, wait, log)
}

func openFile(path string) (io.WriteCloser, error) {
	if path == "-" {
		return keepOpen{os.Stdout}, nil
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o640)
	if err != nil {
		return nil, fmt.Errorf("open eve file: %w", err)
	}
	return f, nil
}

// keepOpen is an output that is not ours to close.
type keepOpen struct{ io.Writer }

func (keepOpen) Close() error { return nil }

// NewWriter begins to write to what open returns; open is called again by Reopen.
func NewWriter(open func() (io.WriteCloser, error), wait bool, log *slog.Logger) (*Writer, error) {
	out, err := open()
	if err != nil {
		return nil, err
	}
	w := &Writer{
		open: open, wait: wait, log: log,
		queue: make(chan []byte, queueLen), free: make(chan []byte, queueLen),
		again: make(chan struct{}, 1), done: make(chan error, 1),
	}
	go w.run(out)
	return w, nil
}

// Write hands a record over; the bytes are copied. It never blocks unless the Writer waits. Not after Close.
func (w *Writer) Write(record []byte) {
	var buf []byte
	select {
	case buf = <-w.free:
	default:
	}
	buf = append(buf[:0], record...)
	if w.wait {
		w.queue <- buf
		return
	}
	select {
	case w.queue <- buf:
	default:
		w.dropped.Add(1)
		w.recycle(buf)
	}
}

func (w *Writer) recycle(buf []byte) {
	if cap(buf) > keepCap {
		return
	}
	select {
	case w.free <- buf:
	default:
	}
}

// Reopen makes the goroutine close the file and open it again by name, for log rotation. It does not wait.
func (w *Writer) Reopen() {
	select {
	case w.again <- struct{}{}:
	default:
	}
}

// Counters returns the counts so far.
func (w *Writer) Counters() Counters {
	return Counters{Written: w.written.Load(), Dropped: w.dropped.Load(), Failed: w.failed.Load()}
}

// Close writes what is queued, closes the file and returns the first error of the writing. All Loggers must have
// ended.
func (w *Writer) Close() error {
	var err error
	w.closing.Do(func() {
		close(w.queue)
		err = <-w.done
	})
	return err
}

// sink is the file as the goroutine sees it.
type sink struct {
	out     io.WriteCloser
	buf     []byte // whole records not yet written
	records uint64 // their number
	torn    bool   // the file ends in the middle of a record
	broken  bool   // a failure was reported and is not yet over
	first   error
}

func (w *Writer) run(out io.WriteCloser) {
	s := &sink{out: out, buf: make([]byte, 0, fileBuf)}
	for {
		select {
		case record, ok := <-w.queue:
			if !ok {
				w.flush(s)
				w.done <- errors.Join(s.first, s.out.Close())
				return
			}
			w.put(s, record)
			if len(w.queue) == 0 {
				w.flush(s) // nothing waits: readers of the file shall see it
			}
		case <-w.again:
			w.reopen(s)
		}
	}
}

func (w *Writer) put(s *sink, record []byte) {
	if len(s.buf)+len(record) > fileBuf {
		w.flush(s)
	}
	s.buf = append(s.buf, record...)
	s.records++
	w.recycle(record)
}

// flush writes what is buffered. Records that don't get through are lost and counted; the next flush tries again,
// on a line of its own.
func (w *Writer) flush(s *sink) {
	if s.records == 0 {
		return
	}
	if s.torn {
		if _, err := s.out.Write([]byte{'\n'}); err == nil {
			s.torn = false
		}
	}
	n, err := s.out.Write(s.buf)
	if err == nil {
		w.written.Add(s.records)
		s.broken = false
	} else {
		w.fail(s, s.buf[:max(0, min(n, len(s.buf)))], err)
	}
	s.buf, s.records = s.buf[:0], 0
	if cap(s.buf) > 2*fileBuf {
		s.buf = make([]byte, 0, fileBuf)
	}
}

// fail counts what a failed write lost; through is what reached the file. The first failure of a row is reported.
func (w *Writer) fail(s *sink, through []byte, err error) {
	whole := uint64(bytes.Count(through, []byte{'\n'}))
	w.written.Add(whole)
	w.failed.Add(s.records - whole)
	if len(through) > 0 {
		s.torn = through[len(through)-1] != '\n'
	}
	if s.broken {
		return
	}
	s.broken = true
	if s.first == nil {
		s.first = fmt.Errorf("write eve records: %w", err)
	}
	if w.log != nil {
		w.log.Error("eve records are lost", "error", err)
	}
}

func (w *Writer) reopen(s *sink) {
	w.flush(s)
	out, err := w.open()
	if err != nil {
		if w.log != nil {
			w.log.Error("eve file is not opened again; the old one stays", "error", err)
		}
		return
	}
	s.out.Close()
	s.out, s.broken, s.torn = out, false, false
}
