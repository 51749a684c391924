package signatures

import (
	"picket/traffic/app"
	"picket/traffic/app/rfb"
)

// rfbKeywords are the RFB keywords of Suricata 8 ("RFB Keywords" in its manual).
func rfbKeywords() []Keyword {
	return []Keyword{
		buffer(Buffer{Name: "rfb.name", Points: at(app.ToClient, 0, func(v *view) []byte {
			if s, ok := v.Tx.Data.(*rfb.Session); ok && s.Screen != nil && len(s.Screen.Name) > 0 {
				return s.Screen.Name
			}
			return nil
		}, app.RFB)}),
		number("rfb.sectype", 32, when(app.ToServer, 0, app.RFB), func(v *view) (uint64, bool) {
			if s, ok := v.Tx.Data.(*rfb.Session); ok {
				return uint64(s.SecurityType), s.HasType
			}
			return 0, false
		}),
		numberOrName("rfb.secresult", 32, when(app.ToClient, 0, app.RFB), rfbResult, func(v *view) (uint64, bool) {
			if s, ok := v.Tx.Data.(*rfb.Session); ok {
				return uint64(s.Result), s.HasResult
			}
			return 0, false
		}),
	}
}

// rfbResult returns the number of a security result's name.
func rfbResult(name string) (uint64, bool) {
	for i, n := range [...]string{"ok", "fail", "toomany", "unknown"} {
		if n == name {
			return uint64(i), true
		}
	}
	return 0, false
}
