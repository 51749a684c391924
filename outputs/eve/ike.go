package eve

import (
	"picket/traffic/app"
	"picket/traffic/app/ike"
)

// appendIKE writes a message, and what both sides have shown so far, as rust/src/ike/logger.rs does.
func appendIKE(j *JSON, tx *app.Transaction, c *Context) bool {
	m, ok := tx.Data.(*ike.Message)
	if !ok {
		return false
	}
	j.Object("ike")
	j.Uint("version_major", uint64(m.Major))
	j.Uint("version_minor", uint64(m.Minor))
	j.Text("init_spi", m.InitSPI)
	j.Text("resp_spi", m.RespSPI)
	j.Uint("message_id", uint64(m.ID))
	j.Uint("exchange_type", uint64(m.Exchange))
	if m.Major == 1 {
		if name := ike.ExchangeName(m.Exchange); name != "" && (c.Cfg.All || yes(c.Cfg.Settings["ike.extended"])) {
			j.Str("exchange_type_verbose", name)
		}
		ikeVersion1(j, m)
	} else {
		ikeVersion2(j, m)
	}
	j.EndObject()
	return true
}

func ikePayloads(j *JSON, m *ike.Message) {
	j.Array("payload")
	for _, t := range m.Payloads {
		if name := ike.PayloadName(t); name != "" {
			j.Str("", name)
		}
	}
	j.EndArray()
}

// ikeAttributes writes the values by name, and as they are.
func ikeAttributes(j *JSON, list []ike.Attribute) {
	for i := range list {
		a := &list[i]
		name := ike.AttributeName(a.Type)
		j.Str(name, a.Name)
		if a.Hex == nil {
			j.Uint(name+"_raw", uint64(a.Number))
		} else {
			j.Text(name+"_raw", a.Hex)
		}
	}
}

func ikeProposals(j *JSON, key string, list [][]ike.Attribute) {
	j.Array(key)
	for _, p := range list {
		j.Object("")
		ikeAttributes(j, p)
		j.EndObject()
	}
	j.EndArray()
}

func ikeVersion1(j *JSON, m *ike.Message) {
	s := m.Session
	ikeAttributes(j, s.Server.Chosen)
	if m.Dir == app.ToClient && len(m.Proposals) > 1 {
		ikeProposals(j, "server_proposals", m.Proposals)
	}
	ikePayloads(j, m)
	j.Object("ikev1")
	if s.HasDOI {
		j.Uint("doi", uint64(s.DOI))
	}
	j.Bool("encrypted_payloads", m.Encrypted)
	if !m.Encrypted {
		j.Object("client")
		ikeSide(j, &s.Client)
		if m.Dir == app.ToServer && len(m.Proposals) > 0 {
			ikeProposals(j, "proposals", m.Proposals)
		}
		j.EndObject()
		j.Object("server")
		ikeSide(j, &s.Server)
		j.EndObject()
		textsIf(j, "vendor_ids", m.Vendors)
	}
	j.EndObject()
}

func ikeSide(j *JSON, s *ike.Side) {
	if len(s.KeyExchange) > 0 {
		j.Hex("key_exchange_payload", s.KeyExchange)
		j.Uint("key_exchange_payload_length", uint64(len(s.KeyExchange)))
	}
	if len(s.Nonce) > 0 {
		j.Hex("nonce_payload", s.Nonce)
		j.Uint("nonce_payload_length", uint64(len(s.Nonce)))
	}
}

func ikeVersion2(j *JSON, m *ike.Message) {
	if m.Initiator() {
		j.Str("role", "initiator")
	} else {
		j.Str("role", "responder")
		for _, t := range [...]struct {
			key  string
			kind uint8
		}{
			{"alg_enc", ike.TransformEncryption}, {"alg_auth", ike.TransformAuth}, {"alg_prf", ike.TransformPRF},
			{"alg_dh", ike.TransformDH}, {"alg_esn", ike.TransformESN},
		} {
			j.Str(t.key, ike.TransformName(t.kind, m.Session.Algorithms[t.kind]))
		}
	}
	ikePayloads(j, m)
	j.Object("ikev2")
	j.Uint("errors", uint64(m.Errors))
	if len(m.Notify) > 0 {
		j.Array("notify")
		for _, n := range m.Notify {
			j.Str("", ike.NotifyName(n))
		}
		j.EndArray()
	}
	j.EndObject()
}
