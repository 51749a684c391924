// Package expression compiles fail2ban's regular expressions: Python's syntax with tags in angle brackets.
//
// In goes "^Failed \S+ for <F-USER>\S+</F-USER> from <HOST>$"; out comes an Expression, immutable and shared, that tells
// whether a line matches and what its groups say. <HOST> <ADDR> <IP4> <IP6> <DNS> <CIDR> <SUBNET> become addresses in the
// groups ip4, ip6, dns and cidr; <F-NAME>…</F-NAME> becomes the group "name"; <SKIPLINES> skips whole lines.
//
// The matcher is signatures/pcre in its Python dialect: backtracking with a step limit, so that no line can stall it.
package expression
