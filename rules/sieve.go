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
	f.always = make([]uint64, (len(f.failures)+63)/64)
	f.loose = make([]uint64, len(f.always))
	var literals []search.Literal
	for i, e := range f.failures {
		needed := e.Regexp().RequiredAny()
		if f.lines > 1 || !useful(needed) {
			f.always[i/64] |= 1 << (i % 64)
			f.anyAlways = true
			continue
		}
		for _, l := range needed {
			if pcre.HasOtherCases(l) {
				f.loose[i/64] |= 1 << (i % 64)
			}
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
	any := copy(j.may, j.filter.always) > 0 && j.filter.anyAlways
	if j.filter.sieve == nil {
		return any
	}
	found := j.filter.sieve.Scan(text, j.scratch)
	for _, id := range found {
		i := j.filter.owner[id]
		j.may[i/64] |= 1 << (i % 64)
	}
	return j.loosely(text) || any || len(found) > 0
}

// loosely marks the expressions whose literals a text outside ASCII could hold in another case.
func (j *Judge) loosely(text []byte) (any bool) {
	for w, mask := range j.filter.loose {
		if mask&^j.may[w] == 0 || pcre.IsASCII(text) {
			continue
		}
		j.may[w] |= mask
		any = true
	}
	return any
}
