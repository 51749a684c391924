package packet

// Counter is one of the decoder's totals, as EVE's stats record names them under "decoder" and "defrag".
type Counter uint8

// The counters.
const (
	CntPkts Counter = iota
	CntBytes
	CntMaxSize // of a frame, not a sum
	CntInvalid
	CntChecksumBad
	CntEthernet
	CntARP
	CntUnknownEtherType
	CntCHDLC
	CntRaw
	CntNull
	CntSLL
	CntSLL2
	CntPPP
	CntPPPoE
	CntVLAN
	CntQinQ
	CntQinQinQ
	CntVNTag
	CntIEEE8021ah
	CntMPLS
	CntNSH
	CntIPv4
	CntIPv6
	CntTCP
	CntUDP
	CntSCTP
	CntESP
	CntIGMP
	CntICMPv4
	CntICMPv6
	CntGRE
	CntERSPAN
	CntVXLAN
	CntGENEVE
	CntTeredo
	CntIPv4InIPv4
	CntIPv6InIPv4
	CntIPv4InIPv6
	CntIPv6InIPv6
	CntFragments4
	CntReassembled4
	CntFragments6
	CntReassembled6
	CntTrackersTimedOut
	CntTrackersEvicted
	CntFragmentsRefused
	numCounters
)

// counterNames spells them as paths in EVE's stats record.
var counterNames = [numCounters]string{
	CntPkts: "decoder.pkts", CntBytes: "decoder.bytes", CntMaxSize: "decoder.max_pkt_size", CntInvalid: "decoder.invalid",
	CntChecksumBad: "decoder.checksum_bad", CntEthernet: "decoder.ethernet", CntARP: "decoder.arp",
	CntUnknownEtherType: "decoder.unknown_ethertype", CntCHDLC: "decoder.chdlc", CntRaw: "decoder.raw",
	CntNull: "decoder.null", CntSLL: "decoder.sll", CntSLL2: "decoder.sll2", CntPPP: "decoder.ppp",
	CntPPPoE: "decoder.pppoe", CntVLAN: "decoder.vlan", CntQinQ: "decoder.vlan_qinq", CntQinQinQ: "decoder.vlan_qinqinq",
	CntVNTag: "decoder.vntag", CntIEEE8021ah: "decoder.ieee8021ah", CntMPLS: "decoder.mpls", CntNSH: "decoder.nsh",
	CntIPv4: "decoder.ipv4", CntIPv6: "decoder.ipv6", CntTCP: "decoder.tcp", CntUDP: "decoder.udp",
	CntSCTP: "decoder.sctp", CntESP: "decoder.esp", CntIGMP: "decoder.igmp", CntICMPv4: "decoder.icmpv4",
	CntICMPv6: "decoder.icmpv6", CntGRE: "decoder.gre", CntERSPAN: "decoder.erspan", CntVXLAN: "decoder.vxlan",
	CntGENEVE: "decoder.geneve", CntTeredo: "decoder.teredo", CntIPv4InIPv4: "decoder.ipv4_in_ipv4",
	CntIPv6InIPv4: "decoder.ipv6_in_ipv4", CntIPv4InIPv6: "decoder.ipv4_in_ipv6",
	CntIPv6InIPv6: "decoder.ipv6_in_ipv6", CntFragments4: "defrag.ipv4.fragments",
	CntReassembled4: "defrag.ipv4.reassembled", CntFragments6: "defrag.ipv6.fragments",
	CntReassembled6: "defrag.ipv6.reassembled", CntTrackersTimedOut: "defrag.tracker_timeout",
	CntTrackersEvicted: "defrag.tracker_hard_reuse", CntFragmentsRefused: "defrag.max_frags_reached",
}

// Name returns the counter's path in the stats record, such as "decoder.ipv4".
func (c Counter) Name() string {
	if c >= numCounters {
		return ""
	}
	return counterNames[c]
}

// Stats are a decoder's counters at one moment.
type Stats struct {
	counts [numCounters]uint64
	events [numEvents]uint64
}

// Stats returns the counters. Only the Decoder's owner may call it; what it returns is anybody's.
func (d *Decoder) Stats() Stats { return Stats{d.counts, d.events} }

// Each calls f with every counter, and with every event that was seen, by their paths in EVE's stats record.
func (s *Stats) Each(f func(name string, n uint64)) {
	for c, n := range s.counts {
		f(counterNames[c], n)
	}
	for e, n := range s.events {
		if n > 0 {
			f("decoder.event."+eventNames[e], n)
		}
	}
}

// Count returns one counter.
func (d *Decoder) Count(c Counter) uint64 { return d.counts[c] }
