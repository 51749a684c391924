package store

import (
	"context"
	"database/sql"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"picket/incidents"
)

const (
	// listDefault and listMost bound one page of a list.
	listDefault = 100
	listMost    = 10_000
	// narrow is how many cases a choice may select to be looked up one by one.
	narrow = 2000
	// manyWords is among how many of the cases with common words, the last ones opened, a list looks.
	manyWords = 5000
)

// choice selects cases by what stands in a table beside theirs. There are two ways to ask for it: collect what it
// selects, or look at cases in the order of the list whether it selects them. A choice of few is answered at once by the
// first way, one of many by the second.
type choice struct {
	in     string // a query of numbers of incidents
	exists string // the same query for the one incident.id; "": it cannot be asked so
	args   []any
	words  []string // in the cases' text, see collect
	wide   bool     // it selects more than narrow
}

// judge finds out whether the choice is a wide one.
func (c *choice) judge(ctx context.Context, db *sql.DB) error {
	if len(c.words) > 0 {
		return c.collect(ctx, db)
	}
	var n int
	err := db.QueryRowContext(ctx, fmt.Sprintf("SELECT count(*) FROM (%s LIMIT %d)", c.in, narrow+1), c.args...).Scan(&n)
	c.wide = n > narrow
	return err
}

// collect lets the cases be the choice that have all words, those opened last if there are many. FTS5 is asked once, since it
// merges the lists of all words with the same beginning anew each time.
func (c *choice) collect(ctx context.Context, db *sql.DB) error {
	var query []string
	for _, word := range c.words {
		q, err := wordQuery(ctx, db, word)
		if err != nil {
			return err
		}
		query = append(query, q)
	}
	rows, err := db.QueryContext(ctx, "SELECT rowid FROM words WHERE words MATCH ? ORDER BY rowid DESC LIMIT ?", strings.Join(query, " "), manyWords)
	if err != nil {
		return err
	}
	ids, err := scanAll(rows, func(r *sql.Rows) (id int64, err error) { return id, r.Scan(&id) })
	if err != nil {
		return err
	}
	list := []byte{'['}
	for i, id := range ids {
		if i > 0 {
			list = append(list, ',')
		}
		list = strconv.AppendInt(list, id, 10)
	}
	c.in, c.args, c.wide = "SELECT value FROM json_each(?)", []any{string(append(list, ']'))}, len(ids) > narrow
	return nil
}

// List implements incidents.Archive.
func (s *Store) List(ctx context.Context, f *incidents.Filter) (list []incidents.Incident, total int, err error) {
	err = s.query(ctx, func(db *sql.DB) error {
		choices := choicesOf(f)
		for i := range choices {
			if err := choices[i].judge(ctx, db); err != nil {
				return err
			}
		}
		list, total, err = page(ctx, db, f, choices)
		return err
	})
	if err != nil {
		err = fmt.Errorf("list incidents: %w", err)
	}
	return list, total, err
}

// page reads one page of a list, and counts the whole list, unless that would mean to look at every case: then the
// total is -1.
func page(ctx context.Context, db *sql.DB, f *incidents.Filter, choices []choice) (list []incidents.Incident, total int, err error) {
	where, args := conditions(f)
	driven := false // by a choice of few
	for i := range choices {
		c := &choices[i]
		switch {
		case !c.wide:
			where, driven = append(where, "id IN ("+c.in+")"), true
		case c.exists != "":
			where = append(where, "EXISTS ("+c.exists+")")
		default:
			where = append(where, "id IN ("+c.in+")")
		}
		args = append(args, c.args...)
	}
	from := " FROM incident"
	condition := ""
	if len(where) > 0 {
		condition = " WHERE " + strings.Join(where, " AND ")
	}
	total = -1
	if driven || len(choices) == 0 {
		if err := db.QueryRowContext(ctx, "SELECT count(*)"+from+condition, args...).Scan(&total); err != nil {
			return nil, 0, err
		}
	}
	if !driven { // the first that are chosen end the walk
		from += " INDEXED BY incident_updated"
	}
	limit := f.Limit
	if limit <= 0 {
		limit = listDefault
	}
	query := "SELECT doc" + from + condition + " ORDER BY updated DESC, id DESC LIMIT ?"
	list, err = scanIncidents(db.QueryContext(ctx, query, append(args, min(limit, listMost))...))
	return list, total, err
}

// conditions is the part of a filter that the table of incidents answers itself.
func conditions(f *incidents.Filter) (all []string, args []any) {
	add := func(sql string, values ...any) { all, args = append(all, sql), append(args, values...) }
	if len(f.States) > 0 {
		states := make([]any, len(f.States))
		for i, state := range f.States {
			states[i] = string(state)
		}
		add("state IN (?"+strings.Repeat(", ?", len(states)-1)+")", states...)
	}
	if f.Severity > incidents.Info {
		add("severity >= ?", int64(f.Severity))
	}
	if !f.Since.IsZero() {
		add("updated >= ?", f.Since.UnixNano())
	}
	if !f.Until.IsZero() {
		add("updated < ?", f.Until.UnixNano())
	}
	if f.Before > 0 {
		add("(updated, id) < (SELECT updated, id FROM incident WHERE id = ?)", int64(f.Before))
	}
	return all, args
}

// choicesOf is the part of a filter that other tables answer.
func choicesOf(f *incidents.Filter) (all []choice) {
	for attacker, p := range []netip.Prefix{f.Victim, f.Attacker} {
		if p.IsValid() {
			first, last := bounds(p)
			const in = "SELECT party.incident FROM party WHERE addr BETWEEN ? AND ? AND attacker = ?"
			all = append(all, choice{in: in, exists: in + " AND party.incident = incident.id", args: []any{first[:], last[:], attacker}})
		}
	}
	if f.Rule != "" {
		const in = "SELECT broken.incident FROM broken WHERE rule = ?"
		all = append(all, choice{in: in, exists: in + " AND broken.incident = incident.id", args: []any{f.Rule}})
	}
	if words := searched(f.Text); len(words) > 0 {
		all = append(all, choice{words: words})
	} else if f.Text != "" { // nothing of it is in any case's text
		all = append(all, choice{in: "SELECT 0 WHERE 0"})
	}
	return all
}

const (
	// maxWords bounds the words of a search: each is looked up. More are not looked for.
	maxWords = 8
	// prefixLeast is how many characters a word must have to be looked for as the beginning of others: fewer begin nearly
	// everything, and FTS5 merges the lists of all words with the same beginning.
	prefixLeast = 3
)

// searched are the words of a search, each once. What is no letter or digit separates words, as it does in FTS5's index; an
// address stays one word, whose parts must follow each other.
func searched(text string) (words []string) {
	for _, word := range strings.FieldsFunc(text, func(r rune) bool { return unicode.IsSpace(r) || r == 0 }) {
		if len(words) < maxWords && !slices.Contains(words, word) && strings.ContainsFunc(word, indexed) {
			words = append(words, word)
		}
	}
	return words
}

// indexed tells whether FTS5's tokenizer unicode61 takes a character for a part of a word.
func indexed(r rune) bool {
	return unicode.IsLetter(r) || unicode.IsNumber(r) || unicode.Is(unicode.Co, r)
}

// bounds are the first and the last address of a prefix in their 16 byte form.
func bounds(p netip.Prefix) (first, last [16]byte) {
	p = p.Masked()
	first = p.Addr().As16()
	last = first
	for bit := p.Bits() + 128 - p.Addr().BitLen(); bit < 128; bit++ {
		last[bit/8] |= 0x80 >> (bit % 8)
	}
	return first, last
}

// wordQuery makes a query of FTS5 out of a word that an operator types: it must begin a word of the case. One that many
// cases have as it stands is looked for only so: its list is read from the newest case on, as far as is needed, and not
// merged with others. Quotes take the meaning from FTS5's own signs, so that an address is just an address.
func wordQuery(ctx context.Context, db *sql.DB, word string) (query string, err error) {
	query = `"` + strings.ReplaceAll(word, `"`, `""`) + `"`
	var n int
	err = db.QueryRowContext(ctx, "SELECT count(*) FROM (SELECT 1 FROM words WHERE words MATCH ? LIMIT ?)", query, narrow+1).Scan(&n)
	if n <= narrow && utf8.RuneCountInString(word) >= prefixLeast {
		query += "*"
	}
	return query, err
}
