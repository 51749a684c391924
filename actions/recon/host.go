package recon

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"picket/actions/measure"
	"picket/actions/procfs"
	"picket/incidents"
)

// disk lists mounted file systems that hold data.
func disk(context.Context, *measure.Order) (string, []incidents.Evidence, error) {
	mounts, err := os.ReadFile("/proc/self/mounts")
	if err != nil {
		return "", nil, fmt.Errorf("read mounts: %w", err)
	}
	var rows []string
	seen := map[string]bool{}
	for line := range strings.Lines(string(mounts)) {
		words := strings.Fields(line)
		var s unix.Statfs_t
		if len(words) < 3 || seen[words[1]] || unix.Statfs(words[1], &s) != nil || s.Blocks == 0 {
			continue
		}
		seen[words[1]] = true
		size, free := s.Blocks*uint64(s.Bsize), s.Bavail*uint64(s.Bsize)
		rows = append(rows, fmt.Sprintf("%s\t%s\t%d\t%d\t%.0f\t%d", procfs.Printable(words[1]), words[2], size>>20, free>>20, 100*(1-float64(free)/float64(size)), s.Ffree))
	}
	return table(fmt.Sprintf("%d file systems", len(rows)), "MOUNT\tTYPE\tSIZE MiB\tFREE MiB\tUSED %\tFREE INODES", rows, func(r string) string { return r }), nil, nil
}

// The records of utmp, wtmp and btmp (utmp(5) on 64-bit Linux).
const (
	utmpSize    = 384
	userProcess = 7
	lastRecords = 50
)

type login struct {
	kind       int16
	pid        int32
	line, user string
	host       string
	at         time.Time
	addr       netip.Addr
}

func (l login) String() string {
	from := l.host
	if l.addr.IsValid() && !l.addr.IsUnspecified() && from != l.addr.String() {
		from += " (" + l.addr.String() + ")"
	}
	return fmt.Sprintf("%s\t%s\t%s\t%s\t%d", l.at.UTC().Format(time.RFC3339), l.user, l.line, from, l.pid)
}

// loginRecords lists who is logged in, and the newest logins and failed logins.
func loginRecords(context.Context, *measure.Order) (string, []incidents.Evidence, error) {
	var out strings.Builder
	for _, part := range []struct{ title, file string }{
		{"logged in", "/var/run/utmp"}, {"last logins", "/var/log/wtmp"}, {"last failures", "/var/log/btmp"},
	} {
		list, err := readLogins(part.file)
		if err != nil {
			fmt.Fprintf(&out, "%s: %v\n\n", part.title, err)
			continue
		}
		out.WriteString(table(fmt.Sprintf("%s (%s)", part.title, part.file), "TIME\tUSER\tLINE\tFROM\tPID", list, login.String))
		out.WriteByte('\n')
	}
	return out.String(), nil, nil
}

// readLogins reads the newest records of users, the newest first.
func readLogins(file string) ([]login, error) {
	f, err := os.Open(file)
	if errors.Is(err, os.ErrNotExist) {
		return nil, errors.New("this host keeps none")
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	size, err := f.Seek(0, io.SeekEnd)
	if err != nil {
		return nil, err
	}
	var list []login
	record := make([]byte, utmpSize)
	for at := size/utmpSize - 1; at >= 0 && len(list) < lastRecords; at-- {
		if _, err := f.ReadAt(record, at*utmpSize); err != nil {
			return list, err
		}
		if l := parseLogin(record); l.kind == userProcess || l.kind == 6 && l.user != "" { // 6: LOGIN_PROCESS, as btmp has it
			list = append(list, l)
		}
	}
	return list, nil
}

func parseLogin(b []byte) login {
	text := func(from, n int) string {
		field, _, _ := bytes.Cut(b[from:from+n], []byte{0})
		return procfs.Printable(string(field))
	}
	l := login{
		kind: int16(binary.NativeEndian.Uint16(b)), pid: int32(binary.NativeEndian.Uint32(b[4:])),
		line: text(8, 32), user: text(44, 32), host: text(76, 256),
		at: time.Unix(int64(int32(binary.NativeEndian.Uint32(b[340:]))), 0),
	}
	if addr := [16]byte(b[348:364]); [12]byte(addr[4:]) == [12]byte{} {
		l.addr = netip.AddrFrom4([4]byte(addr[:4]))
	} else {
		l.addr = netip.AddrFrom16(addr)
	}
	return l
}
