package rules

import (
	"picket/signatures/pcre"
	"picket/signatures/search"
)

// leastLiteral is the shortest literal worth looking for.
const leastLiteral = 3

// buildSieve collects the literals of which each failure expression needs one, so that one pass over a line tells which can match at
// all. For expressions that span lines there is none.
func (f *Filter) buildSieve() error {
	f.always = make([]bool, len(f.failures))
	var literals []search.Literal
	for i, e := range f.failures {
		needed := e.Regexp().RequiredAny()
		if f.lines > 1 || !useful(needed) {
			f.always[i] = true
			continue
		}
		for _, l := range needed {
			literals = append(literals, search.Literal{Bytes: l.Text, NoCase: l.NoCase, ID: uint32(len(f.owner))})
			f.owner = append(f.owner, i)
		}
	}
	if len(literals) == 0 {
		return nil
	}
	f.sieve = search.Build(literals)
	return nil
}

// useful tells whether every literal is long enough to be rare.
func useful(needed []pcre.Literal) bool {
	for _, l := range needed {
		if len(l.Text) < leastLiteral {
			return false
		}
	}
	return len(needed) > 0
}

// possible marks the failure expressions that could match the text, and tells whether there is any.
func (j *Judge) possible(text []byte) bool {
	any := false
	for i, always := range j.filter.always {
		j.mayMatch[i] = always
		any = any || always
	}
	if j.filter.sieve == nil {
		return any
	}
	for _, id := range j.filter.sieve.Scan(text, j.scratch) {
		j.mayMatch[j.filter.owner[id]] = true
		any = true
	}
	return any
}
