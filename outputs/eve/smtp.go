package eve

import (
	"bytes"

	"picket/traffic/app"
	"picket/traffic/app/smtp"
)

// appendSMTP writes a mail's envelope and, when it had content, the mail itself, as output-json-smtp.c and
// output-json-email-common.c do.
func appendSMTP(j *JSON, tx *app.Transaction, c *Context) bool {
	m, ok := tx.Data.(*smtp.Mail)
	if !ok {
		return false
	}
	j.Object("smtp")
	if m.Helo != nil {
		j.Text("helo", m.Helo)
	}
	if m.From != nil {
		j.Text("mail_from", m.From)
	}
	if len(m.To) > 0 {
		j.Array("rcpt_to")
		for _, to := range m.To {
			j.Text("", to)
		}
		j.EndArray()
	}
	j.EndObject()
	if m.Parsed {
		appendEmail(j, m, c.Cfg.Settings["smtp.extended"] != "no")
	}
	return true
}

// appendEmail writes the fields of the mail's header.
func appendEmail(j *JSON, m *smtp.Mail, extended bool) {
	j.Object("email")
	status := "PARSE_STARTED"
	if m.Closed {
		status = "PARSE_DONE"
	}
	j.Str("status", status)
	emailField(j, "from", m.Get("from"))
	emailList(j, "to", m.Get("to"))
	emailList(j, "cc", m.Get("cc"))
	if extended {
		emailField(j, "subject", m.Get("subject"))
		emailField(j, "date", m.Get("date"))
		emailField(j, "message_id", m.Get("message-id"))
		emailField(j, "x_mailer", m.Get("x-mailer"))
	}
	if len(m.Attachments) > 0 {
		j.Array("attachment")
		for _, name := range m.Attachments {
			j.Text("", name)
		}
		j.EndArray()
	}
	j.EndObject()
}

func emailField(j *JSON, key string, value []byte) {
	if value != nil {
		j.Text(key, value)
	}
}

// emailList writes addresses that stand behind each other with commas.
func emailList(j *JSON, key string, value []byte) {
	if value == nil {
		return
	}
	j.Array(key)
	for part := range bytes.SplitSeq(value, []byte(",")) {
		if part = bytes.TrimSpace(part); len(part) > 0 {
			j.Text("", part)
		}
	}
	j.EndArray()
}
