package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"
	"modernc.org/sqlite"
)

// Options of a store. Zero values mean the defaults.
type Options struct {
	Dir  string        // the state directory
	Keep time.Duration // resolved incidents are forgotten this long after their last finding; 0: 90 days
	Max  int64         // bytes of the database file; past it the oldest resolved incidents go first; 0: 1 GiB
	Log  *slog.Logger
}

// Store keeps things. Keep methods may be called by any goroutine and take microseconds; queries see all that was kept
// before them.
type Store struct {
	dir  string
	keep time.Duration
	max  int64
	log  *slog.Logger
	lock *os.File // held while the store is open

	mu      sync.Mutex // guards what follows
	journal *journal
	pending queue
	flight  []record // on its way into the database
	failing bool     // the journal takes nothing: told once

	dbMu  sync.RWMutex // write: while the database is exchanged
	write *sql.DB
	read  *sql.DB

	commits chan chan error // a request to commit now; nil: when it is time
	repairs chan repair     // of a database that a query has found damaged
	quit    chan struct{}
	done    chan struct{}
	count   counts
}

type counts struct {
	commits, retries, unjournaled, lost, removed, moved atomic.Uint64
}

// Stats is what a store has done and what waits.
type Stats struct {
	Commits     uint64 `json:"commits"`
	Retries     uint64 `json:"retries,omitempty"`     // commits that failed and are tried again
	Waiting     int    `json:"waiting"`               // records that the database does not hold yet
	Unjournaled uint64 `json:"unjournaled,omitempty"` // records that only memory holds until they are in the database
	Lost        uint64 `json:"lost,omitempty"`        // entries and evidence over the bound of what may wait
	Removed     uint64 `json:"removed,omitempty"`     // incidents that retention has removed
	Moved       uint64 `json:"moved,omitempty"`       // damaged databases that were moved aside
	Bytes       int64  `json:"bytes"`                 // of the database and its log
}

const (
	databaseName = "incidents.db"
	lockName     = "incidents.lock"
	// gather is how long a commit waits for more to come. While more comes it goes on waiting, up to gatherMost, or until
	// gatherFull records wait.
	gather     = 50 * time.Millisecond
	gatherMost = time.Second
	gatherFull = 16 << 10
	// busyTimeout is how long a statement waits for another program's lock.
	busyTimeout = time.Second
	// lockPatience is how long a start waits for the lock of the directory, looking every lockStep.
	lockPatience = 2 * time.Second
	lockStep     = 20 * time.Millisecond
	keepDefault  = 90 * 24 * time.Hour
	maxDefault   = 1 << 30
)

// Open opens or makes the store in a directory, applies what the journal holds beyond the database, and starts the
// goroutine of commits. A damaged or locked database is moved aside, and what can be read of it is kept.
func Open(o Options) (*Store, error) {
	s := &Store{
		dir: o.Dir, keep: o.Keep, max: o.Max, log: o.Log,
		commits: make(chan chan error, 1), repairs: make(chan repair), quit: make(chan struct{}), done: make(chan struct{}),
	}
	if s.keep <= 0 {
		s.keep = keepDefault
	}
	if s.max <= 0 {
		s.max = maxDefault
	}
	if err := os.MkdirAll(o.Dir, 0o700); err != nil {
		return nil, fmt.Errorf("open incident store: %w (is state-dir right, and may picket write there?)", err)
	}
	if err := s.open(); err != nil {
		return nil, errors.Join(fmt.Errorf("open incident store: %w", err), s.closeFiles())
	}
	go s.run()
	return s, nil
}

func (s *Store) open() (err error) {
	if s.lock, err = lockFile(filepath.Join(s.dir, lockName)); err != nil {
		return err
	}
	if err := s.openWithin(lockWait); err != nil {
		if !salvageable(err) {
			return err
		}
		if err := s.replaceDatabase(err); err != nil {
			return err
		}
	}
	applied, err := s.applied()
	if err != nil {
		return err
	}
	s.journal, err = openJournal(s.dir, func(r record) {
		if r.seq > applied {
			s.pending.put(r)
		}
	}, func(err error) { s.log.Warn(err.Error()) })
	if err != nil {
		return err
	}
	s.journal.seq = max(s.journal.seq, applied)
	if s.pending.len() > 0 {
		s.log.Info("incidents of the last run are brought into the database", "records", s.pending.len())
	}
	if err := s.commit(); err != nil { // the journal keeps it: tried again later
		s.log.Error("incidents are not in the database yet", "error", err)
	}
	return nil
}

// lockWait is how long a start waits for another program to let go of the database.
const lockWait = 10 * time.Second

// openWithin opens the database, and waits for one that another program has locked: what it holds may be measures that
// wait for approval, and a new one knows nothing of them.
func (s *Store) openWithin(wait time.Duration) error {
	told := false
	for until := time.Now().Add(wait); ; time.Sleep(100 * time.Millisecond) {
		err := s.openDatabase()
		if !hasCode(err, codeBusy, codeLocked) || time.Now().After(until) {
			return err
		}
		if !told {
			told = true
			s.log.Warn("another program has locked the incident database (end it: fuser -v FILE names it); waiting, then beginning a new one beside it",
				"file", s.Path(), "wait", wait)
		}
	}
}

// lockFile keeps a second picket out of the directory. It waits up to lockPatience: when picket is killed in the middle
// of starting a program, the child holds the lock until it has become that program.
func lockFile(path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	for waited := time.Duration(0); ; waited += lockStep {
		err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
		if err == nil {
			return f, nil
		}
		if waited >= lockPatience || !errors.Is(err, unix.EWOULDBLOCK) {
			f.Close()
			return nil, fmt.Errorf("lock %s: %w (another picket uses this directory; a second one needs its own state-dir)", path, err)
		}
		time.Sleep(lockStep)
	}
}

// Path of the database.
func (s *Store) Path() string { return filepath.Join(s.dir, databaseName) }

// openDatabase opens both sides of the database: one connection that writes, several that read.
func (s *Store) openDatabase() error {
	fresh, err := touch(s.Path())
	if err != nil {
		return err
	}
	options := []string{"_txlock=immediate", "_pragma=journal_mode(wal)", "_pragma=synchronous(full)"}
	if fresh { // it can only be said before the first table, and would wait for locks later
		options = append(options, "_pragma=auto_vacuum(incremental)")
	}
	write, err := sql.Open("sqlite", dsn(s.Path(), options...))
	if err != nil {
		return err
	}
	write.SetMaxOpenConns(1)
	err = migrate(context.Background(), write)
	if err == nil {
		err = sound(write)
	}
	if err != nil {
		return errors.Join(err, write.Close())
	}
	read, err := sql.Open("sqlite", dsn(s.Path(), "_pragma=query_only(1)", "_pragma=cache_size(-16384)"))
	if err != nil {
		return errors.Join(err, write.Close())
	}
	read.SetMaxOpenConns(4)
	s.write, s.read = write, read
	return nil
}

// touch makes the file before SQLite does, readable by nobody else, and tells whether it is empty.
func touch(path string) (fresh bool, err error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return false, err
	}
	info, err := f.Stat()
	if err = errors.Join(err, f.Close()); err != nil {
		return false, err
	}
	return info.Size() == 0, nil
}

func dsn(path string, options ...string) string {
	u := url.URL{Scheme: "file", Opaque: (&url.URL{Path: path}).EscapedPath()}
	u.RawQuery = fmt.Sprintf("_pragma=busy_timeout(%d)", busyTimeout.Milliseconds())
	for _, o := range options {
		u.RawQuery += "&" + o
	}
	return u.String()
}

// sound reads a row of each table: a database that is damaged where everybody has to pass is noticed at the start.
func sound(db *sql.DB) error {
	rows, err := db.Query("SELECT name FROM sqlite_schema WHERE type = 'table'")
	if err != nil {
		return err
	}
	names, err := scanAll(rows, func(r *sql.Rows) (name string, err error) { return name, r.Scan(&name) })
	if err != nil {
		return err
	}
	for _, name := range names {
		rows, err := db.Query(fmt.Sprintf("SELECT 1 FROM %q LIMIT 1", name))
		if err != nil {
			return err
		}
		if _, err := scanAll(rows, func(*sql.Rows) (int, error) { return 0, nil }); err != nil {
			return err
		}
	}
	return nil
}

// scanAll reads all rows and closes them.
func scanAll[T any](rows *sql.Rows, scan func(*sql.Rows) (T, error)) ([]T, error) {
	defer rows.Close()
	var all []T
	for rows.Next() {
		v, err := scan(rows)
		if err != nil {
			return nil, err
		}
		all = append(all, v)
	}
	return all, rows.Err()
}

func (s *Store) applied() (seq uint64, err error) {
	return seq, s.write.QueryRow("SELECT value FROM meta WHERE key = 'applied'").Scan(&seq)
}

// Primary result codes of SQLite (https://www.sqlite.org/rescode.html) that say what to do about an error.
const (
	codeError      = 1
	codeBusy       = 5
	codeLocked     = 6
	codeCorrupt    = 11
	codeTooBig     = 18
	codeConstraint = 19
	codeMismatch   = 20
	codeNotADB     = 26
	primaryCodes   = 0xff
)

// damaged tells whether an error says that the file is no sound database any more.
func damaged(err error) bool { return hasCode(err, codeCorrupt, codeNotADB) }

// salvageable: the store can go on with a new database beside this one.
func salvageable(err error) bool {
	return damaged(err) || hasCode(err, codeBusy, codeLocked) || errors.Is(err, errNewer) || errors.Is(err, errForeign)
}

func hasCode(err error, codes ...int) bool {
	var e *sqlite.Error
	if !errors.As(err, &e) {
		return false
	}
	for _, c := range codes {
		if e.Code()&primaryCodes == c {
			return true
		}
	}
	return false
}

// OpenReadOnly opens what a picket that is not running has left. Only queries may be asked of it; what only the journal
// holds comes into the database when picket starts.
func OpenReadOnly(dir string) (*Store, error) {
	s := &Store{dir: dir}
	if _, err := os.Stat(s.Path()); err != nil {
		return nil, fmt.Errorf("open incident store: %w", err)
	}
	var err error
	s.read, err = sql.Open("sqlite", dsn(s.Path(), "mode=ro"))
	return s, err
}

// Close commits what waits and closes everything. What the database did not take stays in the journal.
func (s *Store) Close() error {
	if s.lock == nil {
		return s.closeDatabase()
	}
	close(s.quit)
	<-s.done
	err := s.commit()
	return errors.Join(err, s.closeFiles())
}

func (s *Store) closeFiles() (err error) {
	if s.journal != nil {
		err = s.journal.end()
	}
	err = errors.Join(err, s.closeDatabase())
	if s.lock != nil {
		err = errors.Join(err, s.lock.Close())
	}
	return err
}

func (s *Store) closeDatabase() (err error) {
	if s.read != nil {
		err = s.read.Close()
	}
	if s.write != nil {
		err = errors.Join(err, s.write.Close())
	}
	s.read, s.write = nil, nil
	return err
}
