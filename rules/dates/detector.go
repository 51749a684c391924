package dates

import (
	"picket/signatures/pcre"
)

// Detector finds the dates of one source of lines. It belongs to one goroutine.
type Detector struct {
	Clock Clock

	templates   []*candidate
	last        int // index of the template that won last; noTemplate at first
	lastStart   int // in characters, as all places that lines are compared by
	lastEnd     int
	before      rune // the character before the last match, none at its edges
	first       rune // its first
	final       rune // its last
	behind      rune // the one behind it
	firstUnused int
	matcher     pcre.Matcher
	memo        memo
}

// candidate is a template with what this detector knows of it.
type candidate struct {
	*Template
	hits     uint64 // times it won
	matched  uint64 // times it matched at all
	lastUsed int64  // Unix seconds of the clock
	distance int    // where it last matched, in characters
}

const (
	noTemplate = 1 << 30
	far        = 0x7fffffff
	none       = -1 // no character: the edge of the line
)

// NewDetector returns a detector for templates, which are shared.
func NewDetector(templates []*Template, clock Clock) *Detector {
	d := &Detector{Clock: clock, last: noTemplate, lastStart: 1, lastEnd: far, before: none, first: none, final: none, behind: none}
	for _, t := range templates {
		d.templates = append(d.templates, &candidate{Template: t, distance: far})
	}
	return d
}

// Found is a date in a line. Start and End enclose the text that is cut out.
type Found struct {
	Start, End int
	Nanos      int64 // Unix time; valid if Dated
	Dated      bool  // false if the text is no date after all, such as February 30
	Template   *Template
}

// Find looks for the date of a line; ok is false if no template matches. It doesn't allocate on the forms of fast.go.
func (d *Detector) Find(line []byte) (f Found, ok bool) {
	if d.last < len(d.templates) {
		if f, ok := d.quick(line); ok {
			return f, true
		}
	}
	i, at, ok := d.search(line)
	if !ok {
		return Found{}, false
	}
	c := d.templates[i]
	f = Found{Start: at.dateStart, End: at.dateEnd, Template: c.Template}
	if at.dateEnd > at.dateStart {
		f.Nanos, f.Dated = d.read(c, line, at)
	}
	d.won(i, at, line)
	return f, true
}

// quick asks the fast reader of the template that won last, if that one is tried alone and first.
func (d *Detector) quick(line []byte) (Found, bool) {
	c := d.templates[d.last]
	if c.fast == nil || !c.begin {
		return Found{}, false
	}
	known := d.memo.known(c.Template)
	start, end := c.fast.find(line, known)
	if end == 0 {
		return Found{}, false
	}
	f := Found{Start: start, End: end, Template: c.Template, Nanos: d.memo.nanos, Dated: true}
	if len(known) == 0 || string(line[start:end]) != string(known) {
		at, ok := c.find(line, len(line), 0, &d.matcher)
		if !ok || at.dateStart != start || at.dateEnd != end {
			return Found{}, false
		}
		if f.Nanos, f.Dated = d.read(c, line, at); f.Dated {
			d.memo.keep(c.Template, line[start:end], f.Nanos)
		}
	}
	c.matched++
	d.won(d.last, match{0, end, start, end}, line)
	return f, true
}

// search finds the template to use: the last one at its last place, or the first that matches well.
func (d *Detector) search(line []byte) (index int, at match, ok bool) {
	best := struct {
		match
		index int
	}{match: match{start: far}, index: none}
	skip := noTemplate
	if d.last < len(d.templates) {
		at, ok, tried := d.tryLast(line)
		if tried {
			skip = d.last
		}
		if ok && d.samePlace(line, at) {
			return d.last, at, true
		}
		if ok {
			best.match, best.index = at, d.last
		}
	}
	for i, c := range d.templates {
		if i == skip {
			continue
		}
		at, ok := d.try(c, line, len(line), 0)
		if !ok {
			continue
		}
		if d.settles(i, characters(line, at.start)) {
			return i, at, true
		}
		if at.start < best.start {
			best.match, best.index = at, i
		}
	}
	if best.index == none {
		return 0, match{}, false
	}
	// The groups of the best match were overwritten by later tries.
	at, ok = d.templates[best.index].find(line, len(line), max(0, best.start), &d.matcher)
	if !ok {
		at, ok = d.templates[best.index].find(line, len(line), 0, &d.matcher)
	}
	return best.index, at, ok
}

func (d *Detector) try(c *candidate, line []byte, limit, from int) (match, bool) {
	at, ok := c.find(line, limit, from, &d.matcher)
	if ok {
		c.matched++
	}
	return at, ok
}

// tryLast tries the template that won last: anchored ones in the whole line, others first where they stood if
// what surrounds that place looks the same. whole tells that the line was searched whole.
func (d *Detector) tryLast(line []byte) (at match, ok, whole bool) {
	c := d.templates[d.last]
	if !c.begin && !c.end && d.sameEdges(line) {
		at, ok = d.try(c, line, offset(line, d.lastEnd), min(offset(line, d.lastStart), len(line)))
		return at, ok, false
	}
	at, ok = d.try(c, line, len(line), 0)
	return at, ok, true
}

// samePlace tells whether the last template's match can be believed without looking at the others.
func (d *Detector) samePlace(line []byte, at match) bool {
	c := d.templates[d.last]
	return len(d.templates) == 1 || c.begin || c.end || characters(line, at.start) == d.lastStart && characters(line, at.end) == d.lastEnd
}

// sameEdges compares the characters around the last match with those at the same place now: outside they must be equal,
// or inside equal and no letter or digit.
func (d *Detector) sameEdges(line []byte) bool {
	s, e := offset(line, d.lastStart), offset(line, d.lastEnd)
	left := charBefore(line, s) == d.before || charAt(line, s) == d.first && !isWord(d.first)
	right := charAt(line, e) == d.behind || charBefore(line, e) == d.final && !isWord(d.final)
	return left && right
}

// settles tells whether a template's match ends the search: nothing better can follow, or it stands no farther in the line
// than where dates were last. start is in characters.
func (d *Detector) settles(i, start int) bool {
	c := d.templates[i]
	switch {
	case i+1 >= len(d.templates), c.begin, c.end:
		return true
	case start == 0 && c.hits > 0 && d.templates[i+1].matched == 0:
		return true
	}
	return start <= c.distance && start <= d.lastStart
}

// read returns the time of a match; the matcher holds its groups.
func (d *Detector) read(c *candidate, line []byte, at match) (nanos int64, ok bool) {
	switch c.form {
	case fieldsForm:
		s, ok := d.Clock.instant(c.readFields(line, &d.matcher))
		return nanosOf(s), ok
	case taiForm:
		s, ok := readTAI(line[at.dateStart:at.dateEnd])
		return nanosOf(s), ok
	}
	s, e, ok := d.matcher.Group(c.epochGroup)
	if !ok {
		return 0, false
	}
	return readEpoch(line[s:e], c.form == longEpoch)
}

// SetNow moves the clock. Remembered readings are dropped once a minute: a date without a year depends on now.
func (d *Detector) SetNow(c Clock) {
	if c.Now.Unix()/60 != d.Clock.Now.Unix()/60 {
		d.memo.size = 0
	}
	d.Clock = c
}

// Hits tells how often a template was used.
type Hits struct {
	Name string
	Hits uint64
}

// Hits lists the templates that were used, in the order in which they are tried now.
func (d *Detector) Hits() []Hits {
	var all []Hits
	for _, c := range d.templates {
		if c.hits > 0 {
			all = append(all, Hits{c.name, c.hits})
		}
	}
	return all
}
