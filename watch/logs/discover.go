package logs

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"picket/watch"
)

// begin opens what was being read before the restart, at the positions kept: first what was rotated meanwhile, then
// what still stands at its path, then everything that is new.
func (t *Tail) begin() {
	var rotated, standing []watch.Mark
	marked := map[identity]bool{}
	stands := map[string]bool{}
	for _, m := range t.ownMarks() {
		t.known[m.Path] = true
		marked[identity{m.Device, m.Inode}] = true
		if t.stands(&m) {
			stands[m.Path] = true
			standing = append(standing, m)
		} else {
			rotated = append(rotated, m)
		}
	}
	for path, newest := range t.resumeRotated(rotated, marked) {
		if !stands[path] {
			t.recoverAll(path, rotatedAfter(path, newest, func(id identity) bool { return t.taken(id) || marked[id] }))
		}
	}
	for i := range standing {
		t.resumeStanding(&standing[i])
	}
	t.look()
}

// ownMarks returns the positions kept by an earlier run of this source for files that it still watches.
func (t *Tail) ownMarks() []watch.Mark {
	if t.keeper == nil {
		return nil
	}
	return slices.DeleteFunc(t.keeper.Marks(), func(m watch.Mark) bool {
		return m.Source != t.cfg.Name || m.Path == "" || !slices.ContainsFunc(t.cfg.Globs, func(glob string) bool {
			ok, err := filepath.Match(glob, m.Path)
			return err == nil && ok || glob == m.Path
		})
	})
}

// stands says whether the file in which m is a position is still at its path.
func (t *Tail) stands(m *watch.Mark) bool {
	h, id, size, err := openRegular(m.Path)
	if err != nil {
		return false
	}
	defer h.Close()
	if id.inode != m.Inode || id.device != m.Device && m.HeadLen == 0 {
		return false
	}
	_, ok := fits(h, size, m)
	return ok
}

// resumeStanding goes on at m. The device may have got another number; the inode and the fingerprint count.
func (t *Tail) resumeStanding(m *watch.Mark) {
	h, id, size, err := openRegular(m.Path)
	if err != nil {
		t.warn(&t.count.failed, err)
		return
	}
	head, ok := fits(h, size, m)
	if !ok || t.taken(id) {
		h.Close()
		return // it changed just now: look opens it from its beginning
	}
	f := &file{path: m.Path, id: id, reader: h, closer: h, head: head, offset: m.Offset}
	f.place.skip = m.Skip
	t.adopt(f)
}

// resumeRotated goes on at marks in files that are no longer at their paths, and returns for each path when the
// newest of them was last written to. marked are the files that have positions of their own.
func (t *Tail) resumeRotated(marks []watch.Mark, marked map[identity]bool) map[string]time.Time {
	newest := map[string]time.Time{}
	for i := range marks {
		m := &marks[i]
		self := identity{m.Device, m.Inode}
		f, modified, known := search(m, func(id identity) bool { return t.taken(id) || marked[id] && id != self })
		if f != nil {
			t.recover(f)
			if modified.After(newest[m.Path]) {
				newest[m.Path] = modified
			}
		} else if !known {
			t.count.lost.Add(1)
		}
		if f == nil || f.id != self {
			gone := *m
			gone.Gone = true
			t.note(gone)
		}
	}
	return newest
}

// recover reads on in a rotated file.
func (t *Tail) recover(f *file) {
	t.count.recovered.Add(1)
	t.adopt(f)
	t.note(f.mark())
}

// recoverAll reads rotated files that nobody has seen yet from their beginning.
func (t *Tail) recoverAll(path string, missed []sibling) {
	for _, s := range missed {
		f, _, err := openSibling(s, path)
		if err != nil {
			t.warn(&t.count.failed, err)
			continue
		}
		t.recover(f)
	}
}

// adopt puts f on the list, behind the files that stood at its path before.
func (t *Tail) adopt(f *file) {
	f.origin = &watch.Origin{Source: t.cfg.Name, Path: f.path, Host: t.cfg.Host}
	f.before = t.at[f.path]
	if f.old {
		f.deadline = time.Now().Add(t.cfg.Grace)
		if f.before != nil && !f.before.old {
			t.insertBefore(f, f.before)
			return
		}
	}
	t.at[f.path] = f
	t.files = append(t.files, f)
	t.count.opened.Add(1)
	t.count.files.Store(uint64(len(t.files)))
}

// insertBefore puts a recovered rest in front of the file that is at its path now.
func (t *Tail) insertBefore(f, current *file) {
	f.before, current.before = current.before, f
	t.files = slices.Insert(t.files, slices.Index(t.files, current), f)
	t.count.opened.Add(1)
	t.count.files.Store(uint64(len(t.files)))
}

func (t *Tail) taken(id identity) bool {
	return slices.ContainsFunc(t.files, func(f *file) bool { return f.id == id })
}

// look compares the paths with what is open: new files are opened, those that are no longer at a path retire, and
// those that are at another path go on under its name.
func (t *Tail) look() {
	at := map[string]identity{} // what is at each path
	named := map[identity]string{}
	paths := t.expand()
	for _, path := range paths {
		info, err := os.Stat(path)
		if err != nil {
			continue // it is between two names; the next look sees it
		}
		at[path] = identify(info)
		if _, twice := named[at[path]]; !twice {
			named[at[path]] = path
		}
	}
	open := map[identity]bool{}
	for _, f := range slices.Clone(t.files) {
		open[f.id] = true
		path, seen := named[f.id]
		switch {
		case !seen && !f.old:
			t.retire(f)
		case seen && !f.complete && at[f.path] != f.id:
			t.rename(f, path)
		}
	}
	for _, path := range paths {
		if id, ok := at[path]; ok && named[id] == path && !open[id] && !t.copies[id] {
			t.arrive(path)
		}
	}
	t.forgetCopies(named)
}

// rename goes on with f under another of the globs' paths.
func (t *Tail) rename(f *file, path string) {
	if t.at[f.path] == f {
		delete(t.at, f.path)
	}
	for _, o := range t.files {
		if o.before == f {
			o.before = nil // nothing waits for the end of a file that is written to
		}
	}
	f.path, f.old, f.ended, f.before = path, false, false, nil
	f.origin = &watch.Origin{Source: t.cfg.Name, Path: path, Host: t.cfg.Host}
	t.at[path] = f
	t.remember(path)
	t.note(f.mark())
}

// forgetCopies drops copies that no path names any more.
func (t *Tail) forgetCopies(named map[identity]string) {
	for id := range t.copies {
		if _, ok := named[id]; !ok {
			delete(t.copies, id)
		}
	}
}

// expand returns the paths that the globs name now. A compressed file is never followed.
func (t *Tail) expand() []string {
	var paths []string
	for _, glob := range t.cfg.Globs {
		matches, _ := filepath.Glob(glob) // patterns were checked
		paths = append(paths, matches...)
	}
	slices.Sort(paths)
	all := len(paths)
	paths = slices.DeleteFunc(slices.Compact(paths), func(p string) bool { return strings.HasSuffix(p, ".gz") })
	t.count.compressed.Store(uint64(all - len(paths)))
	return paths
}

// retire keeps a rotated file open for those who still write to it, and looks for files that came and went at its
// path since the last look.
func (t *Tail) retire(f *file) {
	t.count.rotated.Add(1)
	f.old, f.ended, f.deadline = true, false, time.Now().Add(t.cfg.Grace)
	t.limitOld(f.path)
	h, ok := f.reader.(*os.File)
	if !ok {
		return
	}
	if info, err := h.Stat(); err == nil {
		t.recoverAll(f.path, rotatedAfter(f.path, info.ModTime(), t.seen))
	}
}

// seen says whether a rotated file is being read, is a copy, or was read to its end.
func (t *Tail) seen(id identity) bool { return t.taken(id) || t.copies[id] || t.done[id] }

// limitOld finishes the oldest rotated file of a path when there are too many.
func (t *Tail) limitOld(path string) {
	n := 0
	for i := len(t.files) - 1; i >= 0; i-- {
		if f := t.files[i]; f.old && f.path == path {
			if n++; n > maxOld {
				t.count.overrun.Add(1)
				f.deadline = time.Time{}
			}
		}
	}
}

// arrive opens the file at path.
func (t *Tail) arrive(path string) {
	if len(t.files) >= maxFiles {
		t.count.overrun.Add(1)
		return
	}
	h, id, size, err := openRegular(path)
	if vanished(err) {
		return
	}
	if err != nil {
		t.warn(&t.count.refused, err)
		return
	}
	if t.taken(id) || t.isCopy(path, h, id) {
		h.Close()
		return
	}
	delete(t.done, id) // the number of a deleted file, used again
	f := &file{path: path, id: id, reader: h, closer: h}
	if !t.known[path] {
		f.offset = t.startOf(h, size)
	}
	if _, err := f.check(max(f.offset, headSize)); err != nil {
		t.warn(&t.count.failed, err)
	}
	t.remember(path)
	t.adopt(f)
	t.note(f.mark())
}

// remember notes that path has been seen. Beyond the bound a path is new each time it comes: Start then applies.
func (t *Tail) remember(path string) {
	if len(t.known) < 8*maxFiles {
		t.known[path] = true
	}
}

// isCopy says whether h is what copytruncate is making of a file that is being read: the same beginning under a
// rotated name. It is not read for itself, or its lines would be delivered twice. While there is less of it than the
// beginning it is not known yet what it will be: it is left for the next look.
func (t *Tail) isCopy(path string, h *os.File, id identity) bool {
	for _, f := range t.files {
		if len(f.head) == 0 || !rotatedName(filepath.Base(f.path), filepath.Base(path)) {
			continue
		}
		if partOf(h, f.head) {
			return true
		}
		m := f.mark()
		m.Offset = 0
		if _, ok := fits(h, -1, &m); ok {
			t.copies[id] = true
			t.count.copies.Add(1)
			return true
		}
	}
	return false
}

// partOf says whether h holds less than head, and nothing else than the beginning of it.
func partOf(h *os.File, head []byte) bool {
	start := make([]byte, len(head))
	n, err := h.ReadAt(start, 0)
	return errors.Is(err, io.EOF) && n < len(head) && bytes.HasPrefix(head, start[:n])
}

// startOf returns where a file that was there before picket begins to be read.
func (t *Tail) startOf(h *os.File, size int64) int64 {
	switch {
	case t.begun || t.cfg.Start == FromBeginning:
		return 0
	case t.cfg.Start == FromSince:
		return since(h, size, t.cfg.Older)
	}
	return lastLineEnd(h, size, t.cfg.Encoding)
}

// directories are where names of logs can appear.
func (t *Tail) directories() []string {
	var dirs []string
	for _, glob := range t.cfg.Globs {
		matches, _ := filepath.Glob(filepath.Dir(glob))
		dirs = append(dirs, matches...)
	}
	slices.Sort(dirs)
	return slices.Compact(dirs)
}
