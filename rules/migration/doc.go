// Package migration tells what picket does with a host's configuration of fail2ban, jail by jail, before it is done: which
// actions become picket's own bans and on which ports, which run as fail2ban would run them, what is refused and why, and
// who is banned there now. It can write the jails as rules of our own (rules/library). It reads only.
//
//	plan.go     a configuration to a Plan
//	fate.go     what becomes of an action
//	native.go   a jail as a rule of our own
//	taken.go    remembers that fail2ban's database was taken over, once
package migration
