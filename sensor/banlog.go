package sensor

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	f2b "picket/rules/fail2ban"
)

// banLog is a file of what the jails find and do in fail2ban's words, which monitors, scripts and the recidive jail parse:
//
//	2026-11-21 06:30:01,250 fail2ban.filter         [4711]: INFO    [sshd] Found 192.0.2.1 - 2026-11-21 06:30:01
//	2026-11-21 06:30:01,250 fail2ban.actions        [4711]: NOTICE  [sshd] Ban 192.0.2.1
//
// The zero banLog writes nothing. Any goroutine may write.
type banLog struct {
	mu     sync.Mutex
	path   string
	least  int // the level below which nothing is written
	file   *os.File
	warn   func(error)
	buffer []byte
}

// maxBanLogBuffer is how much waits at most to be written, in bytes.
const maxBanLogBuffer = 64 << 10

// banLogLevels are fail2ban's levels.
var banLogLevels = map[string]int{
	"HEAVYDEBUG": 5, "TRACEDEBUG": 7, "DEBUG": 10, "INFO": 20, "NOTICE": 25, "WARNING": 30, "ERROR": 40, "CRITICAL": 50,
}

// openBanLog opens the file that the configuration says, or that fail2ban.conf names as its log. The jails work without.
func (s *Sensor) openBanLog(c *LogsConfig) {
	l := &s.banLog
	l.path, l.least = c.BanLog, banLogLevels["INFO"]
	if c.Fail2ban != "" {
		server, _ := f2b.ReadServer(c.Fail2ban) // its faults were told with the jails
		if c.BanLog == "" {
			l.path = server.LogTarget
		}
		if level, known := banLogLevels[strings.ToUpper(server.LogLevel)]; known {
			l.least = level
		}
	}
	l.warn = func(err error) { s.log.Warn("bans are not written down in fail2ban's words", "error", err) }
	if !filepath.IsAbs(l.path) {
		l.path = "" // STDOUT, SYSLOG and the like: picket has a log of its own there; or off
	}
	l.reopen()
}

// reopen opens the file anew, after a rotation.
func (l *banLog) reopen() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.empty()
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

// write appends a line, and all that was added before it.
func (l *banLog) write(component, level, jail, text string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.put(component, level, jail, text)
	l.empty()
}

// add appends a line that may wait for the next write or flush: there is one for each failure.
func (l *banLog) add(component, level, jail, text string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.put(component, level, jail, text); len(l.buffer) > maxBanLogBuffer {
		l.empty()
	}
}

func (l *banLog) flush() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.empty()
}

// put puts a line into the buffer. Control characters in it would forge lines.
func (l *banLog) put(component, level, jail, text string) {
	if l.file == nil || banLogLevels[level] < l.least {
		return
	}
	now := time.Now()
	l.buffer = fmt.Appendf(l.buffer, "%s,%03d %-24s[%d]: %-7s [%s] %s\n",
		now.Format(time.DateTime), now.Nanosecond()/1e6, component, os.Getpid(), level, jail, oneLine(text))
}

// oneLine replaces what would end a line.
func oneLine(text string) string {
	if !strings.ContainsAny(text, "\r\n") {
		return text
	}
	return strings.NewReplacer("\r", `\r`, "\n", `\n`).Replace(text)
}

// empty writes the buffer.
func (l *banLog) empty() {
	if l.file == nil || len(l.buffer) == 0 {
		return
	}
	_, err := l.file.Write(l.buffer)
	l.buffer = l.buffer[:0]
	if err != nil {
		l.warn(fmt.Errorf("write %s: %w", l.path, err))
		l.file.Close()
		l.file = nil
	}
}
