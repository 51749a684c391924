// Package firewall keeps picket's table of banned prefixes in the kernel: nftables, conntrack and the sockets
// of banned peers, nothing else.
//
// One inet table holds a hash set for each common prefix length (an operation costs the same at any size) and
// one interval set for all other lengths; an ingress chain for each device and a prerouting chain look into
// the same sets, before conntrack and so before NAT and forwarding: a ban covers containers too. The table has
// the flags OWNER and PERSIST where the kernel knows them: other programs can't change it, and it survives
// picket. Times run in the kernel; the truth is the responder's journal. See docs/decisions/0005-bans.md.
package firewall
