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

// emailList writes addresses that stand behind each other with commas; commas within quotes separate nothing. A list
// without addresses is not written.
func emailList(j *JSON, key string, value []byte) {
	if len(bytes.Trim(value, " \t,")) == 0 {
		return
	}
	j.Array(key)
	for len(value) > 0 {
		var part []byte
		if part, value = cutAddress(value); len(part) > 0 {
			j.Text("", part)
		}
	}
	j.EndArray()
}

// cutAddress takes the first address of a list.
func cutAddress(list []byte) (first, rest []byte) {
	quoted := false
	for i, c := range list {
		switch {
		case c == '"':
			quoted = !quoted
		case c == ',' && !quoted:
			return bytes.TrimSpace(list[:i]), list[i+1:]
		}
	}
	return bytes.TrimSpace(list), nil
}
