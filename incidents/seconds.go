package incidents

import (
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"time"
)

// Seconds is a span of time that JSON tells in seconds, with a fraction where there is one, as Prometheus and Suricata do.
// Its fields are named for it: "for_seconds".
type Seconds time.Duration

// Duration is the span as Go knows it.
func (s Seconds) Duration() time.Duration { return time.Duration(s) }

// String implements fmt.Stringer.
func (s Seconds) String() string { return time.Duration(s).String() }

// MarshalJSON implements json.Marshaler.
func (s Seconds) MarshalJSON() ([]byte, error) {
	return strconv.AppendFloat(nil, time.Duration(s).Seconds(), 'f', -1, 64), nil
}

// UnmarshalJSON implements json.Unmarshaler.
func (s *Seconds) UnmarshalJSON(text []byte) error {
	var seconds float64
	if err := json.Unmarshal(text, &seconds); err != nil {
		return fmt.Errorf("a number of seconds is wanted: %w", err)
	}
	nanos := math.Round(seconds * 1e9)
	if math.Abs(nanos) >= math.MaxInt64 {
		return fmt.Errorf("%g seconds are more than can be counted (292 years)", seconds)
	}
	*s = Seconds(nanos)
	return nil
}

// UnmarshalJSON implements json.Unmarshaler. Databases of before schema version 3 have nanoseconds in the field "for".
func (w *WantedBan) UnmarshalJSON(text []byte) error {
	type plain WantedBan
	in := struct {
		*plain
		Old int64 `json:"for"`
	}{plain: (*plain)(w)}
	if err := json.Unmarshal(text, &in); err != nil {
		return err
	}
	if w.For == 0 {
		w.For = Seconds(in.Old)
	}
	return nil
}
