// Package pcre matches Perl-compatible regular expressions over bytes with a step limit.
//
// In goes a pattern (compiled once, immutable, shared by all workers); out comes whether and where it matches, or that
// the step limit ended the search, which counts as no match and is reported. It speaks the subset of PCRE2 that rules
// use; what it can't express is refused by name at compile time. The memory of a match is the worker's Matcher.
//
// The way of a pattern:
//
//	parse    text to a tree                                               parse*.go, class.go, escape.go
//	analyse  least length, fixed lengths, the literal every match holds    analyse.go
//	compile  tree to instructions, then what may follow what              compile*.go, program.go, follow.go
//	match    find where a match could begin, backtrack on an explicit stack from there   find_start.go, run*.go
//
// # Semantics
//
// Subjects are bytes, never UTF-8: "." is one byte, "\xff" is that byte, \w knows ASCII only, "caseless" folds ASCII letters
// only. That is what PCRE2 does without PCRE2_UTF, and how Suricata calls it. The law is pcre2pattern(3);
// oracle_test.go (tag pcre2test, with oracle.go) compares with the system's libpcre2.
//
// Refused by name: recursion and subroutine calls ((?R), (?1), (?&n), \g<n>), callouts, duplicate names ((?J)), \X, \p and \P,
// backtracking verbs other than (*FAIL), newline conventions other than LF, UTF and UCP mode, \L \l \U \u \N{…},
// and look-behind whose alternatives have no fixed length.
//
// # The Python dialect
//
// With the Python flag (fail2ban's filters are written for Python's re) these differ: \Z is the very end and \z, \G,
// \K, \R, \h, \H, \Q and POSIX classes are not special (an unknown letter escape is an error); \v is the vertical tab; {,n}
// counts from zero; ^ in multiline mode also matches behind a newline that ends the subject; inline flags L and u are read and
// mean nothing; \u and \U name characters.
//
// And its subjects are text in UTF-8 of which a character is one item: "." takes it whole, \w \d \s \b know all of Unicode (unless
// (?a)), case folds as Python folds it, what is no UTF-8 is U+FFFD. Subjects in ASCII, nearly all, run the program of bytes;
// others are laid out by a page (page.go, foreign.go), one byte for each character, and run a second program, compiled when it
// is first needed. Where Python's and this package's Unicode differ in age, they differ in the letters added since. Back
// references of either case fold ASCII only. python_test.go compares with Python itself.
package pcre
