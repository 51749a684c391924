package logs

import (
	"bytes"
	"strconv"
	"time"
)

// syslogMessage is one message as RFC 3164 or RFC 5424 has it. All values are parts of the message and nothing in it
// can be trusted: whoever can send writes what he likes.
type syslogMessage struct {
	priority                  int // facility*8 + severity; -1 when there was none
	stamp, host, app, pid, id []byte
	structured, text          []byte
	modern                    bool // RFC 5424
}

// parseSyslog reads a message. It never fails: what cannot be read is text, as RFC 3164 section 4.3 asks.
func parseSyslog(msg []byte) syslogMessage {
	m := syslogMessage{priority: -1}
	rest := m.takePriority(msg)
	if after, ok := bytes.CutPrefix(rest, []byte("1 ")); ok && m.priority >= 0 && m.parse5424(after) {
		return m
	}
	m.parse3164(rest)
	return m
}

// takePriority reads <0> to <191>.
func (m *syslogMessage) takePriority(msg []byte) []byte {
	if len(msg) < 3 || msg[0] != '<' {
		return msg
	}
	end := bytes.IndexByte(msg[:min(len(msg), 5)], '>')
	if end < 2 {
		return msg
	}
	n, err := strconv.ParseUint(string(msg[1:end]), 10, 8)
	if err != nil || n > 191 {
		return msg
	}
	m.priority = int(n)
	return msg[end+1:]
}

// word cuts the first word of b; nil for the nil value "-".
func word(b []byte) (w, rest []byte, ok bool) {
	w, rest, ok = bytes.Cut(b, []byte{' '})
	if string(w) == "-" {
		w = nil
	}
	return w, rest, ok && len(b) > 0 && b[0] != ' '
}

// parse5424 reads what follows "<PRI>1 ": TIMESTAMP HOSTNAME APP-NAME PROCID MSGID SD [MSG].
func (m *syslogMessage) parse5424(b []byte) bool {
	head := *m
	for _, to := range []*[]byte{&head.stamp, &head.host, &head.app, &head.pid, &head.id} {
		var ok bool
		if *to, b, ok = word(b); !ok {
			return false
		}
	}
	n := structuredLength(b)
	if n < 0 || n < len(b) && b[n] != ' ' {
		return false
	}
	if head.structured = b[:n]; string(head.structured) == "-" {
		head.structured = nil
	}
	head.text = bytes.TrimPrefix(bytes.TrimPrefix(b[n:], []byte{' '}), []byte("\xef\xbb\xbf"))
	head.modern = true
	*m = head
	return true
}

// structuredLength returns the length of the structured data at the beginning of b, -1 when it is none.
func structuredLength(b []byte) int {
	if len(b) > 0 && b[0] == '-' {
		return 1
	}
	inside, quoted := false, false
	for i := 0; i < len(b); i++ {
		switch c := b[i]; {
		case quoted && c == '\\':
			i++
		case inside && c == '"':
			quoted = !quoted
		case quoted:
		case !inside && c == '[':
			inside = true
		case inside && c == ']':
			inside = false
		case !inside && i > 0:
			return i
		case !inside:
			return -1
		}
	}
	if inside || len(b) == 0 {
		return -1
	}
	return len(b)
}

// parse3164 reads "TIMESTAMP [HOST] TAG[PID]: TEXT". Programs on the same host leave out the host.
func (m *syslogMessage) parse3164(b []byte) {
	if n := stampLength(b); n > 0 {
		m.stamp = b[:n]
		b = bytes.TrimPrefix(b[n:], []byte{' '})
		if host, rest, ok := bytes.Cut(b, []byte{' '}); ok && validHost(host) {
			m.host, b = host, rest
		}
	}
	m.text = b
	end := bytes.IndexAny(b[:min(len(b), 64)], ":[ ")
	if end <= 0 || b[end] == ' ' {
		return
	}
	tag, rest := b[:end], b[end:]
	if rest[0] == '[' {
		stop := bytes.IndexByte(rest[:min(len(rest), 64)], ']')
		if stop < 0 || stop+1 >= len(rest) || rest[stop+1] != ':' {
			return
		}
		m.pid, rest = rest[1:stop], rest[stop+1:]
	}
	m.app, m.text = tag, bytes.TrimPrefix(rest[1:], []byte{' '})
}

// stampLength returns the length of a time stamp at the beginning of b: "Jan  2 15:04:05", or RFC 3339; else 0.
func stampLength(b []byte) int {
	const classic = "Aaa 99 99:99:99"
	if len(b) > len(classic) && b[len(classic)] == ' ' && shaped(b, classic) {
		return len(classic)
	}
	if len(b) > 19 && shaped(b, "9999-99-99T99:99:99") {
		if n := bytes.IndexByte(b[:min(len(b), 36)], ' '); n > 0 {
			return n
		}
	}
	return 0
}

// shaped compares b with a pattern: A and a are letters, 9 a digit or a space.
func shaped(b []byte, pattern string) bool {
	for i := range len(pattern) {
		c := b[i]
		switch pattern[i] {
		case 'A':
			if c < 'A' || c > 'Z' {
				return false
			}
		case 'a':
			if c < 'a' || c > 'z' {
				return false
			}
		case '9':
			if (c < '0' || c > '9') && c != ' ' {
				return false
			}
		default:
			if c != pattern[i] {
				return false
			}
		}
	}
	return true
}

// validHost says whether a word can be a host name or an address, and not a tag ("sshd[1]:", "kernel:").
func validHost(w []byte) bool {
	if len(w) == 0 || len(w) > 255 || w[len(w)-1] == ':' {
		return false
	}
	for _, c := range w {
		ok := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '.' || c == '-' || c == '_' || c == ':'
		if !ok {
			return false
		}
	}
	return true
}

// appendLine writes m as a syslog daemon writes it to a file, "STAMP HOST APP[PID]: TEXT", so that the filters for files
// fit. here stands in for a host that is not named, and received for a date, as rsyslog does. Control characters are written
// #ooo, as there: nobody can add a line of his own.
func (m *syslogMessage) appendLine(to []byte, here string, received time.Time) []byte {
	if len(m.stamp) > 0 {
		to = appendPrintable(to, m.stamp)
	} else {
		to = received.AppendFormat(to, stampFormat)
	}
	to = append(to, ' ')
	if len(m.host) > 0 {
		to = appendPrintable(to, m.host)
	} else {
		to = append(to, here...)
	}
	if len(m.app) > 0 {
		to = appendPrintable(append(to, ' '), m.app)
		if len(m.pid) > 0 {
			to = append(appendPrintable(append(to, '['), m.pid), ']')
		}
		to = append(to, ':')
	}
	if len(m.text) > 0 {
		to = appendPrintable(append(to, ' '), m.text)
	}
	return to
}

// stampFormat is rsyslog's for files (RSYSLOG_FileFormat): it names its zone.
const stampFormat = "2006-01-02T15:04:05.000000-07:00"

func appendPrintable(to, text []byte) []byte {
	for _, c := range text {
		if c < ' ' && c != '\t' || c == 0x7f {
			to = append(to, '#', '0'+c>>6, '0'+c>>3&7, '0'+c&7)
		} else {
			to = append(to, c)
		}
	}
	return to
}
