// Package language reads rules: text in, Rule values and Faults out.
//
// The grammar is Suricata's (https://docs.suricata.io, "Rules Format"), and Snort 2's where it differs only in
// spelling. Rules of Snort 3 are recognised and said in Suricata's language (docs/decisions/0016-snort3.md). The package knows how a rule is written, not what its options mean: that is the keyword table's
// work in package signatures. Text from a stranger ends in faults, never in a panic or a loop.
package language
