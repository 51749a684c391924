// Package search finds many literals in one pass over a buffer.
//
// In go literals with identifiers (built once, immutable, shared by all workers); out come the identifiers
// whose literal occurs. Scanning never allocates in the steady state and its cost per candidate is bounded,
// whatever the bytes; the memory it writes is the caller's Scratch, one per worker.
//
// The method is a window sieve (design and measurements: docs/decisions/0004-matching.md):
//
//	choose   one 4-byte window per literal, at the offset that is rarest in traffic         choose.go, model.go
//	sieve    a table of bits says at which positions a window may begin (AVX2 or plain Go)  sieve*.go, nibble*.go
//	look up  the exact folded window in a small hash table                                  scan.go
//	verify   the literals on that window, byte for byte                                     verify.go, crowd.go
//
// Literals of three bytes take a window whose fourth byte is open; those of one and two are looked for directly (short.go).
// "Folded" bytes have bit 5 set where bit 6 is set: letters lose their case, and NUL stays apart from space.
//
// How rare a window is comes from pairs.bin, a byte-pair model trained on the Go distribution's files by
// pairs_gen.go: sources, web pages, certificates, images and an ELF binary, no network traffic. Any roughly sensible model
// will do; none at all halves the speed.
package search
