package incidents

import (
	"encoding/json"
	"testing"
	"time"
)

// TestSeconds: a span goes into JSON and back as a number of seconds.
func TestSeconds(t *testing.T) {
	for span, want := range map[time.Duration]string{
		0: "0", time.Hour: "3600", 1500 * time.Millisecond: "1.5", time.Nanosecond: "0.000000001", -time.Second: "-1", 365 * 24 * time.Hour: "31536000",
	} {
		text, err := json.Marshal(Seconds(span))
		var back Seconds
		if err != nil || string(text) != want || json.Unmarshal(text, &back) != nil || back != Seconds(span) {
			t.Errorf("%s: %s, %v, and back %s; want %s", span, text, err, back, want)
		}
	}
	for _, text := range []string{`"1h"`, "1e300", "-1e12", "9223372037", "[]"} {
		var s Seconds
		if err := json.Unmarshal([]byte(text), &s); err == nil {
			t.Errorf("%s is taken for %s", text, s)
		}
	}
	var most Seconds
	if err := json.Unmarshal([]byte("9223372036"), &most); err != nil || most.Duration() != 9223372036*time.Second {
		t.Errorf("%s, %v", most, err)
	}
}
