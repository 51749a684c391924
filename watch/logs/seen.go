package logs

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"syscall"

	"picket/watch"
)

// What has been read already must not be read again under another name or number: a rotated log that was finished and is
// compressed later, the copy that copytruncate makes, a log that a tool has written anew (rsync, an editor). A file is known
// again by its bytes, because a file system gives the number of a deleted file to the next one.

// over remembers that the file of m was read as far as m tells. The oldest is forgotten.
func (t *Tail) over(m watch.Mark) {
	if m.HeadLen == 0 {
		return
	}
	if len(t.done) >= maxFiles {
		t.done = slices.Delete(t.done, 0, 1)
	}
	t.done = append(t.done, m)
}

// seen says whether s is being read, is a copy of what is, or was read to its end.
func (t *Tail) seen(s sibling) bool {
	return t.taken(s.id) || s.has(func(r io.ReaderAt, size int64) bool {
		return t.wasRead(r, size, s.path) ||
			slices.ContainsFunc(t.files, func(f *file) bool { return beside(f.path, s.path) && copyOf(r, size, f) })
	})
}

// read says whether s is being read, or was read to its end. A copy of what is being read may hold what is unread.
func (t *Tail) read(s sibling) bool {
	return t.taken(s.id) || s.has(func(r io.ReaderAt, size int64) bool { return t.wasRead(r, size, s.path) })
}

// has says whether what s holds is what is looked for.
func (s sibling) has(what func(r io.ReaderAt, size int64) bool) bool {
	f, size, err := openSibling(s, "")
	if err != nil {
		return false
	}
	defer f.closer.Close()
	return what(f.reader, size)
}

// wasRead says whether r, which stands at path, is one of those that were read.
func (t *Tail) wasRead(r io.ReaderAt, size int64, path string) bool {
	return slices.ContainsFunc(t.done, func(m watch.Mark) bool {
		_, _, ok := fits(r, size, &m)
		return ok && beside(m.Path, path)
	})
}

// beside says whether two files are in one directory, as a log and what rotation makes of it are.
func beside(a, b string) bool { return filepath.Dir(a) == filepath.Dir(b) }

// copyOf says whether r holds what f does, as far as r goes: it may still be in the making.
func copyOf(r io.ReaderAt, size int64, f *file) bool {
	if len(f.head) == 0 {
		return false
	}
	m := f.mark()
	if size >= 0 && size < m.Offset {
		m.Offset, m.TailLen = 0, 0
	}
	_, _, ok := fits(r, size, &m)
	return ok || partOf(r, f.head)
}

// partOf says whether r holds less than head, and nothing else than the beginning of it.
func partOf(r io.ReaderAt, head []byte) bool {
	start := make([]byte, len(head))
	n, err := r.ReadAt(start, 0)
	return errors.Is(err, io.EOF) && n < len(head) && bytes.HasPrefix(head, start[:n])
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
		m.Offset, m.TailLen = 0, 0
		if _, _, ok := fits(h, -1, &m); ok {
			t.copies[id] = m
			t.count.copies.Add(1)
			return true
		}
	}
	return false
}

// stillCopy says whether the file at path is a copy that isCopy has found: its number may be another file's by now.
func (t *Tail) stillCopy(path string, id identity) bool {
	m, ok := t.copies[id]
	if !ok {
		return false
	}
	h, _, err := openRegular(path)
	if err == nil {
		_, _, ok = fits(h, -1, &m)
		h.Close()
	}
	if err == nil && !ok {
		delete(t.copies, id)
	}
	return ok
}

// continues makes the position in f that of a file which was at its path before and has the same bytes: it came back, or a
// tool has written it anew. What both hold behind the position is read in the old one. It reports whether there was one. A
// rotated log that is only like it (lines without dates) still has a name.
func (t *Tail) continues(f *file, info fs.FileInfo) bool {
	if o := t.at[f.path]; o != nil && nameless(o) {
		if m := o.mark(); m.HeadLen == headSize && f.resume(info.Size(), &m) {
			n := sharedLines(o.reader, f.reader, m.Offset)
			f.place.skip = m.Skip && n == 0
			return f.seek(m.Offset+n) == nil
		}
	}
	for i := range slices.Backward(t.done) {
		m := &t.done[i]
		if (m.Path == f.path || f.id == identity{m.Device, m.Inode}) && (m.HeadLen == headSize || f.since <= m.Since) && f.resume(info.Size(), m) {
			return true
		}
	}
	return false
}

// sharedLines is how many bytes of whole lines a and b have in common from off on.
func sharedLines(a, b io.ReaderAt, off int64) (lines int64) {
	var x, y [32 << 10]byte
	for at := int64(0); ; {
		n, errA := a.ReadAt(x[:], off+at)
		m, errB := b.ReadAt(y[:], off+at)
		same := commonPrefix(x[:n], y[:m])
		if end := bytes.LastIndexByte(x[:same], '\n'); end >= 0 {
			lines = at + int64(end) + 1
		}
		if at += int64(same); same < len(x) || errA != nil || errB != nil {
			return lines
		}
	}
}

func commonPrefix(a, b []byte) int {
	n := min(len(a), len(b))
	for i := range n {
		if a[i] != b[i] {
			return i
		}
	}
	return n
}

// nameless says whether an open file was deleted.
func nameless(f *file) bool {
	h, ok := f.reader.(*os.File)
	if !ok {
		return false
	}
	info, err := h.Stat()
	if err != nil {
		return false
	}
	s, ok := info.Sys().(*syscall.Stat_t)
	return ok && s.Nlink == 0
}
