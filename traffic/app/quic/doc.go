// Package quic reads what QUIC shows of itself: versions, and the hellos of the TLS handshake in Initial packets
// (RFC 9000, 9001, 9369), whose keys follow from the connection ID; and the unencrypted hellos of Google's QUIC.
//
// As in Suricata 8 each packet with a long header is a transaction of its own, until a direction's hello has been
// seen. Pieces of a hello are put together within a bound.
package quic
