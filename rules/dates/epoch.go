package dates

import (
	"math"
	"strconv"
	"strings"
)

// readEpoch reads Unix seconds; with long also milli- or microseconds. The result is in nanoseconds.
func readEpoch(text []byte, long bool) (nanos int64, ok bool) {
	whole, fraction, _ := strings.Cut(plainDigits(string(text)), ".")
	n, err := strconv.ParseInt(whole, 10, 64)
	if err != nil {
		return 0, false
	}
	unit := int64(1e9)
	if long && len(whole) >= 16 {
		unit = 1e3
	} else if long && len(whole) >= 13 {
		unit = 1e6
	}
	if n > math.MaxInt64/unit-1 {
		return math.MaxInt64, true
	}
	nanos = n * unit
	for _, c := range fraction {
		unit /= 10
		nanos += int64(c-'0') * unit
	}
	return nanos, true
}

// plainDigits turns the digits of other scripts into those of ASCII.
func plainDigits(text string) string {
	return strings.Map(func(r rune) rune {
		if d := digit(r); d >= 0 {
			return '0' + rune(d)
		}
		return r
	}, text)
}

// readTAI reads TAI64N as fail2ban does: the low digits of the seconds are taken for Unix time.
func readTAI(text []byte) (seconds int64, ok bool) {
	if len(text) < 17 {
		return 0, false
	}
	n, err := strconv.ParseInt(string(text[2:17]), 16, 64)
	return n, err == nil
}

// nanosOf turns Unix seconds into nanoseconds. What lies beyond the years 1677 to 2262 becomes their edge: a log may say
// anything, and far ahead must not look like long ago.
func nanosOf(seconds int64) int64 {
	const most = math.MaxInt64 / 1_000_000_000
	switch {
	case seconds > most:
		return math.MaxInt64
	case seconds < -most:
		return math.MinInt64
	}
	return seconds * 1e9
}
