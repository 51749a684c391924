// Package apptest feeds parsers in tests the way a connection does: in pieces of any size, with what was not
// consumed handed over again. No other package than tests uses it.
package apptest

import "picket/traffic/app"

// Feed hands b to a parser in pieces of step bytes and returns the parser's error. It keeps to app.Result: bytes
// that are left come again, and not before Need of them are there.
func Feed(p app.Parser, dir app.Direction, b []byte, step int) error {
	used, need := 0, 0
	for end := 0; end < len(b); {
		end = min(end+step, len(b))
		if end-used < need {
			continue
		}
		r := p.Parse(dir, b[used:end], false)
		if r.Err != nil {
			return r.Err
		}
		if r.Consumed < 0 || r.Consumed > end-used {
			panic("apptest: a parser says that it has consumed what it was not given")
		}
		used, need = used+r.Consumed, r.Need
	}
	return nil
}

// Count returns how many transactions are open and how many there have been.
func Count(p app.Parser) (open int, all uint64) {
	t := p.Transactions()
	return len(t.Open), t.Count()
}

// Events returns the events of all open transactions.
func Events(p app.Parser) []string {
	var list []string
	for _, tx := range p.Transactions().Open {
		list = append(list, tx.Events...)
	}
	return list
}
