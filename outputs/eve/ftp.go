package eve

import (
	"picket/traffic/app"
	"picket/traffic/app/ftp"
)

// appendFTP writes a command and its replies, as output-json-ftp.c does.
func appendFTP(j *JSON, tx *app.Transaction, _ *Context) bool {
	e, ok := tx.Data.(*ftp.Exchange)
	if !ok {
		return false
	}
	j.Object("ftp")
	if e.Command != "" {
		j.Str("command", e.Command)
	}
	if data := e.Argument(); data != nil {
		j.Text("command_data", data)
		j.Bool("command_truncated", e.Truncated)
	}
	truncated := ftpReplies(j, e)
	if e.Port != 0 {
		j.Uint("dynamic_port", uint64(e.Port))
	}
	switch e.Command {
	case "PORT", "EPRT":
		j.Str("mode", "active")
	case "PASV", "EPSV":
		j.Str("mode", "passive")
	}
	received := "no"
	if e.Answered {
		received = "yes"
	}
	j.Str("reply_received", received)
	j.Bool("reply_truncated", truncated)
	j.EndObject()
	return true
}

// ftpReplies writes all codes, then all texts; true: one of the lines was too long.
func ftpReplies(j *JSON, e *ftp.Exchange) (truncated bool) {
	codes, texts := 0, 0
	for i := range e.Replies {
		r := &e.Replies[i]
		truncated = truncated || r.Truncated
		if len(r.Code) == 0 {
			continue
		}
		if codes++; codes == 1 {
			j.Array("completion_code")
		}
		j.Text("", r.Code)
	}
	if codes > 0 {
		j.EndArray()
	}
	for i := range e.Replies {
		if len(e.Replies[i].Text) == 0 {
			continue
		}
		if texts++; texts == 1 {
			j.Array("reply")
		}
		j.Text("", e.Replies[i].Text)
	}
	if texts > 0 {
		j.EndArray()
	}
	return truncated
}

// appendFTPData writes which file a data connection carries.
func appendFTPData(j *JSON, tx *app.Transaction, _ *Context) bool {
	t, ok := tx.Data.(*ftp.Transfer)
	if !ok {
		return false
	}
	j.Object("ftp_data")
	if t.Name != nil {
		j.Text("filename", t.Name)
		j.Str("command", t.Command)
	}
	j.EndObject()
	return true
}
