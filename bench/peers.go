package main

import "time"

// What Suricata 8.0.6 with Hyperscan does with one packet thread on two cores at 2.5 GHz, quiet machine, medians.
const (
	suricataAlertsOnly = 900 * time.Millisecond // packet time of mixed-small.pcap, ET Open, alerts only
	suricataLoad       = 34 * time.Second       // CPU to load ET Open, without its cache
	suricataMemory     = 402 << 20              // resident bytes after that
)

// fail2banBans is what fail2ban's server bans in a second with its nftables action.
const fail2banBans = 53
