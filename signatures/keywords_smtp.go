package signatures

import (
	"picket/traffic/app"
	"picket/traffic/app/smtp"
)

// smtpKeywords are the SMTP and email keywords of Suricata 8 ("SMTP Keywords" and "Email Keywords" in its manual).
func smtpKeywords() []Keyword {
	all := []Keyword{}
	for _, b := range []Buffer{
		{Name: "smtp.helo", Points: ofMail(0, func(m *smtp.Mail) []byte { return m.Helo })},
		{Name: "smtp.mail_from", Points: ofMail(0, func(m *smtp.Mail) []byte { return m.From })},
		{Name: "smtp.rcpt_to", Points: each(app.ToServer, 0, func(v *view, i int) ([]byte, bool) {
			if m, ok := v.Tx.Data.(*smtp.Mail); ok && i < len(m.To) {
				return m.To[i], true
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
		{Name: "email.url", Points: eachOfMail(func(m *smtp.Mail) [][]byte { return m.URLs })},
		{Name: "email.received", Points: eachOfMail(func(m *smtp.Mail) [][]byte { return m.All("received") })},
	} {
		all = append(all, buffer(b))
	}
	return all
}

func ofMail(from app.Progress, get func(*smtp.Mail) []byte) []Point {
	return at(app.ToServer, from, func(v *view) []byte {
		if m, ok := v.Tx.Data.(*smtp.Mail); ok {
			return get(m)
		}
		return nil
	}, app.SMTP)
}

func mailField(name string) []Point {
	return ofMail(app.Done, func(m *smtp.Mail) []byte { return m.Get(name) })
}

// eachOfMail makes points of a list that is whole when the mail is.
func eachOfMail(list func(*smtp.Mail) [][]byte) []Point {
	return each(app.ToServer, app.Done, func(v *view, i int) ([]byte, bool) {
		if m, ok := v.Tx.Data.(*smtp.Mail); ok {
			if l := list(m); i < len(l) {
				return l[i], true
			}
		}
		return nil, false
	}, app.SMTP)
}
