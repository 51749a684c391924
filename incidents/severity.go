package incidents

import "fmt"

// Severity of a finding or an incident; greater is worse.
type Severity uint8

// Severities in the order of the flags that monitoring agents set.
const (
	Info Severity = iota
	Low
	Medium
	High
	Critical
)

var severities = [...]string{"info", "low", "medium", "high", "critical"}

// String is the word that configuration and records use.
func (s Severity) String() string { return severities[min(s, Critical)] }

// MarshalText implements encoding.TextMarshaler.
func (s Severity) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (s *Severity) UnmarshalText(text []byte) error {
	for i, word := range severities {
		if word == string(text) {
			*s = Severity(i)
			return nil
		}
	}
	return fmt.Errorf("severity %q is none of info, low, medium, high, critical", text)
}

// OfPriority turns a rule's priority (1 is the most severe) into a severity, as Suricata's EVE levels are read.
func OfPriority(priority int) Severity {
	switch {
	case priority <= 1:
		return High
	case priority == 2:
		return Medium
	case priority == 3:
		return Low
	}
	return Info
}
