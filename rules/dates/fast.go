package dates

import "bytes"

// fastReader finds dates of one form without an expression, where it is certain that the template's expression would find
// exactly that. Where it is not, the expression decides.
type fastReader struct {
	begin  func(line []byte) int         // where the date would begin, negative if nowhere
	length func(text []byte) int         // of the date that a text begins with; 0 if that is not certain
	ends   func(text []byte, n int) bool // whether a date that is known, n bytes long, ends where it did; nil: by length
}

// fastFor returns the reader of a pattern, nil for most.
func fastFor(pattern string) *fastReader {
	switch pattern {
	case lineBegin + defaultPatterns[0], lineBegin + `%ExY(?P<_sep>[-/.])%m(?P=_sep)%d[T ]%H:%M:%S(?:[.,]%f)?(?:\s*%z)?`:
		return &fastReader{begin: atFront, length: isoLength}
	case lineBegin + defaultPatterns[1]:
		return &fastReader{begin: atFront, length: syslogLength, ends: syslogEnds}
	case `^[^\[]*\[(` + defaultPatterns[4] + `)`, `^[^\[]*\[(` + defaultPatterns[4]:
		return &fastReader{begin: behindBracket, length: webLength, ends: webEnds}
	}
	return nil
}

// find tells where a line's date is; end is 0 where that is not certain. known is the text of a date read before with this
// reader, which need not be looked at again.
func (r *fastReader) find(line, known []byte) (start, end int) {
	start = r.begin(line)
	if start < 0 {
		return 0, 0
	}
	text, n := line[start:], len(known)
	if n > 0 && r.ends != nil && len(text) >= n && string(text[:n]) == string(known) && r.ends(text, n) {
		return start, start + n
	}
	if n = r.length(text); n == 0 {
		return 0, 0
	}
	return start, start + n
}

// atFront is for dates at the very beginning of the line.
func atFront([]byte) int { return 0 }

// behindBracket is for those of web servers, behind the line's first bracket.
func behindBracket(line []byte) int {
	if i := bytes.IndexByte(line, '['); i >= 0 {
		return i + 1
	}
	return -1
}

// webLength reads 23/Jan/2005:21:59:59 +0100 and looks for the bracket behind it.
func webLength(d []byte) int {
	const length = len("23/Jan/2005:21:59:59 +0100")
	if !webEnds(d, length) {
		return 0
	}
	if !isPair(d[0:2], 1, 31) || d[2] != '/' || nameIndex(months, d[3:6]) == unset || d[6] != '/' || d[11] != ':' ||
		!isCentury(d[7:11]) || !isClock(d[12:20]) || d[20] != ' ' || d[21] != '+' && d[21] != '-' ||
		!isPair(d[22:24], 0, 19) || !isPair(d[24:26], 0, 99) {
		return 0
	}
	return length
}

func webEnds(text []byte, n int) bool { return len(text) > n && text[n] == ']' }

// isCentury tells whether four digits are a year that %ExY accepts whatever now is.
func isCentury(text []byte) bool {
	return text[0] == '2' && text[1] == '0' && text[2] >= '0' && text[2] <= '2' && isDigit(text[3])
}

// syslogLength reads "Jan 23 21:59:59" or "Jan  3 21:59:59" where nothing follows that could belong to the date.
func syslogLength(line []byte) int {
	const length = len("Jan 23 21:59:59")
	if len(line) < length || nameIndex(months, line) == unset || line[3] != ' ' || line[6] != ' ' || !isClock(line[7:length]) {
		return 0
	}
	if !(line[4] == ' ' || line[4] == '0' || line[4] >= '1' && line[4] <= '2') || !isDigit(line[5]) || line[4] <= '0' && line[5] == '0' {
		if line[4] != '3' || line[5] < '0' || line[5] > '1' {
			return 0
		}
	}
	if !syslogEnds(line, length) {
		return 0
	}
	return length
}

// syslogEnds tells whether nothing follows that could belong to the date.
func syslogEnds(line []byte, n int) bool {
	if len(line) == n {
		return true
	}
	c := line[n]
	if c == ' ' {
		return len(line) == n+1 || line[n+1] != '2' // perhaps a year
	}
	return c != '.' && !isLetter(c) && !isDigit(c) && c != '_' && c < 0x80
}

// isoLength reads 2005-01-23T21:59:59 with fraction and zone.
func isoLength(line []byte) int {
	const length = len("2005-01-23T21:59:59")
	if len(line) < length || !isCentury(line) || !isSeparator(line[4]) || line[7] != line[4] || line[10] != 'T' && line[10] != ' ' || !isClock(line[11:length]) {
		return 0
	}
	if !isPair(line[5:7], 1, 12) || !isPair(line[8:10], 1, 31) {
		return 0
	}
	end := length
	if end < len(line) && (line[end] == '.' || line[end] == ',') {
		digits := countDigits(line[end+1:])
		if digits == 0 || digits > 6 {
			return 0
		}
		end += 1 + digits
	}
	return zoneLength(line, end)
}

// zoneLength adds the zone at line[end:]; 0 if that is something else than a plain zone or its clear absence.
func zoneLength(line []byte, end int) int {
	if end == len(line) {
		return end
	}
	switch c := line[end]; {
	case c == 'Z':
		end++
	case c == '+' || c == '-':
		if len(line) < end+6 || !isPair(line[end+1:end+3], 0, 19) || line[end+3] != ':' || !isPair(line[end+4:end+6], 0, 99) {
			return 0
		}
		end += 6
	case c == ' ':
		if len(line) == end+1 || !isLowerOrDigit(line[end+1]) {
			return 0
		}
		return end
	default:
		return 0
	}
	if end < len(line) && line[end] != ' ' {
		return 0
	}
	return end
}

func isSeparator(c byte) bool { return c == '-' || c == '/' || c == '.' }

func isLowerOrDigit(c byte) bool { return c >= 'a' && c <= 'z' || isDigit(c) }

func isDigit(c byte) bool { return c >= '0' && c <= '9' }

func isLetter(c byte) bool { return c|0x20 >= 'a' && c|0x20 <= 'z' }

func countDigits(text []byte) int {
	n := 0
	for n < len(text) && isDigit(text[n]) {
		n++
	}
	return n
}

// isPair tells whether two bytes are a number from low to high.
func isPair(text []byte, low, high int) bool {
	if !isDigit(text[0]) || !isDigit(text[1]) {
		return false
	}
	n := int(text[0]-'0')*10 + int(text[1]-'0')
	return n >= low && n <= high
}

// isClock tells whether eight bytes are a time of day.
func isClock(text []byte) bool {
	return text[2] == ':' && text[5] == ':' && isPair(text[0:2], 0, 23) && isPair(text[3:5], 0, 59) && isPair(text[6:8], 0, 59)
}

// memo remembers the last date read: many lines share a second. It is dropped every while, since a date without a year
// depends on the clock.
type memo struct {
	of    *Template
	text  [40]byte
	size  int
	nanos int64
}

// known is the text of the date remembered if it was read with a template, else nil.
func (m *memo) known(of *Template) []byte {
	if m.of != of {
		return nil
	}
	return m.text[:m.size]
}

func (m *memo) keep(of *Template, text []byte, nanos int64) {
	if m.size = copy(m.text[:], text); m.size < len(text) {
		m.size = 0
	}
	m.of, m.nanos = of, nanos
}
