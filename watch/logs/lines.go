package logs

import (
	"bytes"
	"sync/atomic"
	"unicode/utf8"

	"picket/watch"
)

const (
	// ReadSize is how much is read at once; reading larger pieces is no faster.
	ReadSize = 256 << 10
	// DefaultMaxLine bounds a line. Longer ones are cut: no log format that is judged has longer ones, and the time
	// that an expression needs may grow with the line.
	DefaultMaxLine = 64 << 10
	// batchesPerSource bounds a source's memory to about a megabyte and a half.
	batchesPerSource = 4
)

// lineCounters count what happens to lines.
type lineCounters struct {
	lines, bytes   atomic.Uint64 // delivered
	cut, cutBytes  atomic.Uint64 // lines longer than the limit; bytes of them thrown away
	nuls           atomic.Uint64 // NULs thrown away at the beginning of lines: holes in sparse files
	recoded, wrong atomic.Uint64 // lines that were not UTF-8; lines with bytes that the encoding does not have
}

func (c *lineCounters) counters() []watch.Counter {
	return []watch.Counter{
		{Name: "lines", Value: c.lines.Load()},
		{Name: "bytes", Value: c.bytes.Load()},
		{Name: "lines-cut", Value: c.cut.Load()},
		{Name: "bytes-cut", Value: c.cutBytes.Load()},
		{Name: "nuls-skipped", Value: c.nuls.Load()},
		{Name: "lines-recoded", Value: c.recoded.Load()},
		{Name: "lines-wrongly-encoded", Value: c.wrong.Load()},
	}
}

// splitter turns pieces of bytes into observations. It keeps no bytes: what is not consumed must be given again,
// with more behind it. The lines are the same however the bytes are divided. Only the counters may be read by others.
type splitter struct {
	max   int // longest line in bytes, less than ReadSize
	count *lineCounters
}

// place is what the splitter must know about where it stands in one input.
type place struct {
	skip bool     // inside the rest of a line that was cut
	enc  Encoding // resolved
}

// split appends the lines of data to b and returns how many bytes they take. final says that nothing will follow: an
// unfinished last line is then delivered too. Allocates only while b grows.
func (s *splitter) split(b *watch.Batch, proto *watch.Observation, p *place, data []byte, final bool) int {
	pos := 0
	if p.skip {
		if pos = s.skipRest(p, data); p.skip {
			return pos
		}
	}
	before := len(b.Observations)
	total := 0
	for {
		begin := pos + s.skipHole(p, data[pos:])
		i := p.enc.newline(data[begin:])
		if i < 0 {
			pos = begin
			break
		}
		line := data[begin : begin+i]
		pos = begin + i + p.enc.unit()
		total += s.add(b, proto, p, line)
	}
	if rest := data[pos:]; len(rest) > s.max || final && len(rest) > 0 {
		p.skip = len(rest) > s.max
		total += s.add(b, proto, p, rest)
		pos = len(data)
		if !final {
			pos -= len(rest) % p.enc.unit()
		}
	}
	s.count.lines.Add(uint64(len(b.Observations) - before))
	s.count.bytes.Add(uint64(total))
	return pos
}

// skipRest throws away the rest of a cut line and returns its length.
func (s *splitter) skipRest(p *place, data []byte) int {
	n := len(data) - len(data)%p.enc.unit()
	if i := p.enc.newline(data); i >= 0 {
		p.skip = false
		n = i + p.enc.unit()
		s.count.cutBytes.Add(uint64(i))
		return n
	}
	s.count.cutBytes.Add(uint64(n))
	return n
}

// skipHole returns how many NULs stand at the beginning of a line. A writer without O_APPEND leaves them when its
// file is truncated: a hole of any size, which is no line.
func (s *splitter) skipHole(p *place, data []byte) int {
	if len(data) == 0 || data[0] != 0 || p.enc.unit() != 1 {
		return 0
	}
	n := len(data) - len(bytes.TrimLeft(data, "\x00"))
	s.count.nuls.Add(uint64(n))
	return n
}

// add appends one line, cut to the limit and decoded, and returns its length.
func (s *splitter) add(b *watch.Batch, proto *watch.Observation, p *place, line []byte) int {
	if len(line) > s.max {
		s.count.cut.Add(1)
		s.count.cutBytes.Add(uint64(len(line) - s.max))
		line = wholeRunes(line[:s.max])
	}
	text, verdict := p.enc.decode(line, &b.Text)
	switch verdict {
	case recoded:
		s.count.recoded.Add(1)
	case wrong:
		s.count.wrong.Add(1)
	}
	for len(text) > 0 && text[len(text)-1] == '\r' {
		text = text[:len(text)-1]
	}
	n := len(b.Observations)
	b.Observations = append(b.Observations, *proto)
	b.Observations[n].Line = text
	return len(text)
}

// wholeRunes takes a character that was cut in the middle off the end, which would make the line invalid UTF-8.
func wholeRunes(line []byte) []byte {
	for i := 1; i <= min(len(line), utf8.UTFMax-1); i++ {
		if tail := line[len(line)-i:]; utf8.RuneStart(tail[0]) {
			if !utf8.FullRune(tail) {
				return line[:len(line)-i]
			}
			break
		}
	}
	return line
}
