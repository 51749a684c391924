package signatures

import (
	"picket/traffic/app"
	"picket/traffic/app/smtp"
)

// smtpKeywords are the SMTP and email keywords of Suricata 8 ("SMTP Keywords" and "Email Keywords" in its manual).
func smtpKeywords() []Keyword {
	all := []Keyword{}
	for _, b := range []Buffer{
		{Name: "smtp.helo", Points: ofMail(func(m *smtp.Mail) []byte { return m.Helo })},
		{Name: "smtp.mail_from", Points: ofMail(func(m *smtp.Mail) []byte { return bracketless(m.From) })},
		{Name: "smtp.rcpt_to", Points: each(app.ToServer, 0, func(v *view, i int) ([]byte, bool) {
			if m, ok := v.Tx.Data.(*smtp.Mail); ok && i < len(m.To) {
				return bracketless(m.To[i]), true
			}
			return nil, false
		}, app.SMTP)},
		{Name: "email.from", Points: mailField("from")},
		{Name: "email.to", Points: mailField("to")},
		{Name: "email.cc", Points: mailField("cc")},
		{Name: "email.subject", Points: mailField("subject")},
		{Name: "email.date", Points: mailField("date")},
		{Name: "email.message_id", Points: mailField("message-id")},
		{Name: "email.x_mailer", Points: mailField("x-mailer")},
	} {
		all = append(all, buffer(b))
	}
	return all
}

func ofMail(get func(*smtp.Mail) []byte) []Point {
	return at(app.ToServer, 0, func(v *view) []byte {
		if m, ok := v.Tx.Data.(*smtp.Mail); ok {
			return get(m)
		}
		return nil
	}, app.SMTP)
}

func mailField(name string) []Point {
	return ofMail(func(m *smtp.Mail) []byte { return m.Get(name) })
}

// bracketless takes the angle brackets off an address.
func bracketless(b []byte) []byte {
	if n := len(b); n >= 2 && b[0] == '<' && b[n-1] == '>' {
		return b[1 : n-1]
	}
	return b
}
