// Package actions does what a verdict, a policy or an operator asks for beyond the packet: it bans.
//
// In come requests; each passes the gate (never.go), which knows who must never be cut off and holds observe
// mode, so that nothing can leak around it. What passes is put into the kernel (interface Firewall), written to
// the journal (absolute expiry: the truth after a restart), read back, and stands in the ledger with its reason
// until it expires or is lifted. One goroutine, the Responder, owns all of it.
package actions
