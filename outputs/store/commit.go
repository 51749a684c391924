package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"
)

// maxWaiting bounds the bytes of entries and evidence that wait for the database. Incidents and measures are not
// counted: each waits at most once.
const maxWaiting = 32 << 20

// queue is what waits for the database, in order; a record that replaces another takes its place.
type queue struct {
	records []record
	at      map[slot]int // where the record of a thing waits, if its kind replaces
	bytes   int64
}

type slot struct {
	kind kind
	key  int64
}

func (q *queue) len() int { return len(q.records) }

func (q *queue) put(r record) {
	if !kinds[r.kind].replaces {
		q.bytes += size(&r)
		q.records = append(q.records, r)
		return
	}
	where := slot{r.kind, r.key}
	if i, waits := q.at[where]; waits {
		q.records[i] = r
		return
	}
	if q.at == nil {
		q.at = map[slot]int{}
	}
	q.at[where] = len(q.records)
	q.records = append(q.records, r)
}

// putBack puts what could not be committed before what has come since.
func (q *queue) putBack(old []record) {
	newer := q.records
	*q = queue{}
	for _, r := range old {
		q.put(r)
	}
	for _, r := range newer {
		q.put(r)
	}
}

func size(r *record) int64 { return int64(len(r.doc) + len(r.data)) }

// store journals records and queues them for the database. With an error they wait in memory only.
func (s *Store) store(records ...record) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	records = s.admit(records)
	if len(records) == 0 {
		return nil
	}
	err := s.journal.append(records)
	if err != nil {
		s.count.unjournaled.Add(uint64(len(records)))
		if !s.failing {
			s.log.Error("incidents are kept in memory until the disk takes them again", "error", err)
		}
	}
	s.failing = err != nil
	for _, r := range records {
		s.pending.put(r)
	}
	select {
	case s.commits <- nil:
	default: // one waits already
	}
	return err
}

// admit leaves out entries and evidence when too much waits.
func (s *Store) admit(records []record) []record {
	if s.pending.bytes < maxWaiting {
		return records
	}
	var kept []record
	for _, r := range records {
		if kinds[r.kind].replaces {
			kept = append(kept, r)
		} else {
			s.count.lost.Add(1)
		}
	}
	return kept
}

// run commits whenever something waits, and keeps the bounds of retention.
func (s *Store) run() {
	defer close(s.done)
	tidy := time.NewTicker(tidyEvery)
	defer tidy.Stop()
	backoff := retryFirst
	var again <-chan time.Time // after a commit that failed
	for {
		var answer chan error
		select {
		case answer = <-s.commits:
			if answer == nil && again != nil {
				continue // it will be tried in time
			}
			if answer == nil {
				answer = s.gather()
			}
		case <-again:
		case r := <-s.repairs:
			r.answer <- s.replaceDatabase(r.why)
			continue
		case <-tidy.C:
			s.tidy()
			continue
		case <-s.quit:
			return
		}
		err := s.commit()
		if answer != nil {
			answer <- err
		}
		if err == nil {
			again, backoff = nil, retryFirst
			continue
		}
		s.failed(err, backoff)
		again, backoff = time.After(backoff), min(2*backoff, retryMost)
	}
}

const (
	retryFirst = 250 * time.Millisecond
	retryMost  = 30 * time.Second
)

// failed tells of a failing commit, once until one succeeds.
func (s *Store) failed(err error, backoff time.Duration) {
	s.count.retries.Add(1)
	if backoff == retryFirst {
		s.log.Error("incidents wait for the database", "error", err)
	}
}

// gather waits until a burst is over, so that it becomes few commits and takes no CPU from those who fight it; somebody
// who waits for the commit ends it.
func (s *Store) gather() (answer chan error) {
	step := time.NewTicker(gather)
	defer step.Stop()
	end := time.After(gatherMost)
	for last := s.waiting(); ; {
		select {
		case <-step.C:
			n := s.waiting()
			if n == last || n >= gatherFull {
				return nil
			}
			last = n
		case answer = <-s.commits:
			if answer != nil {
				return answer
			}
		case <-end:
			return nil
		case <-s.quit:
			return nil
		}
	}
}

// waiting returns how many records wait for the database.
func (s *Store) waiting() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.pending.len()
}

// commit brings all that waits into the database, in one transaction. What fails waits again.
func (s *Store) commit() error {
	s.mu.Lock()
	batch, upTo := s.pending.records, s.journal.seq
	s.pending, s.flight = queue{}, batch
	s.mu.Unlock()
	if len(batch) == 0 {
		return nil
	}
	err := s.transact(batch, upTo)
	if damaged(err) || errors.Is(err, errNoDatabase) {
		if err = s.replaceDatabase(err); err == nil {
			err = s.transact(batch, upTo)
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.flight = nil
	if err != nil {
		s.pending.putBack(batch)
		return fmt.Errorf("commit %d records to %s: %w (tried again)", len(batch), s.Path(), err)
	}
	s.count.commits.Add(1)
	return s.journal.applied(upTo)
}

func (s *Store) transact(batch []record, upTo uint64) error {
	s.dbMu.RLock()
	defer s.dbMu.RUnlock()
	if s.write == nil {
		return errNoDatabase
	}
	ctx := context.Background()
	tx, err := s.write.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }()
	w := newWriter(ctx, tx)
	for i := range batch {
		if err := s.apply(w, &batch[i]); err != nil {
			return err
		}
	}
	if err := w.exec("UPDATE meta SET value = ? WHERE key = 'applied'", int64(upTo)); err != nil {
		return err
	}
	return w.commit()
}

// apply brings one record into the database. One that the database will never take is left out, told and counted: it
// must not keep the others waiting.
func (s *Store) apply(w *writer, r *record) error {
	k, known := kinds[r.kind]
	err := errKind
	if known {
		err = k.apply(w, r)
	}
	if errors.Is(err, errDocument) || errors.Is(err, errKind) || hasCode(err, codeConstraint, codeMismatch, codeTooBig) {
		s.count.lost.Add(1)
		s.log.Error("a record of the incident journal is left out", "number", r.seq, "kind", r.kind, "error", err)
		return nil
	}
	return err
}

var (
	errKind       = errors.New("its kind is not known (was it written by a newer picket?)")
	errDocument   = errors.New("its document cannot be read")
	errNoDatabase = errors.New("no database is open")
	errClosed     = errors.New("the incident store is closed")
)

// query runs f on the database after everything that was kept before is in it, or at once when that fails. When f finds
// the database damaged, it runs once more on the new one.
func (s *Store) query(ctx context.Context, f func(db *sql.DB) error) error {
	if s.lock == nil { // of another program, or of nobody
		return s.look(f)
	}
	if err := s.flush(ctx); err != nil && ctx.Err() != nil {
		return err
	}
	err := s.look(f)
	if !damaged(err) {
		return err
	}
	r := repair{why: err, answer: make(chan error, 1)}
	select {
	case s.repairs <- r:
	case <-s.done:
		return err
	}
	if err := <-r.answer; err != nil {
		return err
	}
	return s.look(f)
}

// repair asks for a new database in the place of a damaged one.
type repair struct {
	why    error
	answer chan error
}

func (s *Store) look(f func(db *sql.DB) error) error {
	s.dbMu.RLock()
	defer s.dbMu.RUnlock()
	if s.read == nil {
		return errNoDatabase
	}
	return f(s.read)
}

// flush commits what waits now, so that a query sees it.
func (s *Store) flush(ctx context.Context) error {
	answer := make(chan error, 1)
	select {
	case s.commits <- answer:
	case <-s.done:
		return errClosed
	case <-ctx.Done():
		return ctx.Err()
	}
	select {
	case err := <-answer:
		return err
	case <-s.done:
		return errClosed
	case <-ctx.Done():
		return ctx.Err()
	}
}
