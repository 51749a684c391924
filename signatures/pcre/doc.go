// Package pcre matches Perl-compatible regular expressions over bytes with a step limit.
//
// In goes a pattern (compiled once, immutable); out comes whether and where it matches, or that the step
// limit ended the search, which counts as no match and is reported. It speaks the subset of PCRE2 that rules
// use; what it can't express is refused by name at compile time.
package pcre
