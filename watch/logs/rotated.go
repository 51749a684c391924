package logs

import (
	"cmp"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"picket/watch"
)

// maxSiblings bounds how many files of a directory are looked at in search of a rotated log.
const maxSiblings = 10000

// rotatedName says whether name is what log rotation makes of base: auth.log.1, auth.log-20261121, auth-20261121.log,
// each also compressed. Nothing else that begins alike (access-ssl.log beside access.log) is.
func rotatedName(base, name string) bool {
	name = strings.TrimSuffix(name, zipped(name))
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
	modified int64 // nanoseconds since 1970
}

// maxScans is how often a directory is read again that changes meanwhile: a rotation renames what is being looked for.
const maxScans = 8

// siblings lists the regular files of path's directory that keep accepts, the longest unchanged first.
func siblings(path string, keep func(name string, id identity) bool) (found []sibling) {
	dir := filepath.Dir(path)
	for range maxScans {
		before, err := os.Stat(dir)
		if err != nil {
			return nil
		}
		found = scan(dir, keep)
		if after, err := os.Stat(dir); err != nil || after.ModTime().Equal(before.ModTime()) {
			break
		}
	}
	slices.SortFunc(found, func(a, b sibling) int {
		return cmp.Or(cmp.Compare(a.modified, b.modified), strings.Compare(b.path, a.path))
	})
	return found
}

func scan(folder string, keep func(name string, id identity) bool) (found []sibling) {
	dir, err := os.Open(folder)
	if err != nil {
		return nil
	}
	defer dir.Close()
	entries, _ := dir.ReadDir(maxSiblings) // what could be read is looked at
	for _, e := range entries {
		info, err := settledInfo(folder, e.Name())
		if err != nil || !info.Mode().IsRegular() || !keep(e.Name(), identify(info)) {
			continue
		}
		found = append(found, sibling{filepath.Join(folder, e.Name()), identify(info), info.ModTime().UnixNano()})
	}
	return found
}

// errInTheMaking is about a compressed file that is not finished.
var errInTheMaking = errors.New("it is still being compressed")

// settledInfo is about a finished file. While gzip (zstd, bzip2) works, its output stands beside its input and is of now; then it gets
// the input's time, and the input goes, in this order.
func settledInfo(dir, name string) (fs.FileInfo, error) {
	path := filepath.Join(dir, name)
	if end := zipped(name); end != "" {
		if _, err := os.Lstat(strings.TrimSuffix(path, end)); err == nil {
			return nil, errInTheMaking
		}
	}
	return os.Lstat(path)
}

// search finds the file in which m is a position and which is no longer at m.Path: renamed (the same inode) or copied
// or compressed (a rotated name and the same bytes). A file that passed accepts is passed over: it is being read already,
// or has a position of its own; known tells that there was one.
func search(m *watch.Mark, passed func(sibling) bool) (found *file, known bool) {
	for range maxScans {
		var moved bool
		if found, known, moved = searchOnce(m, passed); found != nil || !moved {
			break
		}
	}
	return found, known
}

// searchOnce also tells whether a file was no longer where its directory said: it was renamed just now.
func searchOnce(m *watch.Mark, passed func(sibling) bool) (found *file, known, moved bool) {
	base, self := filepath.Base(m.Path), identity{m.Device, m.Inode}
	all := siblings(m.Path, func(name string, id identity) bool {
		return m.HeadLen > 0 && (id == self || name != base && rotatedName(base, name))
	})
	slices.SortStableFunc(all, func(a, b sibling) int { // the file itself before its copies, the likely ones first
		return cmp.Or(btoi(a.id != self)-btoi(b.id != self), btoi(a.modified < m.Since)-btoi(b.modified < m.Since))
	})
	for _, s := range all {
		f, size, err := openSibling(s, m.Path)
		if err != nil {
			moved = moved || vanished(err)
			continue
		}
		fit := f.resume(size, m)
		if fit && !passed(s) {
			f.complete = f.complete || s.id != self
			return f, known, moved
		}
		known = known || fit
		f.closer.Close()
	}
	return nil, known, moved
}

func btoi(b bool) int {
	if b {
		return 1
	}
	return 0
}

// rotatedAfter lists the logs of path that were rotated away after a time, in order, and that nobody has seen: they came
// and went while nobody looked.
func rotatedAfter(path string, after int64, seen func(sibling) bool) []sibling {
	base := filepath.Base(path)
	all := siblings(path, func(name string, _ identity) bool { return name != base && rotatedName(base, name) })
	return slices.DeleteFunc(all, func(s sibling) bool { return s.modified <= after || seen(s) })
}

// openSibling opens a rotated log, compressed or not. The size is -1 when it is compressed. When another file has its name
// by now it has vanished.
func openSibling(s sibling, path string) (*file, int64, error) {
	h, info, err := openRegular(s.path)
	if err == nil && identify(info) != s.id {
		h.Close()
		err = fs.ErrNotExist
	}
	if err != nil {
		return nil, 0, err
	}
	f := &file{path: path, id: s.id, reader: h, closer: h, old: true, since: s.modified}
	end := zipped(s.path)
	if end == "" {
		return f, info.Size(), nil
	}
	f.complete = true
	if f.reader, err = newUnzipped(end, h); err != nil {
		h.Close()
		return nil, 0, err
	}
	return f, -1, nil
}

// vanished says whether err means that there is no such file.
func vanished(err error) bool { return errors.Is(err, fs.ErrNotExist) }
