package eve

import (
	"picket/traffic/app"
	"picket/traffic/app/quic"
	"picket/traffic/app/tls"
)

// appendQUIC writes a packet as rust/src/quic/logger.rs does.
func appendQUIC(j *JSON, tx *app.Transaction, _ *Context) bool {
	t, ok := tx.Data.(*quic.Transaction)
	if !ok {
		return false
	}
	j.Object("quic")
	j.Str("version", quic.VersionName(t.Version))
	if len(t.SNI) > 0 {
		j.Text("sni", t.SNI)
	}
	if len(t.UserAgent) > 0 {
		j.Text("ua", t.UserAgent)
	}
	if len(t.CYU) > 0 {
		j.Array("cyu")
		for _, c := range t.CYU {
			j.Object("")
			j.Str("hash", c.Hash)
			j.Str("string", c.Text)
			j.EndObject()
		}
		j.EndArray()
	}
	if t.Hello != nil {
		quicHello(j, t)
	}
	j.EndObject()
	return true
}

// quicHello writes the fingerprints and extensions of a TLS hello.
func quicHello(j *JSON, t *quic.Transaction) {
	key, text, sum := "ja3s", "", ""
	if t.Client {
		key = "ja3"
		text, sum = t.Hello.JA3()
	} else {
		text, sum = t.Hello.JA3S()
	}
	if text != "" {
		j.Object(key)
		j.Str("hash", sum)
		j.Str("string", text)
		j.EndObject()
	}
	side := t.Side()
	if t.Client {
		j.Str("ja4", side.JA4('q'))
	}
	if len(side.Extensions) == 0 {
		return
	}
	j.Array("extensions")
	for _, e := range side.Extensions {
		quicExtension(j, e, side)
	}
	j.EndArray()
}

func quicExtension(j *JSON, e uint16, side *tls.Side) {
	j.Object("")
	if name := tlsExtensionName(e); name != "" {
		j.Str("name", name)
	}
	j.Uint("type", uint64(e))
	var values [][]byte
	switch e {
	case 0:
		if side.SNI != nil {
			values = [][]byte{side.SNI}
		}
	case 16:
		values = side.ALPN
	}
	if len(values) > 0 {
		j.Array("values")
		for _, v := range values {
			j.Text("", v)
		}
		j.EndArray()
	}
	j.EndObject()
}

// tlsExtensionName names an extension as IANA's registry of TLS ExtensionType values does, in Suricata's spelling.
func tlsExtensionName(e uint16) string {
	names := [...]string{
		0: "server_name", 1: "max_fragment_length", 2: "client_certificate_url", 3: "trusted_ca_keys", 4: "truncated_hmac",
		5: "status_request", 6: "user_mapping", 7: "client_authz", 8: "server_authz", 9: "cert_type", 10: "supported_groups",
		11: "ec_point_formats", 12: "srp", 13: "signature_algorithms", 14: "use_srtp", 15: "heartbeat", 16: "alpn",
		17: "status_request_v2", 18: "signed_certificate_timestamp", 19: "client_certificate_type",
		20: "server_certificate_type", 21: "padding", 22: "encrypt_then_mac", 23: "extended_master_secret",
		24: "token_binding", 25: "cached_info", 26: "tls_lts", 27: "compress_certificate", 28: "record_size_limit",
		29: "pwd_protect", 30: "pwd_clear", 31: "password_salt", 32: "ticket_pinning", 33: "tls_cert_with_extern_psk",
		34: "delegated_credentials", 35: "session_ticket", 41: "pre_shared_key", 42: "early_data",
		43: "supported_versions", 44: "cookie", 45: "psk_key_exchange_modes", 47: "certificate_authorities",
		48: "oid_filters", 49: "post_handshake_auth", 50: "signature_algorithms_cert", 51: "key_share",
		52: "transparency_info", 54: "connection_id", 55: "external_id_hash", 56: "external_session_id",
		57: "quic_transport_parameters", 58: "ticket_request", 59: "dnssec_chain",
	}
	switch {
	case int(e) < len(names):
		return names[e]
	case e == 13172:
		return "next_protocol_negotiation"
	case e == 65281:
		return "renegotiation_info"
	}
	return ""
}
