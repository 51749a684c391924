// Package tls reads the visible part of TLS and SSL connections: records, hellos, certificates, alerts and
// heartbeats (RFC 5246, 6066, 6520, 7301, 8446, and SSLv2's hello).
//
// A connection is one transaction whose Data is a *Session. What the handshake says is kept as it was sent;
// fingerprints (JA3, JA3S, JA4) and the reading of certificates are done when somebody asks for them first.
// After the handshake the parser walks over records without looking into them and reports Encrypted.
package tls
