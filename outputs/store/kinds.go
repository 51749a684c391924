package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"

	"picket/incidents"
)

// kind says what a record is. The numbers stand in journals: they never change.
type kind uint8

const (
	kindIncident kind = 1 // key: its ID; doc: incidents.Incident
	kindEntry    kind = 2 // key: of the incident; doc: incidents.Entry
	kindEvidence kind = 3 // key: of the incident; doc: incidents.Evidence without its data
	kindMeasure  kind = 4 // key: its ID; doc: measure.Measure
)

// kinds says for each kind how the database takes a record, and whether a later one with the same key replaces it.
var kinds = map[kind]struct {
	apply    func(w *writer, r *record) error
	replaces bool
}{
	kindIncident: {applyIncident, true},
	kindEntry:    {applyEntry, false},
	kindEvidence: {applyEvidence, false},
	kindMeasure:  {applyMeasure, true},
}

// newRecord is a record of a thing that JSON can say. Of the thing only what later changes leave alone may be read when
// the record is applied.
func newRecord[T any](k kind, key int64, thing *T, data []byte) (record, error) {
	text, err := json.Marshal(thing)
	if err != nil {
		return record{}, fmt.Errorf("keep: %w", err)
	}
	return record{kind: k, key: key, doc: text, data: data, thing: *thing}, nil
}

// decoded returns what a record is about, read from its document if an earlier run has kept it.
func decoded[T any](r *record) (T, error) {
	if v, ok := r.thing.(T); ok {
		return v, nil
	}
	var v T
	if err := json.Unmarshal(r.doc, &v); err != nil {
		return v, fmt.Errorf("%w: %w", errDocument, err)
	}
	return v, nil
}

// writer is a transaction whose statements are compiled once. Words to search for come last: SQLite brings its index of
// them up to date before each statement that replaces a row.
type writer struct {
	ctx        context.Context
	tx         *sql.Tx
	statements map[string]*sql.Stmt
	words      []words
}

// words is what a case is found by.
type words struct {
	id   int64
	text string
}

func newWriter(ctx context.Context, tx *sql.Tx) *writer {
	return &writer{ctx: ctx, tx: tx, statements: map[string]*sql.Stmt{}}
}

// commit writes the words and ends the transaction.
func (w *writer) commit() error {
	for _, of := range w.words {
		if err := w.exec("INSERT OR REPLACE INTO words (rowid, text) VALUES (?, ?)", of.id, of.text); err != nil {
			return err
		}
	}
	return w.tx.Commit()
}

func (w *writer) exec(query string, args ...any) error {
	st := w.statements[query]
	if st == nil {
		var err error
		if st, err = w.tx.PrepareContext(w.ctx, query); err != nil {
			return err
		}
		w.statements[query] = st
	}
	_, err := st.ExecContext(w.ctx, args...)
	return err
}

func applyEntry(w *writer, r *record) error {
	e, err := decoded[incidents.Entry](r)
	if err != nil {
		return err
	}
	return w.exec("INSERT OR REPLACE INTO entry VALUES (?, ?, ?, ?, ?)", int64(r.seq), r.key, e.Time.UnixNano(), e.Kind, string(r.doc))
}

func applyEvidence(w *writer, r *record) error {
	e, err := decoded[incidents.Evidence](r)
	if err != nil {
		return err
	}
	data := r.data
	if data == nil {
		data = []byte{}
	}
	return w.exec("INSERT OR REPLACE INTO evidence VALUES (?, ?, ?, ?, ?, ?, ?)", int64(r.seq), r.key, e.Time.UnixNano(), e.Kind, e.Name, e.Type, data)
}

// applyIncident writes a case and what it is found by. Of its parties and rules the case forgets none, so that rows
// are only added.
func applyIncident(w *writer, r *record) error {
	c, err := decoded[incidents.Incident](r)
	if err != nil {
		return err
	}
	id := int64(c.ID)
	err = w.exec("INSERT OR REPLACE INTO incident VALUES (?, ?, ?, ?, ?, ?)",
		id, string(c.State), int64(c.Severity), c.Opened.UnixNano(), c.Updated.UnixNano(), string(r.doc))
	if err != nil {
		return err
	}
	for _, p := range partiesOf(&c) {
		if err := w.exec("INSERT OR IGNORE INTO party VALUES (?, ?, ?)", p.addr[:], p.attacker, id); err != nil {
			return err
		}
	}
	for i := range c.Rules {
		if err := w.exec("INSERT OR IGNORE INTO broken VALUES (?, ?)", c.Rules[i].ID, id); err != nil {
			return err
		}
	}
	w.words = append(w.words, words{id, wordsOf(&c)})
	return nil
}
