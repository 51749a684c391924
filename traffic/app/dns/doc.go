// Package dns reads DNS messages (RFC 1035, 2782, 3596, 4255, 6891) over UDP and TCP, and mDNS (RFC 6762).
//
// As in Suricata 8 each message is a transaction of its own: a query is complete to the server and skips the
// other direction, an answer the other way round. Names are decompressed within fixed bounds; what does not fit
// is cut and says so in an event.
package dns
