package eve

import (
	"bytes"

	"picket/traffic/app"
	"picket/traffic/app/krb5"
)

// appendKRB5 writes a message as rust/src/krb/log.rs does.
func appendKRB5(j *JSON, tx *app.Transaction, _ *Context) bool {
	m, ok := tx.Data.(*krb5.Message)
	if !ok {
		return false
	}
	j.Object("krb5")
	j.Str("msg_type", krb5.MessageName(m.Type))
	if m.Type == krb5.Error {
		failed := "UNKNOWN"
		if m.Failed != 0 {
			failed = krb5.MessageName(m.Failed)
		}
		j.Str("failed_request", failed)
		j.Str("error_code", krb5.ErrorName(m.Code))
	}
	krb5Text(j, "cname", bytes.Join(m.Client, []byte("/")), m.Client != nil)
	krb5Text(j, "realm", m.Realm, m.Realm != nil)
	krb5Text(j, "sname", bytes.Join(m.Server, []byte("/")), m.Server != nil)
	if m.Answered() {
		j.Str("encryption", krb5.EncryptionName(m.Encryption))
		j.Bool("weak_encryption", krb5.Weak(m.Encryption))
		j.Str("ticket_encryption", krb5.EncryptionName(m.TicketEncryption))
		j.Bool("ticket_weak_encryption", krb5.Weak(m.TicketEncryption))
	} else {
		j.Str("encryption", "<none>")
		j.Bool("weak_encryption", false)
	}
	j.EndObject()
	return true
}

func krb5Text(j *JSON, key string, b []byte, there bool) {
	if !there {
		b = []byte("<empty>")
	}
	j.Text(key, b)
}
