package logs

import (
	"cmp"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"picket/watch"
)

// begin opens what was being read before the restart, at the positions kept: first what was rotated meanwhile, then
// what still stands at its path, then everything that is new.
func (t *Tail) begin() {
	marks := t.ownMarks()
	var rotated, standing []watch.Mark
	stands := map[string]bool{}
	for _, m := range marks {
		t.known[m.Path] = true
		if t.stands(&m) {
			stands[m.Path] = true
			standing = append(standing, m)
		} else {
			rotated = append(rotated, m)
		}
	}
	slices.SortStableFunc(rotated, func(a, b watch.Mark) int { return cmp.Compare(a.Since, b.Since) })
	for path, newest := range t.resumeRotated(rotated, marks) {
		if !stands[path] && newest > 0 {
			t.recoverAfter(path, newest, func(s sibling) bool { return t.seen(s) || isAnother(s, nil, marks) })
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

// stands says whether the file in which m is a position is still at its path. It may have got another device's or inode's
// number (another boot, NFS, a copy that took its place): the bytes count.
func (t *Tail) stands(m *watch.Mark) bool {
	h, info, err := openRegular(m.Path)
	if err != nil {
		return false
	}
	defer h.Close()
	if m.HeadLen < headSize && identify(info).inode != m.Inode || m.HeadLen == 0 && identify(info).device != m.Device {
		return false
	}
	_, _, ok := fits(h, info.Size(), m)
	return ok
}

// resumeStanding goes on at m.
func (t *Tail) resumeStanding(m *watch.Mark) {
	h, info, err := openRegular(m.Path)
	if err != nil {
		t.warn(&t.count.failed, err)
		return
	}
	f := &file{path: m.Path, id: identify(info), reader: h, closer: h}
	if t.taken(f.id) || !f.resume(info.Size(), m) {
		h.Close()
		return // it changed just now: look opens it from its beginning
	}
	t.adopt(f)
	t.renumbered(f, m)
}

// renumbered forgets the position m of a file that has another number than it had.
func (t *Tail) renumbered(f *file, m *watch.Mark) {
	if f.id == (identity{m.Device, m.Inode}) {
		return
	}
	t.note(f.mark())
	gone := *m
	gone.Gone = true
	t.note(gone)
}

// resumeRotated goes on at marks in files that are no longer at their paths, and returns for each path when the newest of
// what was read was last written to. all are the marks that files have. Of a file that was empty nothing is known that it
// could be found by: it is among those that were written to later.
func (t *Tail) resumeRotated(marks, all []watch.Mark) map[string]int64 {
	newest := map[string]int64{}
	for i := range marks {
		m := &marks[i]
		newest[m.Path] = max(newest[m.Path], m.Since)
		f, known := search(m, func(s sibling) bool { return t.taken(s.id) || isAnother(s, m, all) })
		if f != nil {
			t.recover(f)
		} else if !known && m.Offset > 0 {
			t.warn(&t.count.lost, fmt.Errorf("read log %s: the file that was read before is gone, and what had not been read of it (was it rotated to another directory, or compressed with xz?)", m.Path))
		}
		if f == nil || f.id != (identity{m.Device, m.Inode}) {
			gone := *m
			gone.Gone = true
			t.note(gone)
		}
	}
	return newest
}

// isAnother says whether s is the file of another of the marks than m.
func isAnother(s sibling, m *watch.Mark, marks []watch.Mark) bool {
	return slices.ContainsFunc(marks, func(o watch.Mark) bool {
		return o.HeadLen > 0 && (identity{o.Device, o.Inode}) == s.id && (m == nil || !o.Same(m)) && s.has(func(r io.ReaderAt, size int64) bool {
			_, _, ok := fits(r, size, &o)
			return ok
		})
	})
}

// recover reads on in a rotated file.
func (t *Tail) recover(f *file) {
	if _, err := f.check(headSize); err != nil { // its position shall say which file it is
		t.warn(&t.count.failed, err)
	}
	t.count.recovered.Add(1)
	t.adopt(f)
	t.note(f.mark())
}

// recoverAfter reads from their beginning the rotated files that were written to after a time, and that nobody has seen.
// When one of them is renamed just then it looks again.
func (t *Tail) recoverAfter(path string, after int64, seen func(sibling) bool) {
	for range maxScans {
		moved := false
		for _, s := range rotatedAfter(path, after, seen) {
			f, _, err := openSibling(s, path)
			switch {
			case err == nil:
				t.recover(f)
			case vanished(err):
				moved = true
			default:
				t.warn(&t.count.failed, err)
			}
		}
		if !moved {
			return
		}
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

// names are what stands at the paths of the globs.
type names struct {
	paths []string
	at    map[string]identity
	of    map[identity]string // the first path of each file
}

func (t *Tail) names() names {
	n := names{paths: t.expand(), at: map[string]identity{}, of: map[identity]string{}}
	for _, path := range n.paths {
		info, err := os.Stat(path)
		if err != nil {
			continue // it is between two names; the next look sees it
		}
		n.at[path] = identify(info)
		if _, twice := n.of[n.at[path]]; !twice {
			n.of[n.at[path]] = path
		}
	}
	return n
}

// look compares the paths with what is open: new files are opened, those that are no longer at a path retire, and
// those that are at another path go on under its name. Then it looks for those that came and went at a path that was left:
// a copy of a new file is not taken for one, because that is open by then.
func (t *Tail) look() {
	n := t.names()
	left := map[*file]string{} // which path
	for _, f := range slices.Clone(t.files) {
		path, seen := n.of[f.id]
		switch {
		case !seen && !f.old:
			left[f] = f.path
		case seen && !f.complete && n.at[f.path] != f.id:
			if rotatedName(filepath.Base(f.path), filepath.Base(path)) {
				left[f] = f.path
			}
			t.recheck(f) // what was copied of it has the names that its old one gives
			t.rename(f, path)
		}
	}
	arrived := t.arriveAll(n)
	for _, f := range slices.Clone(t.files) {
		t.recheck(f)
	}
	for _, f := range slices.Clone(t.files) {
		if was, ok := left[f]; ok {
			if f.path == was {
				t.retire(f)
			}
			t.recoverAfter(was, f.modified(), t.seen)
		}
	}
	for _, f := range arrived { // behind those that it follows: a position is kept when they have theirs
		t.note(f.mark())
	}
	t.forgetCopies(n.of)
}

// recheck notices what has become of a file while reading it had to wait: its position says which file it is, whatever
// comes next.
func (t *Tail) recheck(f *file) {
	if f.old || f.complete {
		return
	}
	had, modified := len(f.head), f.modified()
	if had == 0 {
		t.cameAndWent(f, modified)
	}
	same, err := f.check(headSize)
	switch {
	case err == nil && !same:
		t.truncated(f, modified)
	case had == 0 && len(f.head) > 0:
		t.note(f.mark())
	}
}

// arriveAll opens what is new.
func (t *Tail) arriveAll(n names) (arrived []*file) {
	for _, path := range n.paths {
		if id, ok := n.at[path]; ok && n.of[id] == path && !t.taken(id) && !t.stillCopy(path, id) {
			arrived = append(arrived, t.arrive(path)...)
		}
	}
	return arrived
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
	if f.before != nil && !f.before.old {
		f.before = nil
	}
	f.path, f.old, f.ended = path, false, false
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
	paths = slices.DeleteFunc(slices.Compact(paths), func(p string) bool { return zipped(p) != "" })
	t.count.compressed.Store(uint64(all - len(paths)))
	return paths
}

// retire keeps a rotated file open for those who still write to it.
func (t *Tail) retire(f *file) {
	t.count.rotated.Add(1)
	f.old, f.ended, f.deadline = true, false, time.Now().Add(t.cfg.Grace)
	t.limitOld(f.path)
}

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

// arrive opens the file at path, and returns it if it is to be read. What it is not may have been read already.
func (t *Tail) arrive(path string) []*file {
	if len(t.files) >= maxFiles {
		t.count.overrun.Add(1)
		return nil
	}
	h, info, err := openRegular(path)
	if vanished(err) {
		return nil
	}
	if err != nil {
		t.warn(&t.count.refused, err)
		return nil
	}
	id := identify(info)
	if t.taken(id) || t.isCopy(path, h, id) {
		h.Close()
		return nil
	}
	f := &file{path: path, id: id, reader: h, closer: h, since: info.ModTime().UnixNano()}
	if err := t.place(f, info); err != nil {
		t.warn(&t.count.failed, err)
	}
	t.remember(path)
	t.adopt(f)
	return []*file{f}
}

// place chooses where a new file begins to be read.
func (t *Tail) place(f *file, info fs.FileInfo) error {
	switch {
	case t.continues(f, info):
		return nil
	case !t.known[f.path]:
		f.since = time.Now().UnixNano() // what was rotated away before is nobody's
		return f.seek(t.startOf(f.reader, info.Size()))
	}
	return f.seek(0)
}

// remember notes that path has been seen. Beyond the bound a path is new each time it comes: Start then applies.
func (t *Tail) remember(path string) {
	if len(t.known) < 8*maxFiles {
		t.known[path] = true
	}
}

// startOf returns where a file that was there before picket begins to be read.
func (t *Tail) startOf(h io.ReaderAt, size int64) int64 {
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
