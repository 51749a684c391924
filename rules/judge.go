package rules

import (
	"bytes"
	"math/bits"
	"net/netip"
	"strconv"
	"strings"

	"picket/rules/dates"
	"picket/rules/expression"
	"picket/signatures/pcre"
	"picket/signatures/search"
)

// MaxLine is how much of a line is judged, in bytes; the rest is cut and counted.
const MaxLine = 64 << 10

// Judge judges the lines of one source with one filter. The walk of a line:
//
//	date       find it, cut it out                        Line, dated
//	sieve      can any expression match at all            possible
//	ignore     early, if few expressions say so           ignored
//	prefix     must match; narrows what the others see    narrow
//	failures   the first that matches                     match
//	session    what is known of the connection            merge (session.go)
//	failure    whose it is                                identify
//
// It belongs to one goroutine. Judging a line that is no failure does not allocate once buffers have grown, unless
// expressions span lines.
type Judge struct {
	Count Counters

	filter   *Filter
	detector *dates.Detector
	matcher  pcre.Matcher
	scratch  *search.Scratch
	may      []uint64     // by failure expression, one bit each: it could match the line
	prefix   pcre.Matcher // keeps the groups of the prefix expression
	record   record       // what the line alone has told; its fields are used again for the next
	body     []byte       // the line without its date, and a newline
	content  []byte       // what the prefix expression lets the others see, and a newline
	sessions sessions
	buffer   []entry // what multi-line expressions see
	lastDate int64   // Unix nanoseconds; 0 for none
	phase    Phase
	window   int64 // nanoseconds; lines older than that are skipped while Starting
}

// Phase says how much the dates of lines are believed.
type Phase uint8

// The phases of a source.
const (
	Scanning Phase = iota // all dates count
	Starting              // reading what was written before: lines older than the window, or of no date, are no failures
	Live                  // following: a date more than a minute from now is replaced by now
)

// maxSkew is how far from now a date may be while following, in nanoseconds.
const maxSkew = 60e9

// SetPhase changes the phase; window is the jail's, in seconds.
func (j *Judge) SetPhase(p Phase, window int64) { j.phase, j.window = p, window*1e9 }

// timely applies the phase to a line's date; false means that the line is too old to be judged.
func (j *Judge) timely(s *subject) bool {
	now := j.detector.Clock.Now.UnixNano()
	switch j.phase {
	case Starting:
		if s.dated && s.nanos < now-j.window {
			j.Count.Old++
			return false
		}
	case Live:
		if skew := s.nanos - now; skew > maxSkew || skew < -maxSkew {
			j.Count.Restamped++
			s.nanos, j.lastDate = now, now
		}
	}
	return true
}

// Counters is what a judge has seen.
type Counters struct {
	Lines, Ignored, Matched, Missed, Undated, Cut uint64
	Old, Restamped                                uint64   // dates beyond the window, or beyond belief
	Limits                                        uint64   // matches given up at the step limit
	Sessions                                      uint64   // sessions forgotten because there were too many
	Expressions                                   []uint64 // hits by failure expression
	Ignores                                       []uint64 // hits by ignore expression
}

// entry is a line of the buffer.
type entry struct {
	body string // without its date
	line string // whole
}

// Failure is one line that counts against somebody.
type Failure struct {
	Expression int               // index of the failure expression
	ID         string            // whose failure: an address in its usual form, a name, or what <F-ID> captured
	Host       string            // address or name as captured, "" if only an ID was
	Addr       netip.Addr        // valid if Host is an address
	Network    netip.Prefix      // valid if the line gives the address a length (<SUBNET>): whose failure it is
	Nanos      int64             // when, Unix nanoseconds
	Fields     expression.Fields // what the groups captured, of all lines of the connection
	Users      []string          // of the connection, in order
	Matches    []string          // the lines that led to this
	Attempts   int               // how many lines those were
	Times      int               // it counts as so many failures; 0 for one
}

// Outcome tells what became of a line.
type Outcome uint8

// The outcomes.
const (
	Missed  Outcome = iota // nothing matched
	Matched                // a failure, or a part of one
	Ignored                // an ignore expression matched
)

// NewJudge returns a judge with the clock's idea of now.
func NewJudge(f *Filter, clock dates.Clock) *Judge {
	j := &Judge{filter: f, detector: dates.NewDetector(f.templates, clock), scratch: search.NewScratch()}
	j.may = make([]uint64, len(f.always))
	j.Count.Expressions = make([]uint64, len(f.failures))
	j.Count.Ignores = make([]uint64, len(f.ignores))
	return j
}

// SetClock moves the judge's clock.
func (j *Judge) SetClock(c dates.Clock) { j.detector.SetNow(c) }

// subject is a line being judged.
type subject struct {
	line  []byte // whole
	body  []byte // without date, with a newline
	nanos int64
	dated bool
	stray bool // a date was looked for in vain, and nanos is only now
}

// Line judges one line without its line ending. The failure is valid only if ok; line is not kept.
func (j *Judge) Line(line []byte) (f Failure, o Outcome, ok bool) {
	line = j.cut(line)
	s := j.dated(line)
	return j.judge(s)
}

// At judges a line that carries no date, such as one from the journal.
func (j *Judge) At(line []byte, nanos int64) (f Failure, o Outcome, ok bool) {
	line = j.cut(line)
	j.body = append(append(j.body[:0], line...), '\n')
	j.lastDate = nanos
	return j.judge(subject{line: line, body: j.body, nanos: nanos, dated: true})
}

func (j *Judge) cut(line []byte) []byte {
	if len(line) > MaxLine {
		j.Count.Cut++
		line = line[:MaxLine]
	}
	return line
}

// dated finds the date and takes it out. A line without one takes the last line's, if that is younger than a minute,
// or now.
func (j *Judge) dated(line []byte) subject {
	s := subject{line: line, nanos: j.detector.Clock.Now.UnixNano()}
	found, ok := j.detector.Find(line)
	cut := ok && found.End > found.Start
	if ok && found.Dated {
		s.nanos, s.dated = found.Nanos, true
		j.lastDate = s.nanos
	} else if j.lastDate > s.nanos-60e9 {
		s.nanos = j.lastDate
		cut = false
	} else {
		s.stray = !ok || cut // a template may match nothing on purpose: dates are optional then
	}
	if !s.dated {
		j.Count.Undated++
	}
	j.body = j.body[:0]
	if cut {
		j.body = append(j.body, line[:found.Start]...)
		line = line[found.End:]
	}
	j.body = append(append(j.body, line...), '\n')
	s.body = j.body
	return s
}

func (j *Judge) judge(s subject) (f Failure, o Outcome, ok bool) {
	j.Count.Lines++
	if !j.timely(&s) {
		return Failure{}, Missed, false
	}
	f, o, ok = j.decide(s)
	switch o {
	case Matched:
		j.Count.Matched++
	case Ignored:
		j.Count.Ignored++
	default:
		j.Count.Missed++
	}
	j.Count.Limits = j.matcher.LimitHits + j.prefix.LimitHits
	return f, o, ok
}

func (j *Judge) decide(s subject) (f Failure, o Outcome, ok bool) {
	whole := s.body
	if j.filter.lines > 1 {
		whole = j.bufferLine(s)
	}
	early := len(j.filter.ignores) > 0 && len(j.filter.ignores) < len(j.filter.failures)-2
	if !j.possible(whole) && !early {
		return Failure{}, Missed, false
	}
	if early && j.ignored(whole) {
		return Failure{}, Ignored, false
	}
	buffer := j.buffer
	text, ok := j.narrow(whole)
	if !ok {
		return Failure{}, Missed, false
	}
	if i := j.first(text); i >= 0 {
		return j.matched(s, i, text, whole, buffer)
	}
	return Failure{}, Missed, false
}

// first returns the first failure expression that matches, negative if none does.
func (j *Judge) first(text []byte) int {
	for w, word := range j.may {
		for ; word != 0; word &= word - 1 {
			i := 64*w + bits.TrailingZeros64(word)
			if j.filter.failures[i].Match(text, &j.matcher) == pcre.Matched {
				return i
			}
		}
	}
	return -1
}

// ignored tells whether an ignore expression matches.
func (j *Judge) ignored(text []byte) bool {
	for i, e := range j.filter.ignores {
		if e.Match(text, &j.matcher) == pcre.Matched {
			j.Count.Ignores[i]++
			return true
		}
	}
	return false
}

// narrow matches the prefix expression; what it calls content is what the others see.
func (j *Judge) narrow(text []byte) (narrowed []byte, ok bool) {
	p := j.filter.prefix
	if p == nil {
		return text, true
	}
	if p.Match(text, &j.prefix) != pcre.Matched {
		return nil, false
	}
	content, has := p.Content(text, &j.prefix)
	if !has {
		return text, true
	}
	if j.filter.lines > 1 {
		j.buffer = []entry{{body: string(content), line: string(content)}}
	}
	j.content = append(append(j.content[:0], content...), '\n')
	return j.content, true
}

// captured collects the fields of a failure expression's match, and those of the prefix that it doesn't have. The result is
// the judge's and valid until the next line.
func (j *Judge) captured(e *expression.Expression, text, whole []byte) expression.Fields {
	all := string(whole)
	seen := all
	if bytes.HasSuffix(whole, text) { // mostly, and then both share their memory
		seen = all[len(all)-len(text):]
	} else {
		seen = string(text)
	}
	fields := j.record.fields[:0]
	e.Fill(&fields, seen, &j.matcher)
	if p := j.filter.prefix; p != nil {
		p.Fill(&fields, all, &j.prefix)
		fields.Delete("content")
	}
	return fields
}

// matched makes the failure of the expression that the matcher holds; text is what it saw of whole.
func (j *Judge) matched(s subject, i int, text, whole []byte, buffer []entry) (Failure, Outcome, bool) {
	if s.stray && j.phase == Starting { // it may be years old
		j.Count.Old++
		return Failure{}, Missed, false
	}
	e := j.filter.failures[i]
	j.record = record{fields: j.captured(e, text, whole)}
	r := &j.record
	from := source{line: s.line}
	subject := text
	if j.filter.lines > 1 {
		from.lines, subject, j.buffer = split(e, text, &j.matcher, buffer)
	}
	if j.ignored(subject) {
		return Failure{}, Ignored, false
	}
	j.Count.Expressions[i]++
	if id, session := r.fields.Lookup("mlfid"); session {
		return j.connected(s, i, id, r, from)
	}
	if r.fields.Get("nofail") != "" { // without a connection nothing can make it count
		return Failure{}, Matched, false
	}
	r.matches = from.texts()
	f, ok := identify(r)
	return f.complete(i, s, r), Matched, ok
}

// connected is matched for lines that belong to a connection.
func (j *Judge) connected(s subject, i int, id string, r *record, from source) (Failure, Outcome, bool) {
	all := j.merge(id, r, from)
	if all.fields.Get("nofail") != "" {
		return Failure{}, Matched, false
	}
	f, ok := identify(all)
	if !ok {
		all.pending = true
		return Failure{}, Matched, false
	}
	return f.complete(i, s, all), Matched, true
}

// source is where a match lies: in one line, or in the lines of a buffer.
type source struct {
	line  []byte
	lines []string
}

func (s source) texts() []string {
	if s.lines != nil {
		return s.lines
	}
	return []string{string(s.line)}
}

// identify tells whose failure a record is.
func identify(r *record) (f Failure, ok bool) {
	for _, g := range [...]string{"ip4", "ip6", "dns"} {
		if host, has := r.fields.Lookup(g); has {
			f.Host = host
			f.Addr = parseAddr(host)
			break
		}
	}
	id, has := r.fields.Lookup("fid")
	f.Network = network(f.Addr, r.fields.Get("cidr"))
	switch {
	case has:
		f.ID, f.Network = id, netip.Prefix{}
	case f.Network.IsValid():
		f.ID = f.Network.String()
	case f.Addr.IsValid():
		f.ID = f.Addr.String()
	default:
		f.ID = f.Host
	}
	return f, f.ID != "" || has
}

// network is that of an address and the length behind it (<ADDR>/<CIDR>, <SUBNET>); not valid for an address alone. A length
// of 0 is none: no line has everybody banned.
func network(a netip.Addr, bits string) netip.Prefix {
	if bits == "" { // nearly always; an error would cost more than the whole line
		return netip.Prefix{}
	}
	n, err := strconv.Atoi(bits)
	if err != nil || n < 1 || n >= a.BitLen() {
		return netip.Prefix{}
	}
	p, _ := a.Prefix(n)
	return p
}

// parseAddr reads an address as logs write it: in brackets, or IPv4 within IPv6.
func parseAddr(text string) netip.Addr {
	text = strings.TrimSuffix(strings.TrimPrefix(text, "["), "]")
	a, err := netip.ParseAddr(text)
	if err != nil {
		return netip.Addr{}
	}
	return a.Unmap()
}

// complete fills in what the record says; it copies, since a connection's record goes on.
func (f Failure) complete(i int, s subject, r *record) Failure {
	f.Expression, f.Nanos = i, s.nanos
	f.Fields = append(expression.Fields(nil), r.fields...)
	f.Users = append([]string(nil), r.users...)
	f.Matches = append([]string(nil), r.matches...)
	f.Attempts = len(r.matches) + r.dropped
	return f
}
