package logins

import (
	"bufio"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// maxSessionFile bounds a session's file, in bytes; they have some hundred.
const maxSessionFile = 16 << 10

// OfLogind reads the sessions that systemd-logind keeps, one file each (sd-login(3) reads the same). Sessions that are
// ending, and such as no user has, a greeter's, are left out.
func OfLogind(dir string, most int) (list []Login, err error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	for _, e := range entries {
		if strings.HasSuffix(e.Name(), ".ref") || len(list) == most {
			continue
		}
		f, _, err := regular(filepath.Join(dir, e.Name()))
		if err != nil {
			continue // it has ended, or is the FIFO of an old systemd
		}
		l, ok := parseSession(io.LimitReader(f, maxSessionFile))
		f.Close()
		if ok {
			list = append(list, l)
		}
	}
	return list, nil
}

func parseSession(r io.Reader) (l Login, ok bool) {
	fields := map[string]string{}
	lines := bufio.NewScanner(r)
	for lines.Scan() {
		if name, value, found := strings.Cut(lines.Text(), "="); found {
			fields[name] = unquoted(value)
		}
	}
	l = Login{User: fields["USER"], Line: fields["TTY"], Host: fields["REMOTE_HOST"], Service: fields["SERVICE"]}
	l.Addr = address(l.Host)
	if pid, err := strconv.ParseUint(fields["LEADER"], 10, 31); err == nil {
		l.PID = int(pid)
	}
	if micros, err := strconv.ParseInt(fields["REALTIME"], 10, 64); err == nil {
		l.At = time.UnixMicro(micros).UTC()
	}
	class, state := fields["CLASS"], fields["STATE"]
	return l, l.User != "" && state != "closing" && (class == "" || strings.HasPrefix(class, "user"))
}

// unquoted takes quotes off a value as a shell would; escapes within stay as they are.
func unquoted(text string) string {
	if n := len(text); n >= 2 && (text[0] == '"' || text[0] == '\'') && text[n-1] == text[0] {
		return text[1 : n-1]
	}
	return text
}
