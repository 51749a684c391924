package dates

import (
	"strconv"
	"strings"
)

// readEpoch reads Unix seconds; with long also milli- or microseconds. The result is in nanoseconds.
func readEpoch(text []byte, long bool) (nanos int64, ok bool) {
	whole, fraction, _ := strings.Cut(string(text), ".")
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
	nanos = n * unit
	for _, c := range fraction {
		unit /= 10
		nanos += int64(c-'0') * unit
	}
	return nanos, true
}

// readTAI reads TAI64N as fail2ban does: the low digits of the seconds are taken for Unix time.
func readTAI(text []byte) (seconds int64, ok bool) {
	if len(text) < 17 {
		return 0, false
	}
	n, err := strconv.ParseInt(string(text[2:17]), 16, 64)
	return n, err == nil
}
