package sensor

import (
	"errors"
	"fmt"
	"hash/fnv"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// standIn is a directory in memory that takes the place of a state directory which cannot be written when picket starts:
// the disk is full, the file system read-only. A host must not be without its guard for that. What is kept there goes back
// when picket stops or starts and the state directory takes it again; it survives kill -9, and a reboot not.
type standIn struct {
	home string // the state directory that was meant
	dir  string
	log  *slog.Logger
}

const (
	// standInRoot is a file system in memory on every Linux of today.
	standInRoot = "/run/picket"
	// roomNeeded is how much a state directory must take to be worked in, in bytes.
	roomNeeded = 1 << 20
	// recordings are not taken along: they are large, and only ever added to.
	recordings = "captures"
)

// openState finds out where state is kept: in home, or in its stand-in (s.dir). What an earlier stand-in holds is brought
// home first.
func openState(home, root string, log *slog.Logger) (*standIn, error) {
	sum := fnv.New64a()
	sum.Write([]byte(filepath.Clean(home)))
	s := &standIn{home: home, dir: filepath.Join(root, fmt.Sprintf("stand-in-%016x", sum.Sum64())), log: log}
	_, err := os.Stat(s.dir)
	left := err == nil
	why := writable(home)
	switch {
	case why == nil && !left:
		s.dir = home
		return s, nil
	case why == nil:
		if why = s.goHome(); why == nil {
			return s, nil
		}
	case errors.Is(why, fs.ErrPermission) && os.Geteuid() != 0:
		return nil, fmt.Errorf("state-dir %s cannot be written: %w (run picket as root, or write a state-dir of your own)", home, why)
	case !left:
		if err := s.moveIn(); err != nil {
			return nil, fmt.Errorf("state-dir %s cannot be written: %w (make room, or remount it; a stand-in in memory is not possible: %w)", home, why, err)
		}
	}
	log.Error("the state directory cannot be written: picket works in a stand-in in memory, which does not survive a reboot (make room or remount it, then restart picket: what is in the stand-in goes home)",
		"state-dir", home, "why", why, "stand-in", s.dir)
	return s, nil
}

// writable tells why a directory does not take roomNeeded bytes, or nil.
func writable(dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	f, err := os.CreateTemp(dir, ".room-*")
	if err != nil {
		return err
	}
	_, err = f.Write(make([]byte, roomNeeded))
	return errors.Join(err, f.Close(), os.Remove(f.Name()))
}

// moveIn copies what the state directory holds, if it can be read, into the stand-in.
func (s *standIn) moveIn() error {
	if err := os.MkdirAll(filepath.Dir(s.dir), 0o700); err != nil {
		return err
	}
	var free unix.Statfs_t
	if err := unix.Statfs(filepath.Dir(s.dir), &free); err != nil {
		return err
	}
	size, err := sizeOf(s.home)
	if err != nil {
		return err
	}
	if room := int64(free.Bavail) * free.Bsize; room < 2*size+16*roomNeeded {
		return fmt.Errorf("%s has %d bytes left, and %d are needed", filepath.Dir(s.dir), room, 2*size+16*roomNeeded)
	}
	fresh := s.dir + ".new"
	err = errors.Join(os.RemoveAll(fresh), os.MkdirAll(fresh, 0o700))
	if err == nil {
		err = copyState(s.home, fresh)
	}
	if err == nil {
		err = os.Rename(fresh, s.dir)
	}
	return err
}

// goHome brings what the stand-in holds into the state directory, file by file, each as a whole. After a crash it is done
// again from the beginning.
func (s *standIn) goHome() error {
	if s.dir == s.home {
		return nil
	}
	if err := copyState(s.dir, s.home); err != nil {
		return fmt.Errorf("bring state home from %s: %w", s.dir, err)
	}
	s.log.Info("what the stand-in held is in the state directory again", "state-dir", s.home, "stand-in", s.dir)
	gone := s.dir
	s.dir = s.home
	return os.RemoveAll(gone)
}

// close brings the state home if that is possible by now.
func (s *standIn) close() {
	if s == nil || s.dir == s.home {
		return
	}
	why := writable(s.home)
	if why == nil {
		why = s.goHome()
	}
	if why != nil {
		s.log.Error("the state directory still cannot be written: the stand-in stays for the next start", "why", why, "stand-in", s.dir)
	}
}

// of is where the state of a directory is kept now: in its stand-in, where it has one.
func (s *standIn) of(dir string) string {
	if s != nil && dir == s.home {
		return s.dir
	}
	return dir
}

// stateFiles lists the regular files below a state directory that go with it, by their paths in it. What cannot be read
// is left out.
func stateFiles(dir string) (list []string) {
	_ = filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		name, _ := filepath.Rel(dir, path)
		switch {
		case err != nil || name == recordings:
			return fs.SkipDir
		case d.Type().IsRegular() && !strings.HasPrefix(d.Name(), ".room-") && !strings.HasSuffix(name, copySuffix):
			list = append(list, name)
		}
		return nil
	})
	return list
}

func sizeOf(dir string) (bytes int64, err error) {
	for _, name := range stateFiles(dir) {
		info, e := os.Stat(filepath.Join(dir, name))
		if e != nil {
			return 0, e
		}
		bytes += info.Size()
	}
	return bytes, nil
}

// copyState makes the files of one state directory those of another. Everything is there before the first is put in its
// place, so that a full disk changes nothing.
func copyState(from, to string) error {
	list := stateFiles(from)
	for i, name := range list {
		if err := copyBeside(filepath.Join(from, name), filepath.Join(to, name)); err != nil {
			for _, done := range list[:i+1] {
				_ = os.Remove(filepath.Join(to, done+copySuffix)) // it makes room, no more
			}
			return err
		}
	}
	for _, name := range stateFiles(to) { // another database's log would spoil it
		if strings.HasPrefix(name, "incidents.") && !slices.Contains(list, name) {
			if err := os.Remove(filepath.Join(to, name)); err != nil {
				return err
			}
		}
	}
	for _, name := range list {
		if err := os.Rename(filepath.Join(to, name+copySuffix), filepath.Join(to, name)); err != nil {
			return err
		}
	}
	return nil
}

const copySuffix = ".home"

// copyBeside copies a file to where another is, under a name of its own.
func copyBeside(from, to string) error {
	text, err := os.ReadFile(from)
	if err == nil {
		err = os.MkdirAll(filepath.Dir(to), 0o700)
	}
	if err == nil {
		err = os.WriteFile(to+copySuffix, text, 0o600)
	}
	return err
}
