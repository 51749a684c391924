// Package transform turns the bytes of a buffer into others before contents look at them, as rules ask for:
//
//	dns.query; dotprefix; content:".example.com"; endswith;
//
// In go a keyword and its argument, parsed once into a Transform that never changes; out come bytes appended to the caller's
// memory. The names, the arguments and every oddity of the results are Suricata 8's (manual, "Transformations", and
// rust/src/detect/transforms): rules are written against them. Source bytes are a stranger's: no transform fails
// on them other than by saying so, and none writes more than its source plus one byte, except for
// the decompressors, which stop at their max-size.
//
// Public suffixes (domain, tld) come from golang.org/x/net/publicsuffix.
package transform
