package policy

import (
	"fmt"
	"strings"
	"time"
)

// window is a When, ready to ask.
type window struct {
	days  [7]bool
	hours []dayTime // empty: the whole day
	zone  *time.Location
	text  string // "": always
}

// dayTime is a part of a day, in minutes after midnight. One that ends before it begins goes on until the next day.
type dayTime struct{ from, to int }

var dayNames = []string{"sun", "mon", "tue", "wed", "thu", "fri", "sat"} // as time.Weekday

func newWindow(w *When, fault func(key, hint, cause string, args ...any), key string) window {
	out := window{zone: time.Local}
	if len(w.Days)+len(w.Hours) == 0 && w.Zone == "" {
		return out
	}
	out.text = strings.TrimSpace(strings.Join(w.Days, ", ") + " " + strings.Join(w.Hours, ", ") + " " + w.Zone)
	if w.Zone != "" {
		zone, err := time.LoadLocation(w.Zone)
		if err != nil {
			fault(key+".zone", "write Europe/Berlin or UTC", "%q is no time zone that this host knows", w.Zone)
			zone = time.UTC
		}
		out.zone = zone
	}
	for i, text := range w.Days {
		if !out.addDays(text) {
			fault(fmt.Sprintf("%s.days[%d]", key, i), "write mon, mon-fri or sat-sun", "%q is no day of the week", text)
		}
	}
	if len(w.Days) == 0 {
		out.days = [7]bool{true, true, true, true, true, true, true}
	}
	for i, text := range w.Hours {
		t, ok := parseHours(text)
		if !ok {
			fault(fmt.Sprintf("%s.hours[%d]", key, i), "write 08:00-18:00 or 22:00-06:00", "%q is no part of a day", text)
		}
		out.hours = append(out.hours, t)
	}
	return out
}

func (w *window) addDays(text string) bool {
	from, to, isRange := strings.Cut(strings.ToLower(text), "-")
	if !isRange {
		to = from
	}
	a, b := dayNumber(from), dayNumber(to)
	if a < 0 || b < 0 {
		return false
	}
	for d := a; ; d = (d + 1) % 7 {
		w.days[d] = true
		if d == b {
			return true
		}
	}
}

func dayNumber(text string) int {
	for i, name := range dayNames {
		if text == name {
			return i
		}
	}
	return -1
}

func parseHours(text string) (t dayTime, ok bool) {
	from, to, ok := strings.Cut(text, "-")
	var ok1, ok2 bool
	t.from, ok1 = parseMinute(from)
	t.to, ok2 = parseMinute(to)
	return t, ok && ok1 && ok2 && t.from != t.to
}

// parseMinute reads 08:00; 24:00 is the end of a day.
func parseMinute(text string) (int, bool) {
	if text == "24:00" {
		return 24 * 60, true
	}
	at, err := time.Parse("15:04", text)
	return at.Hour()*60 + at.Minute(), err == nil
}

// open tells whether a moment is within the window.
func (w *window) open(now time.Time) bool {
	if w.text == "" {
		return true
	}
	now = now.In(w.zone)
	minute, day := now.Hour()*60+now.Minute(), int(now.Weekday())
	if len(w.hours) == 0 {
		return w.days[day]
	}
	for _, h := range w.hours {
		before := w.days[(day+6)%7]
		switch {
		case h.from < h.to && w.days[day] && minute >= h.from && minute < h.to,
			h.from > h.to && w.days[day] && minute >= h.from,
			h.from > h.to && before && minute < h.to:
			return true
		}
	}
	return false
}
