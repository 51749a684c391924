package eve

import (
	"strconv"

	"picket/traffic/app"
	"picket/traffic/app/pgsql"
)

// appendPgSQL writes a request and its responses as rust/src/pgsql/logger.rs does. Passwords are written when the
// setting "pgsql.passwords" asks for it.
func appendPgSQL(j *JSON, tx *app.Transaction, c *Context) bool {
	t, ok := tx.Data.(*pgsql.Transaction)
	if !ok {
		return false
	}
	j.Object("pgsql")
	j.Uint("tx_id", tx.ID+1)
	if len(t.Requests) > 0 {
		j.Object("request")
		for i := range t.Requests {
			pgsqlRequest(j, &t.Requests[i], yes(c.Cfg.Settings["pgsql.passwords"]))
		}
		j.EndObject()
	}
	if len(t.Responses) > 0 {
		j.Object("response")
		pgsqlResponses(j, t.Responses)
		j.EndObject()
	}
	j.EndObject()
	return true
}

func pgsqlRequest(j *JSON, m *pgsql.Message, passwords bool) {
	switch m.Kind {
	case pgsql.Startup:
		j.Str("protocol_version", strconv.Itoa(int(m.Major))+"."+strconv.Itoa(int(m.Minor)))
		j.Object("startup_parameters")
		j.Text("user", m.Parameters[0].Value)
		pgsqlParameters(j, "optional_parameters", m.Parameters[1:])
		j.EndObject()
	case pgsql.SASLInitial:
		j.Str("sasl_authentication_mechanism", m.Mechanism)
		j.Text("sasl_param", m.Text)
	case pgsql.Password:
		if passwords {
			j.Text("password", m.Text)
		} else {
			j.Bool("password_redacted", true)
		}
	case pgsql.SASLResponse, pgsql.Query:
		j.Text(m.Kind.String(), m.Text)
	case pgsql.CancelRequest:
		j.Str("message", m.Kind.String())
		pgsqlKey(j, m)
	case pgsql.CopyDataIn:
		pgsqlCounted(j, "msg_count", m)
	case pgsql.SSLRequest, pgsql.Terminate, pgsql.CopyDoneIn:
		j.Str("message", m.Kind.String())
	case pgsql.CopyFail:
		j.Text(m.Kind.String(), m.Text)
	}
}

func pgsqlKey(j *JSON, m *pgsql.Message) {
	j.Uint("process_id", uint64(m.PID))
	j.Uint("secret_key", uint64(m.Key))
}

// pgsqlCounted writes messages that are only counted.
func pgsqlCounted(j *JSON, count string, m *pgsql.Message) {
	j.Object(m.Kind.String())
	j.Uint(count, m.Count)
	j.Uint("data_size", m.Size)
	j.EndObject()
}

func pgsqlParameters(j *JSON, key string, list []pgsql.Parameter) {
	if len(list) == 0 {
		return
	}
	j.Array(key)
	for i := range list {
		j.Object("")
		j.name(list[i].Name)
		j.Text("", list[i].Value)
		j.EndObject()
	}
	j.EndArray()
}

// pgsqlResponses writes the messages in their order; parameters that follow each other share a list.
func pgsqlResponses(j *JSON, list []pgsql.Message) {
	var status []pgsql.Parameter
	for i := range list {
		if list[i].Kind == pgsql.ParameterStatus {
			status = append(status, list[i].Parameters...)
		}
	}
	for i := range list {
		m := &list[i]
		switch m.Kind {
		case pgsql.ParameterStatus:
			pgsqlParameters(j, "parameter_status", status)
			status = nil
		case pgsql.SSLAccepted, pgsql.SSLRejected:
			j.Bool("ssl_accepted", m.Kind == pgsql.SSLAccepted)
		case pgsql.ErrorResponse, pgsql.Notice:
			for k := range m.Parameters {
				j.Text(m.Parameters[k].Name, m.Parameters[k].Value)
			}
		case pgsql.AuthMD5, pgsql.AuthSSPI, pgsql.AuthSASLFinal, pgsql.CommandComplete:
			j.Text(m.Kind.String(), m.Text)
		case pgsql.AuthOK, pgsql.AuthCleartext, pgsql.AuthSASL, pgsql.AuthSASLContinue, pgsql.CopyDoneOut:
			j.Str("message", m.Kind.String())
		case pgsql.BackendKey:
			pgsqlKey(j, m)
		case pgsql.RowDescription:
			j.Uint("field_count", uint64(m.Columns))
		case pgsql.DataRow:
			j.Uint("data_rows", m.Count)
			j.Uint("data_size", m.Size)
		case pgsql.CopyDataOut:
			pgsqlCounted(j, "row_count", m)
		case pgsql.CopyInResponse, pgsql.CopyOutResponse:
			j.Object(m.Kind.String())
			j.Uint("columns", uint64(m.Columns))
			j.EndObject()
		case pgsql.Notification:
			j.Uint("pid", uint64(m.PID))
			j.Text("channel_name", m.Channel)
			j.Text("payload", m.Text)
		}
	}
}
