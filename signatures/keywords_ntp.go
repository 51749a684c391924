package signatures

import (
	"picket/traffic/app"
	"picket/traffic/app/ntp"
)

// ntpKeywords are the NTP keywords of Suricata 8.0.5 and later ("NTP Keywords" in its manual).
func ntpKeywords() []Keyword {
	both := append(when(app.ToServer, 0, app.NTP), when(app.ToClient, 0, app.NTP)...)
	of := func(get func(*ntp.Message) uint8) func(*view) (uint64, bool) {
		return func(v *view) (uint64, bool) {
			if m, ok := v.Tx.Data.(*ntp.Message); ok {
				return uint64(get(m)), true
			}
			return 0, false
		}
	}
	id := func(v *view) []byte {
		if m, ok := v.Tx.Data.(*ntp.Message); ok {
			return m.ReferenceID
		}
		return nil
	}
	return []Keyword{
		number("ntp.version", 8, both, of(func(m *ntp.Message) uint8 { return m.Version })),
		number("ntp.stratum", 8, both, of(func(m *ntp.Message) uint8 { return m.Stratum })),
		numberOrName("ntp.mode", 8, both, func(name string) (uint64, bool) {
			mode, ok := ntp.ModeByName(name)
			return uint64(mode), ok
		}, of(func(m *ntp.Message) uint8 { return m.Mode })),
		buffer(Buffer{Name: "ntp.reference_id", Points: append(at(app.ToServer, 0, id, app.NTP), at(app.ToClient, 0, id, app.NTP)...)}),
	}
}
