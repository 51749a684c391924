package eve

import (
	"strconv"

	"picket/traffic/app"
	"picket/traffic/app/ldap"
)

// appendLDAP writes a request and its responses as rust/src/ldap/logger.rs does.
func appendLDAP(j *JSON, tx *app.Transaction, _ *Context) bool {
	t, ok := tx.Data.(*ldap.Transaction)
	if !ok {
		return false
	}
	j.Object("ldap")
	if m := t.Request; m != nil {
		j.Object("request")
		j.Int("message_id", m.ID)
		j.Str("operation", m.Op.String())
		ldapRequest(j, m)
		ldapControls(j, m.Controls)
		j.EndObject()
	}
	if len(t.Responses) > 0 {
		j.Array("responses")
		for _, m := range t.Responses {
			j.Object("")
			j.Str("operation", m.Op.String())
			if t.Request == nil {
				j.Int("message_id", m.ID)
			}
			ldapResponse(j, m)
			ldapControls(j, m.Controls)
			j.EndObject()
		}
		j.EndArray()
	}
	j.EndObject()
	return true
}

func ldapRequest(j *JSON, m *ldap.Message) {
	if m.Op == ldap.UnbindRequest {
		return
	}
	j.Object(m.Op.String())
	switch m.Op {
	case ldap.BindRequest:
		j.Int("version", m.Version)
		j.Text("name", m.DN)
		if m.SASL {
			j.Object("sasl")
			j.Text("mechanism", m.Mechanism)
			hexIf(j, "credentials", m.Creds)
			j.EndObject()
		}
	case ldap.SearchRequest:
		ldapSearch(j, m)
	case ldap.ModifyRequest:
		j.Text("object", m.DN)
		ldapChanges(j, m.Attributes)
	case ldap.AddRequest:
		j.Text("entry", m.DN)
		ldapAttributes(j, "name", m.Attributes)
	case ldap.DelRequest:
		j.Text("dn", m.DN)
	case ldap.ModDNRequest:
		j.Text("entry", m.DN)
		j.Text("new_rdn", m.NewRDN)
		j.Bool("delete_old_rdn", m.DeleteOld)
		textIf(j, "new_superior", m.Superior)
	case ldap.CompareRequest:
		j.Text("entry", m.DN)
		j.Object("attribute_value_assertion")
		j.Text("description", m.Name)
		j.Text("value", m.Value)
		j.EndObject()
	case ldap.ExtendedRequest:
		j.Text("name", m.Name)
		textIf(j, "value", m.Value)
	case ldap.AbandonRequest:
		j.Int("message_id", m.AbandonID)
	}
	j.EndObject()
}

func ldapSearch(j *JSON, m *ldap.Message) {
	j.Text("base_object", m.DN)
	j.Int("scope", m.Scope)
	j.Int("deref_alias", m.Deref)
	j.Int("size_limit", m.SizeLimit)
	j.Int("time_limit", m.TimeLimit)
	j.Bool("types_only", m.TypesOnly)
	if m.Present != nil {
		j.Object("filter")
		j.Str("type", "present")
		j.Text("value", m.Present)
		j.EndObject()
	}
	textsIf(j, "attributes", m.Wanted)
}

func ldapChanges(j *JSON, list []ldap.Attribute) {
	if len(list) == 0 {
		return
	}
	names := [...]string{"add", "delete", "replace"}
	j.Array("changes")
	for i := range list {
		a := &list[i]
		j.Object("")
		if a.Operation >= 0 && a.Operation < int64(len(names)) {
			j.Str("operation", names[a.Operation])
		} else {
			j.Str("operation", strconv.FormatInt(a.Operation, 10))
		}
		j.Object("modification")
		j.Text("attribute_type", a.Type)
		textsIf(j, "attribute_values", a.Values)
		j.EndObject()
		j.EndObject()
	}
	j.EndArray()
}

func ldapAttributes(j *JSON, name string, list []ldap.Attribute) {
	if len(list) == 0 {
		return
	}
	j.Array("attributes")
	for i := range list {
		j.Object("")
		j.Text(name, list[i].Type)
		textsIf(j, "values", list[i].Values)
		j.EndObject()
	}
	j.EndArray()
}

func ldapResponse(j *JSON, m *ldap.Message) {
	if m.Op == ldap.SearchReference {
		return
	}
	j.Object(m.Op.String())
	switch m.Op {
	case ldap.SearchResultEntry:
		j.Text("base_object", m.DN)
		ldapAttributes(j, "type", m.Attributes)
	case ldap.IntermediateResponse:
		textIf(j, "name", m.Name)
		textIf(j, "value", m.Value)
	default:
		name := ldap.ResultName(m.Result.Code)
		if name == "" {
			name = strconv.FormatUint(uint64(m.Result.Code), 10)
		}
		j.Str("result_code", name)
		j.Text("matched_dn", m.DN)
		j.Text("message", m.Result.Message)
		hexIf(j, "server_sasl_creds", m.Creds)
		textIf(j, "name", m.Name)
		textIf(j, "value", m.Value)
	}
	j.EndObject()
}

func ldapControls(j *JSON, list []ldap.Control) {
	if len(list) == 0 {
		return
	}
	j.Array("controls")
	for i := range list {
		j.Object("")
		j.Text("control_type", list[i].Type)
		j.Bool("criticality", list[i].Critical)
		hexIf(j, "control_value", list[i].Value)
		j.EndObject()
	}
	j.EndArray()
}

// hexIf writes bytes that are there.
func hexIf(j *JSON, key string, b []byte) {
	if b != nil {
		j.Hex(key, b)
	}
}
