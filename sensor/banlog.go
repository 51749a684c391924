package sensor

import (
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"

	f2b "picket/rules/fail2ban"
)

// banLog is a file of what the jails do in fail2ban's words, which monitors, scripts and the recidive jail parse:
//
//	2026-11-21 06:30:01,250 fail2ban.actions        [4711]: NOTICE  [sshd] Ban 192.0.2.1
//
// The zero banLog writes nothing. Any goroutine may write.
type banLog struct {
	mu   sync.Mutex
	path string
	file *os.File
	warn func(error)
}

// openBanLog opens the file that the configuration says, or that fail2ban.conf names as its log. The jails work without.
func (s *Sensor) openBanLog(c *LogsConfig) {
	s.banLog.path = c.BanLog
	if c.BanLog == "" && c.Fail2ban != "" {
		server, _ := f2b.ReadServer(c.Fail2ban) // its faults were told with the jails
		s.banLog.path = server.LogTarget
	}
	s.banLog.warn = func(err error) { s.log.Warn("bans are not written down in fail2ban's words", "error", err) }
	if !filepath.IsAbs(s.banLog.path) {
		s.banLog.path = "" // STDOUT, SYSLOG and the like: picket has a log of its own there; or off
	}
	s.banLog.reopen()
}

// reopen opens the file anew, after a rotation.
func (l *banLog) reopen() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.file != nil {
		l.file.Close()
		l.file = nil
	}
	if l.path == "" {
		return
	}
	f, err := os.OpenFile(l.path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o640)
	if err != nil {
		l.warn(fmt.Errorf("open %s: %w (logs.ban-log names another file, or off)", l.path, err))
		return
	}
	l.file = f
}

// write appends a line.
func (l *banLog) write(component, level, jail, text string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.file == nil {
		return
	}
	now := time.Now()
	_, err := fmt.Fprintf(l.file, "%s,%03d %-24s[%d]: %-7s [%s] %s\n",
		now.Format(time.DateTime), now.Nanosecond()/1e6, component, os.Getpid(), level, jail, text)
	if err != nil {
		l.warn(fmt.Errorf("write %s: %w", l.path, err))
		l.file.Close()
		l.file = nil
	}
}
