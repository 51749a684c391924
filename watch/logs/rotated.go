package logs

import (
	"cmp"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"picket/watch"
)

// maxSiblings bounds how many files of a directory are looked at in search of a rotated log.
const maxSiblings = 10000

// rotatedName says whether name is what log rotation makes of base: auth.log.1, auth.log-20261121, auth-20261121.log,
// each also with .gz. Nothing else that begins alike (access-ssl.log beside access.log) is.
func rotatedName(base, name string) bool {
	name = strings.TrimSuffix(name, ".gz")
	if suffix, ok := strings.CutPrefix(name, base); ok {
		return rotationSuffix(suffix)
	}
	ext := filepath.Ext(base)
	middle, ok := strings.CutPrefix(name, strings.TrimSuffix(base, ext))
	if !ok || ext == "" {
		return false
	}
	middle, ok = strings.CutSuffix(middle, ext)
	return ok && rotationSuffix(middle)
}

func rotationSuffix(s string) bool {
	if s == ".old" || s == ".bak" {
		return true
	}
	if len(s) < 2 || !strings.ContainsRune(".-_", rune(s[0])) {
		return false
	}
	return strings.Trim(s[1:], "0123456789-_.") == "" && strings.ContainsAny(s, "0123456789")
}

// sibling is a file beside a log.
type sibling struct {
	path     string
	id       identity
	modified time.Time
}

// siblings lists the regular files of path's directory that keep accepts, the longest unchanged first.
func siblings(path string, keep func(name string, id identity) bool) []sibling {
	dir, err := os.Open(filepath.Dir(path))
	if err != nil {
		return nil
	}
	defer dir.Close()
	entries, _ := dir.ReadDir(maxSiblings) // what could be read is looked at
	var found []sibling
	for _, e := range entries {
		info, err := settledInfo(dir.Name(), e.Name())
		if err != nil || !info.Mode().IsRegular() || !keep(e.Name(), identify(info)) {
			continue
		}
		found = append(found, sibling{filepath.Join(filepath.Dir(path), e.Name()), identify(info), info.ModTime()})
	}
	slices.SortFunc(found, func(a, b sibling) int {
		return cmp.Or(a.modified.Compare(b.modified), strings.Compare(b.path, a.path))
	})
	return found
}

// errInTheMaking is about a compressed file that is not finished.
var errInTheMaking = errors.New("it is still being compressed")

// settledInfo is about a finished file. While gzip works, its output stands beside its input and is of now; then it gets
// the input's time, and the input goes, in this order.
func settledInfo(dir, name string) (fs.FileInfo, error) {
	path := filepath.Join(dir, name)
	if input, ok := strings.CutSuffix(path, ".gz"); ok {
		if _, err := os.Lstat(input); err == nil {
			return nil, errInTheMaking
		}
	}
	return os.Lstat(path)
}

// search finds the file in which m is a position and which is no longer at m.Path: renamed (the same inode) or copied
// or compressed (a rotated name and the same first bytes). modified is when it was last written to. A file that taken
// accepts is passed over: it is being read already, or has a position of its own; known tells that there was one.
func search(m *watch.Mark, taken func(identity) bool) (found *file, modified time.Time, known bool) {
	base, self := filepath.Base(m.Path), identity{m.Device, m.Inode}
	all := siblings(m.Path, func(name string, id identity) bool {
		return id == self || name != base && rotatedName(base, name)
	})
	slices.SortStableFunc(all, func(a, b sibling) int { // the file itself before its copies
		return cmp.Compare(btoi(a.id != self), btoi(b.id != self))
	})
	for _, s := range all {
		f := openAt(s, m)
		switch {
		case f == nil:
		case taken(s.id):
			known = true
			f.closer.Close()
		default:
			return f, s.modified, known
		}
	}
	return nil, time.Time{}, known
}

func btoi(b bool) int {
	if b {
		return 1
	}
	return 0
}

// rotatedAfter lists the logs of path that were rotated away after a time, in order: they came and went while nobody
// looked.
func rotatedAfter(path string, after time.Time, taken func(identity) bool) []sibling {
	base := filepath.Base(path)
	return slices.DeleteFunc(siblings(path, func(name string, id identity) bool {
		return name != base && rotatedName(base, name) && !taken(id)
	}), func(s sibling) bool { return !s.modified.After(after) })
}

// openAt opens s and returns it at position m, or nil when m is no position in it.
func openAt(s sibling, m *watch.Mark) *file {
	f, size, err := openSibling(s, m.Path)
	if err != nil {
		return nil
	}
	head, ok := fits(f.reader, size, m)
	if !ok {
		f.closer.Close()
		return nil
	}
	f.head, f.offset, f.place.skip = head, m.Offset, m.Skip
	f.complete = f.complete || f.id != identity{m.Device, m.Inode}
	return f
}

// openSibling opens a rotated log, compressed or not. The size is -1 when it is compressed.
func openSibling(s sibling, path string) (*file, int64, error) {
	h, id, size, err := openRegular(s.path)
	if err != nil {
		return nil, 0, err
	}
	f := &file{path: path, id: id, reader: h, closer: h, old: true}
	if strings.HasSuffix(s.path, ".gz") {
		if f.reader, err = newUnzipped(h); err != nil {
			h.Close()
			return nil, 0, err
		}
		f.complete = true
		size = -1
	}
	return f, size, nil
}

// vanished says whether err means that there is no such file.
func vanished(err error) bool { return errors.Is(err, fs.ErrNotExist) }
