package dates

import (
	"fmt"
	"strings"
	"time"
)

// ParseZone reads a zone as logtimezone has it: UTC+0200, +01:00, CET, or a place such as Europe/Berlin. Abbreviations are
// fixed offsets, as everywhere in dates; a place has its daylight-saving rules. "" is the host's.
func ParseZone(text string) (*time.Location, error) {
	if text == "" {
		return time.Local, nil
	}
	if minutes, ok := Offset(text); ok {
		return time.FixedZone(text, 60*minutes), nil
	}
	if strings.Contains(text, "/") {
		if zone, err := time.LoadLocation(text); err == nil {
			return zone, nil
		}
	}
	return nil, fmt.Errorf("Unknown or unsupported time zone: '%s' (write UTC+0200, CET or Europe/Berlin)", text) //lint:ignore ST1005 fail2ban's own words
}
