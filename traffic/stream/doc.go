// Package stream tracks TCP sessions and puts their bytes in order.
//
// In come decoded TCP packets; out come in-order bytes for the application layer (consumed by it) and a raw
// window for the signatures. The rules for what belongs to the stream follow the target host's policy, by
// Suricata's names (bsd, linux, windows, first, last ...), and RFC 9293, RFC 7323 where the hosts do.
// Everything has a bound: memcap, depth, segments held, gaps. One worker, no locks.
package stream
