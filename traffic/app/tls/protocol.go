package tls

import "picket/traffic/app"

// Steps of a session, by direction, below app.Done. Rule hooks name them (tls:client_hello_done).
const (
	ClientHelloDone app.Progress = iota + 1
	ClientCertDone
	ClientHandshakeDone
)

// Steps of the server.
const (
	ServerHello app.Progress = iota + 1
	ServerCertDone
	ServerHelloDone
	ServerHandshakeDone
)

// The events, by the names that rules use (app-layer-event:tls.…).
const (
	EventSSLv2Header       = "invalid_sslv2_header"
	EventHeader            = "invalid_tls_header"
	EventRecordVersion     = "invalid_record_version"
	EventRecordType        = "invalid_record_type"
	EventRecordLength      = "invalid_record_length"
	EventHandshake         = "invalid_handshake_message"
	EventHandshakeLength   = "handshake_invalid_length"
	EventHeartbeat         = "heartbeat_message"
	EventHeartbeatInvalid  = "invalid_heartbeat_message"
	EventHeartbeatOverflow = "overflow_heartbeat_message"
	EventHeartbeatLeak     = "dataleak_heartbeat_mismatch"
	EventMultipleSNI       = "multiple_sni_extensions"
	EventSNIType           = "invalid_sni_type"
	EventSNILength         = "invalid_sni_length"
	EventTooManyRecords    = "too_many_records_in_packet"
	EventAlert             = "invalid_alert_message"
	EventCertificate       = "invalid_certificate"
	EventCertLength        = "certificate_invalid_length"
	EventCertDER           = "certificate_invalid_der"
	EventCertValidity      = "certificate_invalid_validity"
	EventCertVersion       = "certificate_invalid_version"
	EventCertSerial        = "certificate_invalid_serial"
	EventCertAlgorithm     = "certificate_invalid_algorithmidentifier"
	EventCertName          = "certificate_invalid_x509name"
	EventCertDate          = "certificate_invalid_date"
	EventError             = "error_message_encountered"
	EventRecord            = "invalid_ssl_record"
)

// events lists the names above and those that rules may ask for though this parser folds them into others.
func events() []string {
	return []string{EventSSLv2Header, EventHeader, EventRecordVersion, EventRecordType, EventRecordLength,
		EventHandshake, EventHandshakeLength, EventHeartbeat, EventHeartbeatInvalid, EventHeartbeatOverflow,
		EventHeartbeatLeak, EventMultipleSNI, EventSNIType, EventSNILength, EventTooManyRecords, EventAlert,
		EventCertificate, EventCertLength, EventCertDER, EventCertValidity, EventError, EventRecord,
		"certificate_missing_element", "certificate_unknown_element", "certificate_invalid_string",
		EventCertVersion, EventCertSerial, EventCertAlgorithm, EventCertName, EventCertDate, "certificate_invalid_extensions",
		"certificate_invalid_subject", "certificate_invalid_issuer"}
}

// Protocol returns the table entry.
func Protocol() app.Protocol {
	p := app.Protocol{
		Proto: app.TLS, TCP: true, ClientFirst: true, Ports: "443", Probe: probe, New: newParser, Events: events(),
		Steps: [2][]string{
			{"client_in_progress", "client_hello_done", "client_cert_done", "client_handshake_done"},
			{"server_in_progress", "server_hello", "server_cert_done", "server_hello_done", "server_handshake_done"},
		},
		Patterns: []app.Pattern{
			{Dir: app.ToServer, Bytes: "\x01\x00\x02", Offset: 2, Depth: 5},
		},
	}
	for minor := range 4 {
		version := "\x03" + string(rune(minor))
		p.Patterns = append(p.Patterns,
			app.Pattern{Dir: app.ToServer, Bytes: "\x01" + version, Offset: 2, Depth: 5},
			app.Pattern{Dir: app.ToServer, Bytes: "\x16" + version, Depth: 3},
			app.Pattern{Dir: app.ToClient, Bytes: "\x15" + version, Depth: 3},
			app.Pattern{Dir: app.ToClient, Bytes: "\x16" + version, Depth: 3},
			app.Pattern{Dir: app.ToClient, Bytes: "\x17" + version, Depth: 3},
		)
	}
	return p
}

// probe recognises an SSLv2 hello by its two-byte record header.
func probe(dir app.Direction, data []byte) app.Answer {
	switch {
	case len(data) < 3:
		return app.More
	case dir == app.ToServer && data[0]&0x80 != 0 && data[2] == 1:
		return app.Yes
	}
	return app.No
}
