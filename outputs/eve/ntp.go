package eve

import (
	"picket/traffic/app"
	"picket/traffic/app/ntp"
)

// appendNTP writes a message as Suricata 8.0.5 and later do.
func appendNTP(j *JSON, tx *app.Transaction, _ *Context) bool {
	m, ok := tx.Data.(*ntp.Message)
	if !ok {
		return false
	}
	j.Object("ntp")
	j.Uint("version", uint64(m.Version))
	j.Uint("mode", uint64(m.Mode))
	j.Uint("stratum", uint64(m.Stratum))
	j.Str("reference_id", colonHex(m.ReferenceID))
	j.EndObject()
	return true
}
