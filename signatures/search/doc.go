// Package search finds many literals in one pass over a buffer.
//
// In go literals with identifiers (built once, immutable, shared by all workers); out come the identifiers
// whose literal occurs. The window sieve of ../shared/matching.md: one rare 4-byte window per literal, a bit
// table that says where a window may begin (AVX2 or plain Go), exact verification behind it. Scanning never
// allocates and its cost per candidate is bounded, whatever the bytes.
package search
