package eve

import (
	"picket/traffic/app"
	"picket/traffic/app/pop3"
)

// appendPOP3 writes a command and its reply as rust/src/pop3/logger.rs does.
func appendPOP3(j *JSON, tx *app.Transaction, _ *Context) bool {
	t, ok := tx.Data.(*pop3.Transaction)
	if !ok {
		return false
	}
	j.Object("pop3")
	if t.Command != "" {
		j.Object("request")
		j.Str("command", t.Command)
		textsIf(j, "args", t.Args)
		j.EndObject()
	}
	if t.Replied {
		j.Object("response")
		j.Bool("success", t.OK)
		status := "ERR"
		if t.OK {
			status = "OK"
		}
		j.Str("status", status)
		j.Text("header", t.Header)
		textsIf(j, "data", t.Data)
		j.EndObject()
	}
	j.EndObject()
	return true
}
