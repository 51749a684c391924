package rules

import "picket/signatures/search"

// leastLiteral is the shortest literal worth looking for.
const leastLiteral = 3

// buildSieve collects a literal that each failure expression needs, so that one pass over a line tells which can match at
// all. For expressions that span lines there is none.
func (f *Filter) buildSieve() error {
	f.always = make([]bool, len(f.failures))
	var literals []search.Literal
	for i, e := range f.failures {
		needed, nocase := e.Regexp().Required()
		if len(needed) < leastLiteral || f.lines > 1 {
			f.always[i] = true
			continue
		}
		literals = append(literals, search.Literal{Bytes: needed, NoCase: nocase, ID: uint32(i)})
	}
	if len(literals) == 0 {
		return nil
	}
	f.sieve = search.Build(literals)
	return nil
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
		j.mayMatch[id] = true
		any = true
	}
	return any
}
