package eve

import (
	"bytes"
	"crypto/md5" //nolint:gosec // a sum that analysts look up
	"slices"
	"strings"

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
		appendEmail(j, m, c.Cfg.Settings)
	}
	return true
}

// emailFields are the fields of a mail's header that have a name in records (the table of output-json-email-common.c). Their
// names for "custom" are the header's.
var emailFields = [...]struct {
	key, header string
	list        bool // addresses behind each other with commas
	plain       bool // written without being asked for by name
}{
	{"subject", "subject", false, true}, {"date", "date", false, true}, {"message_id", "message-id", false, true},
	{"x_mailer", "x-mailer", false, true}, {"bcc", "bcc", true, true}, {"user_agent", "user-agent", false, true},
	{"reply_to", "reply-to", false, false}, {"in_reply_to", "in-reply-to", false, false},
	{"references", "references", false, false}, {"importance", "importance", false, false},
	{"priority", "priority", false, false}, {"sensitivity", "sensitivity", false, false},
	{"organization", "organization", false, false}, {"content_md5", "content-md5", false, false},
	{"x_originating_ip", "x-originating-ip", false, false},
}

// appendEmail writes the fields of the mail's header and what was found in the mail.
func appendEmail(j *JSON, m *smtp.Mail, settings map[string]string) {
	j.Object("email")
	status := "PARSE_STARTED"
	if m.Closed {
		status = "PARSE_DONE"
	}
	j.Str("status", status)
	emailField(j, "from", m.Get("from"))
	emailList(j, "to", m.Get("to"))
	emailList(j, "cc", m.Get("cc"))
	emailMore(j, m, settings)
	emailSums(j, m, settings["smtp.md5"])
	textsIf(j, "attachment", m.Attachments)
	emailURLs(j, m.URLs)
	j.EndObject()
}

// emailMore writes the fields that the configuration asks for: "extended" the usual ones, "custom" by name.
func emailMore(j *JSON, m *smtp.Mail, settings map[string]string) {
	extended, custom := settings["smtp.extended"] != "no", ","+settings["smtp.custom"]+","
	for _, f := range emailFields {
		if !(f.plain && extended || strings.Contains(custom, ","+f.header+",")) {
			continue
		}
		if f.list {
			emailList(j, f.key, m.Get(f.header))
		} else {
			emailField(j, f.key, m.Get(f.header))
		}
	}
	if strings.Contains(custom, ",received,") {
		textsIf(j, "received", m.All("received"))
	}
}

// emailSums writes the MD5 sums that the configuration's list names.
func emailSums(j *JSON, m *smtp.Mail, names string) {
	if strings.Contains(names, "body") && m.BodyMD5 != nil {
		j.Hex("body_md5", m.BodyMD5)
	}
	if subject := m.Get("subject"); strings.Contains(names, "subject") && subject != nil {
		sum := md5.Sum(subject) //nolint:gosec // as Suricata writes it
		j.Hex("subject_md5", sum[:])
	}
}

// emailURLs writes the URLs, the last one first as Suricata does.
func emailURLs(j *JSON, urls [][]byte) {
	if len(urls) == 0 {
		return
	}
	j.Array("url")
	for _, u := range slices.Backward(urls) {
		j.Text("", u)
	}
	j.EndArray()
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
