package rules

import (
	"slices"

	"picket/rules/dates"
	"picket/rules/expression"
	"picket/signatures/pcre"
)

// Trial is what became of a line that was tried for people who write filters: Judge.Try.
type Trial struct {
	Body     string   // the line without its date
	Hits     []Hit    // what the failure expressions found, in order
	Ignored  []int    // the ignore expressions that matched, by index, once for each time
	Prefixed bool     // the prefix expression matched, or there is none
	Prefix   []Group  // what it captured
	Early    bool     // an ignore expression matched before the prefix expression was tried
	Zoned    bool     // the line's date names its zone
	Used     []string // earlier lines that a match over several lines has used up
}

// Hit is a failure expression that matched.
type Hit struct {
	Failure
	NoFail  bool    // the line is no failure by itself
	Pending bool    // whose failure it is will be told by another line of the connection
	Joined  bool    // earlier lines of the connection were known
	Groups  []Group // of the prefix expression without content, then of the failure expression; if joined, of the first line
}

// Group is a named group of a match.
type Group = expression.Group

// Try judges a line, or one without a date that was written at nanos, and tells everything about it. With all, every
// failure expression is tried and not only until the first one matches. It allocates; it is not for logs at work.
func (j *Judge) Try(line []byte, nanos int64, all bool) Trial {
	line = j.cut(line)
	var s subject
	if nanos != 0 {
		j.body = append(append(j.body[:0], line...), '\n')
		j.lastDate = nanos
		s = subject{line: line, body: j.body, nanos: nanos, dated: true}
	} else {
		s = j.dated(line)
	}
	j.Count.Lines++
	t := trial{judge: j, subject: s, all: all, before: slices.Clone(j.buffer)}
	t.Zoned = nanos == 0 && s.dated && j.detector.Zoned(line)
	t.run()
	j.Count.Limits = j.matcher.LimitHits + j.prefix.LimitHits
	return t.Trial
}

// trial is a Trial being made.
type trial struct {
	Trial
	judge   *Judge
	subject subject
	all     bool
	before  []entry // the buffer as it was
	whole   []byte  // what the prefix expression sees
	text    []byte  // what the failure expressions see
}

func (t *trial) run() {
	j, f := t.judge, t.judge.filter
	t.whole = t.subject.body
	if f.lines > 1 {
		t.whole = j.bufferLine(t.subject)
		defer t.used()
	}
	if len(f.ignores) > 0 && len(f.ignores) < len(f.failures)-2 && t.ignores(t.whole) {
		t.Early = true
		return
	}
	var ok bool
	if t.text, ok = j.narrow(t.whole); !ok {
		return
	}
	t.Prefixed = true
	if f.prefix != nil {
		t.Prefix = f.prefix.Groups(string(t.whole), &j.prefix)
	}
	for i := range f.failures {
		if more := t.failure(i); !more {
			return
		}
	}
}

// ignores tries the ignore expressions: all, or until one matches.
func (t *trial) ignores(text []byte) (any bool) {
	for i, e := range t.judge.filter.ignores {
		if e.Match(text, &t.judge.matcher) != pcre.Matched {
			continue
		}
		t.Ignored = append(t.Ignored, i)
		if any = true; !t.all {
			return true
		}
	}
	return any
}

// failure tries one failure expression; more tells whether the next is to be tried.
func (t *trial) failure(i int) (more bool) {
	j := t.judge
	e := j.filter.failures[i]
	if e.Match(t.text, &j.matcher) != pcre.Matched {
		return true
	}
	h := Hit{Groups: t.groups(e)}
	r := record{fields: j.captured(e, t.text, t.whole), told: h.Groups}
	from := source{line: t.subject.line}
	seen := t.text
	if j.filter.lines > 1 {
		from.lines, seen, j.buffer = split(e, t.text, &j.matcher, j.buffer)
		t.text = joined(j.buffer)
	}
	if t.ignores(seen) {
		return t.all
	}
	known := &r
	if id, session := r.fields.Lookup("mlfid"); session {
		h.Joined = j.sessions.get(id, j.detector.Clock.Now.Unix()) != nil
		if known = j.merge(id, &r, from); known.fields.Get("nofail") != "" && !t.all {
			return false
		}
	} else {
		r.matches = from.texts()
	}
	f, ok := identify(known)
	if h.Pending = !ok; h.Pending {
		known.pending = true
	}
	h.Groups = known.told
	h.Failure = f.complete(i, t.subject, known)
	h.NoFail = known.fields.Get("nofail") != ""
	t.Hits = append(t.Hits, h)
	return t.all
}

// groups lists what both expressions have captured.
func (t *trial) groups(e *expression.Expression) []Group {
	var list []Group
	for _, g := range t.Prefix {
		if g.Name != "content" {
			list = append(list, g)
		}
	}
	for _, g := range e.Groups(string(t.text), &t.judge.matcher) {
		if i := slices.IndexFunc(list, func(have Group) bool { return have.Name == g.Name }); i >= 0 {
			list[i] = g
			continue
		}
		list = append(list, g)
	}
	return list
}

// used finds the lines that were in the buffer and are no more, except the one that fell out of a full one.
func (t *trial) used() {
	if full := len(t.before) >= t.judge.filter.lines; full && len(t.before) > 0 {
		t.before = t.before[1:]
	}
	for _, e := range t.before {
		if !slices.Contains(t.judge.buffer, e) {
			t.Used = append(t.Used, e.line)
		}
	}
}

// Dates lists the date templates in the order in which they are tried now.
func (j *Judge) Dates() []dates.Used { return j.detector.Templates() }
