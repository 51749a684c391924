// Package rules judges lines: which of them are failures, whose they are, and when they happened.
//
// In goes a compiled filter (immutable, shared) and lines in order; out come Failures. The judge of one filter
// keeps what fail2ban keeps between lines: the order of date templates, the last date, connections that span lines, the
// lines of a multi-line expression. Every one of these has a bound.
package rules
