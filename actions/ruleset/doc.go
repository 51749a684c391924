// Package ruleset reads back what a table of nftables holds, tells where that differs from what was wanted, and hears of
// every change to it with the process that has made it. It changes nothing.
//
// What was wanted is noted as it is sent (Layout.AddChain, AddRule, AddSet) and never taken from an answer of the kernel,
// so that a table which was wrong from the start differs, too. Elements of sets that are meant to change are the caller's.
package ruleset
