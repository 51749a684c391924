package dates

import (
	"time"
	"unicode"
	"unicode/utf8"

	"picket/signatures/pcre"
)

// Clock is how times without a zone, a day or a year are understood.
type Clock struct {
	Now  time.Time      // the instant that is now
	Zone *time.Location // of stamps that name none; nil for the local one

	// Fixed is the offset of stamps that name no zone, in minutes, if HasFixed: the option logtimezone.
	Fixed    int
	HasFixed bool
}

func (c *Clock) zone() *time.Location {
	if c.Zone == nil {
		return time.Local
	}
	return c.Zone
}

// unset marks a part of a date that the text does not have.
const unset = -1

// parts are the fields of a date as found.
type parts struct {
	year, month, day     int
	hour, minute, second int
	weekday, yearday     int
	week                 int
	weekFromSunday       bool
	offset               int // minutes east
	hasOffset, wrong     bool
}

func noParts() parts {
	return parts{year: unset, month: unset, day: unset, weekday: unset, yearday: unset, week: unset}
}

const months = "janfebmaraprmayjunjulaugsepoctnovdec"
const weekdays = "montuewedthufrisatsun"

// nameIndex finds the first three letters of a name in a list of such; unset if they aren't there.
func nameIndex(list string, name []byte) int {
	if len(name) < 3 {
		return unset
	}
	for i := 0; i+3 <= len(list); i += 3 {
		if list[i] == name[0]|0x20 && list[i+1] == name[1]|0x20 && list[i+2] == name[2]|0x20 {
			return i / 3
		}
	}
	return unset
}

// set fills in one field.
func (p *parts) set(letter byte, text []byte) {
	switch letter {
	case 'y':
		if p.year = number(text); p.year <= 2000 {
			p.year += 2000
		}
	case 'Y':
		p.year = number(text)
	case 'm':
		p.month = number(text)
	case 'b', 'B':
		p.month = nameIndex(months, text) + 1
	case 'd':
		p.day = number(text)
	case 'H', 'I':
		p.hour = number(text)
	case 'M':
		p.minute = number(text)
	case 'S':
		p.second = number(text)
	default:
		p.setRare(letter, text)
	}
}

func (p *parts) setRare(letter byte, text []byte) {
	switch letter {
	case 'a', 'A':
		p.weekday = nameIndex(weekdays, text)
	case 'w':
		p.weekday = (number(text) + 6) % 7
	case 'j':
		p.yearday = number(text)
	case 'U', 'W':
		p.week, p.weekFromSunday = number(text), letter == 'U'
	case 'z', 'Z':
		var ok bool
		p.offset, ok = Offset(plainDigits(string(text)))
		p.hasOffset, p.wrong = ok, p.wrong || !ok
	}
}

// afternoon applies AM or PM to an hour of twelve.
func (p *parts) afternoon(pm bool) {
	switch {
	case pm && p.hour != 12:
		p.hour += 12
	case !pm && p.hour == 12:
		p.hour = 0
	}
}

func number(text []byte) int {
	n := 0
	for _, r := range string(text) {
		if d := digit(r); d >= 0 {
			n = n*10 + d
		}
	}
	return n
}

// digit returns the value of a decimal digit of any script, which is what \d matches, or a negative number.
func digit(r rune) int {
	if r < utf8.RuneSelf {
		if r >= '0' && r <= '9' {
			return int(r - '0')
		}
		return -1
	}
	for _, in := range unicode.Digit.R16 { // each range is one or several times 0 to 9
		if uint32(r) >= uint32(in.Lo) && uint32(r) <= uint32(in.Hi) {
			return int(uint32(r)-uint32(in.Lo)) % 10
		}
	}
	for _, in := range unicode.Digit.R32 {
		if uint32(r) >= in.Lo && uint32(r) <= in.Hi {
			return int(uint32(r)-in.Lo) % 10
		}
	}
	return -1
}

// readFields reads the groups of the last match of m.
func (t *Template) readFields(line []byte, m *pcre.Matcher) parts {
	p := noParts()
	twelve, pm := false, false
	for _, f := range t.fields {
		s, e, ok := m.Group(f.group)
		if !ok {
			continue
		}
		p.set(f.letter, line[s:e])
		twelve = twelve || f.letter == 'I'
		pm = pm || f.letter == 'p' && line[s]|0x20 == 'p'
	}
	if twelve {
		p.afternoon(pm)
	}
	return p
}

// instant returns the Unix time of the fields; ok is false for dates that don't exist. What is missing is taken from the
// clock: a date without a year is last year's if it would lie more than a day ahead, a time alone is yesterday's if it
// would lie ahead.
func (c *Clock) instant(p parts) (seconds int64, ok bool) {
	now := c.Now.In(c.zone())
	assumeYear, assumeDay := p.year == unset, false
	if assumeYear {
		p.year = now.Year()
	}
	p.fromWeekOrYearday()
	if p.month == unset && p.day == unset {
		assumeDay = true
		p.month, p.day = int(now.Month()), now.Day()
	}
	if p.wrong || !p.exists() {
		return 0, false
	}
	if !p.hasOffset && c.HasFixed {
		p.offset, p.hasOffset = c.Fixed, true
	}
	wall := p.wall()
	nowWall := now.Unix() + int64(offsetOf(now))
	const day = 24 * 60 * 60
	if assumeDay && wall > nowWall {
		wall -= day
	}
	if assumeYear && wall > nowWall+day {
		if p.year--; !p.exists() {
			return 0, false
		}
		wall = p.wall()
	}
	return c.fromWall(wall, p.hasOffset), true
}

func offsetOf(t time.Time) int {
	_, offset := t.Zone()
	return offset
}

// wall returns the date's seconds as if it were in UTC, its own offset taken off.
func (p *parts) wall() int64 {
	return daysFromCivil(p.year, p.month, p.day)*86400 + int64(p.hour)*3600 + int64(p.minute)*60 + int64(p.second) - int64(p.offset)*60
}

// fromWall turns seconds of the zone's wall clock into Unix seconds.
func (c *Clock) fromWall(wall int64, utc bool) int64 {
	if utc {
		return wall
	}
	t := time.Unix(wall, 0).UTC()
	at := time.Date(t.Year(), t.Month(), t.Day(), t.Hour(), t.Minute(), t.Second(), 0, c.zone())
	// An hour that the clock skips, or shows twice, is counted on from before the change, as C's mktime does it when dates come
	// in their order.
	const longestChange = 3 * time.Hour
	earlier := wall - int64(offsetOf(at.Add(-longestChange)))
	if c.shows(earlier, wall) || !c.shows(at.Unix(), wall) {
		return earlier
	}
	return at.Unix()
}

// shows tells whether the zone's clock shows wall at an instant.
func (c *Clock) shows(seconds, wall int64) bool {
	return seconds+int64(offsetOf(time.Unix(seconds, 0).In(c.zone()))) == wall
}

// exists tells whether there is such a date.
func (p *parts) exists() bool {
	if p.month < 1 || p.month > 12 || p.day < 1 || p.year < 1 || p.hour > 23 || p.minute > 59 || p.second > 59 {
		return false
	}
	return p.day <= daysIn(p.year, p.month)
}

func daysIn(year, month int) int {
	switch month {
	case 2:
		if year%4 == 0 && (year%100 != 0 || year%400 == 0) {
			return 29
		}
		return 28
	case 4, 6, 9, 11:
		return 30
	}
	return 31
}

// daysFromCivil counts the days from 1970-01-01 in the Gregorian calendar (Hinnant, "chrono-compatible low-level
// date algorithms").
func daysFromCivil(year, month, day int) int64 {
	if month <= 2 {
		year--
	}
	era := year / 400
	yoe := year - era*400
	doy := (153*((month+9)%12)+2)/5 + day - 1
	doe := yoe*365 + yoe/4 - yoe/100 + doy
	return int64(era)*146097 + int64(doe) - 719468
}

// fromWeekOrYearday sets month and day from the day of the year, or from week and weekday.
func (p *parts) fromWeekOrYearday() {
	if p.month != unset && p.day != unset {
		return
	}
	if p.yearday == unset && p.week != unset && p.weekday != unset {
		p.yearday = p.weekYearday()
	}
	if p.yearday == unset {
		return
	}
	d := time.Date(p.year, 1, p.yearday, 0, 0, 0, 0, time.UTC)
	p.year, p.month, p.day = d.Year(), int(d.Month()), d.Day()
}

func (p *parts) weekYearday() int {
	first := (int(time.Date(p.year, 1, 1, 0, 0, 0, 0, time.UTC).Weekday()) + 6) % 7 // Monday is 0
	weekday := p.weekday
	if p.weekFromSunday {
		first, weekday = (first+1)%7, (weekday+1)%7
	}
	week0 := (7 - first) % 7
	if p.week == 0 {
		return 1 + weekday - first
	}
	return 1 + week0 + 7*(p.week-1) + weekday
}
