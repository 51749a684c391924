package notify

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// spool keeps messages on disk until they are delivered: one file each, written beside and renamed, so that none is half
// there after a crash. Its names sort by time.
type spool struct {
	dir  string
	next int
}

const (
	maxSpool  = 10000 // messages; the oldest are given up for new ones
	spoolFile = ".json"
)

// openSpool reads what waits. Damaged files are put aside and told.
func openSpool(dir string, warn func(error)) (*spool, []*Message, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, nil, fmt.Errorf("open the queue of notifications: %w (is state-dir writable?)", err)
	}
	s := &spool{dir: dir}
	files, err := os.ReadDir(dir)
	if err != nil {
		return nil, nil, fmt.Errorf("open the queue of notifications: %w", err)
	}
	var list []*Message
	for _, f := range files {
		if !strings.HasSuffix(f.Name(), spoolFile) || strings.HasPrefix(f.Name(), ".") {
			continue
		}
		m, err := s.read(f.Name())
		if err != nil {
			warn(fmt.Errorf("a notification in the queue is damaged and was put aside: %w", err))
			_ = os.Rename(filepath.Join(dir, f.Name()), filepath.Join(dir, f.Name()+".damaged"))
			continue
		}
		list = append(list, m)
	}
	slices.SortFunc(list, func(a, b *Message) int { return cmp.Compare(a.ID, b.ID) })
	return s, list, nil
}

func (s *spool) read(name string) (*Message, error) {
	text, err := os.ReadFile(filepath.Join(s.dir, name))
	if err != nil {
		return nil, err
	}
	var m Message
	if err := json.Unmarshal(text, &m); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	if m.ID+spoolFile != name {
		return nil, fmt.Errorf("%s: it calls itself %q", name, m.ID)
	}
	return &m, nil
}

// name gives a message its number.
func (s *spool) name(m *Message, now time.Time) {
	s.next++
	m.ID = fmt.Sprintf("%020d-%06d", now.UnixNano(), s.next%1000000)
}

// write puts a message on disk, or its new state.
func (s *spool) write(m *Message) error {
	text, err := json.Marshal(m)
	if err != nil {
		return fmt.Errorf("queue a notification: %w", err)
	}
	to := filepath.Join(s.dir, m.ID+spoolFile)
	tmp := filepath.Join(s.dir, "."+m.ID)
	if err := os.WriteFile(tmp, text, 0o600); err != nil {
		return fmt.Errorf("queue a notification: %w (is the disk full?)", errors.Join(err, os.Remove(tmp)))
	}
	return os.Rename(tmp, to)
}

func (s *spool) remove(m *Message) error {
	if err := os.Remove(filepath.Join(s.dir, m.ID+spoolFile)); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}
