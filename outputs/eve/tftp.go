package eve

import (
	"picket/traffic/app"
	"picket/traffic/app/tftp"
)

// appendTFTP writes a request as rust/src/tftp/log.rs does.
func appendTFTP(j *JSON, tx *app.Transaction, _ *Context) bool {
	r, ok := tx.Data.(*tftp.Request)
	if !ok {
		return false
	}
	j.Object("tftp")
	kind := "write"
	if r.Opcode == tftp.Read {
		kind = "read"
	}
	j.Str("packet", kind)
	j.Text("file", r.File)
	j.Str("mode", r.Mode)
	j.EndObject()
	return true
}
