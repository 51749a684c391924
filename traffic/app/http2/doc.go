// Package http2 reads HTTP/2 (RFC 9113) with HPACK (RFC 7541), begun with prior knowledge or by an upgrade from
// HTTP/1.1, and DNS over HTTPS in it (RFC 8484).
//
// As in Suricata 8 a stream is a transaction, and so is each frame that concerns the whole connection (SETTINGS,
// GOAWAY, WINDOW_UPDATE and PING on stream 0). A transaction's progress is its stream's state, the same in both
// directions. Header tables, header lists, what is kept of frames and decoded contents have bounds; what goes
// over them becomes an event.
package http2
