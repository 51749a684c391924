package packet

import "strings"

// Event is a decoder event: something about the packet that no correct sender would do, or that the decoder
// could not follow. Its name, as rules and EVE spell it ("decoder.ipv4.pkt_too_small" is spelled
// "ipv4.pkt_too_small" in a decode-event option), comes from Name. Names and meanings are Suricata's
// (rules/decoder-events.rules there). Values from FirstStreamEvent on belong to package stream.
type Event uint16

// FirstStreamEvent is where the numbers of package stream begin, so that one packet can carry both kinds.
const FirstStreamEvent Event = 1024

// The decoder events. 0 is no event.
const (
	EvNone Event = iota
	EvIPv4PktTooSmall
	EvIPv4HlenTooSmall
	EvIPv4IPLenSmallerThanHlen
	EvIPv4TruncPkt
	EvIPv4OptInvalid
	EvIPv4OptInvalidLen
	EvIPv4OptMalformed
	EvIPv4OptPadRequired
	EvIPv4OptEOLRequired
	EvIPv4OptDuplicate
	EvIPv4OptUnknown
	EvIPv4WrongIPVersion
	EvIPv4ICMPv6
	EvIPv4UnknownProtocol
	EvIPv4FragPktTooLarge
	EvIPv4FragOverlap
	EvIPv4FragIgnored

	EvICMPv4PktTooSmall
	EvICMPv4UnknownType
	EvICMPv4UnknownCode
	EvICMPv4IPv4TruncPkt
	EvICMPv4IPv4UnknownVer

	EvICMPv6UnknownType
	EvICMPv6UnknownCode
	EvICMPv6PktTooSmall
	EvICMPv6IPv6UnknownVersion
	EvICMPv6IPv6TruncPkt
	EvICMPv6MLDInvalidHL
	EvICMPv6UnassignedType
	EvICMPv6ExperimentationType

	EvIGMPPktTooSmall
	EvIGMPMalformed
	EvIGMPv3PktTooSmall

	EvIPv6PktTooSmall
	EvIPv6TruncPkt
	EvIPv6TruncExtHdr
	EvIPv6DuplFH
	EvIPv6UselessFH
	EvIPv6DuplRH
	EvIPv6DuplHH
	EvIPv6DuplDH
	EvIPv6DuplAH
	EvIPv6DuplEH
	EvIPv6InvalidOptLen
	EvIPv6WrongIPVersion
	EvIPv6AHResNotNull
	EvIPv6HopOptsUnknownOpt
	EvIPv6HopOptsOnlyPadding
	EvIPv6DstOptsUnknownOpt
	EvIPv6DstOptsOnlyPadding
	EvIPv6RHType0
	EvIPv6ZeroLenPadN
	EvIPv6FHNonZeroReserved
	EvIPv6DataAfterNone
	EvIPv6UnknownNextHeader
	EvIPv6ICMPv4
	EvIPv6FragPktTooLarge
	EvIPv6FragOverlap
	EvIPv6FragIgnored
	EvIPv6FragInvalidLength
	EvIPv4InIPv6TooSmall
	EvIPv4InIPv6WrongVersion
	EvIPv6InIPv6TooSmall
	EvIPv6InIPv6WrongVersion

	EvTCPPktTooSmall
	EvTCPHlenTooSmall
	EvTCPInvalidOptLen
	EvTCPOptInvalidLen
	EvTCPOptDuplicate

	EvUDPPktTooSmall
	EvUDPHlenTooSmall
	EvUDPHlenInvalid
	EvUDPLenInvalid

	EvSCTPPktTooSmall
	EvSCTPTooManyChunks
	EvESPPktTooSmall

	EvSLLPktTooSmall
	EvSLL2PktTooSmall
	EvEthernetPktTooSmall
	EvEthernetUnknownEtherType

	EvPPPPktTooSmall
	EvPPPVJUPktTooSmall
	EvPPPIPv4PktTooSmall
	EvPPPIPv6PktTooSmall
	EvPPPWrongType
	EvPPPUnsupProto
	EvPPPoEPktTooSmall
	EvPPPoEWrongCode
	EvPPPoEMalformedTags

	EvGREPktTooSmall
	EvGREWrongVersion
	EvGRE0Recur
	EvGRE0Flags
	EvGRE0HdrTooBig
	EvGRE0MalformedSRE
	EvGRE1Checksum
	EvGRE1Route
	EvGRE1SSR
	EvGRE1Recur
	EvGRE1Flags
	EvGRE1NoKey
	EvGRE1WrongProtocol
	EvGRE1MalformedSRE
	EvGRE1HdrTooBig

	EvVLANHeaderTooSmall
	EvVLANUnknownType
	EvVLANTooManyLayers
	EvIEEE8021ahHeaderTooSmall
	EvVNTagHeaderTooSmall
	EvVNTagUnknownType
	EvETagHeaderTooSmall
	EvETagUnknownType

	EvIPRawInvalidIPVersion
	EvNullPktTooSmall
	EvNullUnsupportedType

	EvMPLSHeaderTooSmall
	EvMPLSPktTooSmall
	EvMPLSBadLabelRouterAlert
	EvMPLSBadLabelImplicitNull
	EvMPLSBadLabelReserved
	EvMPLSUnknownPayloadType
	EvVXLANUnknownPayloadType
	EvGENEVEUnknownPayloadType
	EvERSPANHeaderTooSmall
	EvERSPANUnsupportedVersion
	EvERSPANTooManyVLANLayers
	EvDCEPktTooSmall
	EvCHDLCPktTooSmall
	EvNSHHeaderTooSmall
	EvNSHUnsupportedVersion
	EvNSHBadHeaderLength
	EvNSHReservedType
	EvNSHUnsupportedType
	EvNSHUnknownPayload

	EvARPPktTooSmall
	EvARPUnsupportedHardware
	EvARPUnsupportedProtocol
	EvARPInvalidPkt
	EvARPInvalidHardwareSize
	EvARPInvalidProtocolSize
	EvARPUnsupportedOpcode

	EvAFPacketTruncPkt
	EvTooManyLayers

	numEvents
)

// prefix stands before the names below wherever an event is written in full.
const prefix = "decoder."

// eventNames holds the names without their prefix, by event.
var eventNames = [numEvents]string{
	EvIPv4PktTooSmall:           "ipv4.pkt_too_small",
	EvIPv4HlenTooSmall:          "ipv4.hlen_too_small",
	EvIPv4IPLenSmallerThanHlen:  "ipv4.iplen_smaller_than_hlen",
	EvIPv4TruncPkt:              "ipv4.trunc_pkt",
	EvIPv4OptInvalid:            "ipv4.opt_invalid",
	EvIPv4OptInvalidLen:         "ipv4.opt_invalid_len",
	EvIPv4OptMalformed:          "ipv4.opt_malformed",
	EvIPv4OptPadRequired:        "ipv4.opt_pad_required",
	EvIPv4OptEOLRequired:        "ipv4.opt_eol_required",
	EvIPv4OptDuplicate:          "ipv4.opt_duplicate",
	EvIPv4OptUnknown:            "ipv4.opt_unknown",
	EvIPv4WrongIPVersion:        "ipv4.wrong_ip_version",
	EvIPv4ICMPv6:                "ipv4.icmpv6",
	EvIPv4UnknownProtocol:       "ipv4.unknown_protocol",
	EvIPv4FragPktTooLarge:       "ipv4.frag_pkt_too_large",
	EvIPv4FragOverlap:           "ipv4.frag_overlap",
	EvIPv4FragIgnored:           "ipv4.frag_ignored",
	EvICMPv4PktTooSmall:         "icmpv4.pkt_too_small",
	EvICMPv4UnknownType:         "icmpv4.unknown_type",
	EvICMPv4UnknownCode:         "icmpv4.unknown_code",
	EvICMPv4IPv4TruncPkt:        "icmpv4.ipv4_trunc_pkt",
	EvICMPv4IPv4UnknownVer:      "icmpv4.ipv4_unknown_ver",
	EvICMPv6UnknownType:         "icmpv6.unknown_type",
	EvICMPv6UnknownCode:         "icmpv6.unknown_code",
	EvICMPv6PktTooSmall:         "icmpv6.pkt_too_small",
	EvICMPv6IPv6UnknownVersion:  "icmpv6.ipv6_unknown_version",
	EvICMPv6IPv6TruncPkt:        "icmpv6.ipv6_trunc_pkt",
	EvICMPv6MLDInvalidHL:        "icmpv6.mld_message_with_invalid_hl",
	EvICMPv6UnassignedType:      "icmpv6.unassigned_type",
	EvICMPv6ExperimentationType: "icmpv6.experimentation_type",
	EvIGMPPktTooSmall:           "igmp.pkt_too_small",
	EvIGMPMalformed:             "igmp.malformed",
	EvIGMPv3PktTooSmall:         "igmp.v3_pkt_too_small",
	EvIPv6PktTooSmall:           "ipv6.pkt_too_small",
	EvIPv6TruncPkt:              "ipv6.trunc_pkt",
	EvIPv6TruncExtHdr:           "ipv6.trunc_exthdr",
	EvIPv6DuplFH:                "ipv6.exthdr_dupl_fh",
	EvIPv6UselessFH:             "ipv6.exthdr_useless_fh",
	EvIPv6DuplRH:                "ipv6.exthdr_dupl_rh",
	EvIPv6DuplHH:                "ipv6.exthdr_dupl_hh",
	EvIPv6DuplDH:                "ipv6.exthdr_dupl_dh",
	EvIPv6DuplAH:                "ipv6.exthdr_dupl_ah",
	EvIPv6DuplEH:                "ipv6.exthdr_dupl_eh",
	EvIPv6InvalidOptLen:         "ipv6.exthdr_invalid_optlen",
	EvIPv6WrongIPVersion:        "ipv6.wrong_ip_version",
	EvIPv6AHResNotNull:          "ipv6.exthdr_ah_res_not_null",
	EvIPv6HopOptsUnknownOpt:     "ipv6.hopopts_unknown_opt",
	EvIPv6HopOptsOnlyPadding:    "ipv6.hopopts_only_padding",
	EvIPv6DstOptsUnknownOpt:     "ipv6.dstopts_unknown_opt",
	EvIPv6DstOptsOnlyPadding:    "ipv6.dstopts_only_padding",
	EvIPv6RHType0:               "ipv6.rh_type_0",
	EvIPv6ZeroLenPadN:           "ipv6.zero_len_padn",
	EvIPv6FHNonZeroReserved:     "ipv6.fh_non_zero_reserved_field",
	EvIPv6DataAfterNone:         "ipv6.data_after_none_header",
	EvIPv6UnknownNextHeader:     "ipv6.unknown_next_header",
	EvIPv6ICMPv4:                "ipv6.icmpv4",
	EvIPv6FragPktTooLarge:       "ipv6.frag_pkt_too_large",
	EvIPv6FragOverlap:           "ipv6.frag_overlap",
	EvIPv6FragIgnored:           "ipv6.frag_ignored",
	EvIPv6FragInvalidLength:     "ipv6.frag_invalid_length",
	EvIPv4InIPv6TooSmall:        "ipv6.ipv4_in_ipv6_too_small",
	EvIPv4InIPv6WrongVersion:    "ipv6.ipv4_in_ipv6_wrong_version",
	EvIPv6InIPv6TooSmall:        "ipv6.ipv6_in_ipv6_too_small",
	EvIPv6InIPv6WrongVersion:    "ipv6.ipv6_in_ipv6_wrong_version",
	EvTCPPktTooSmall:            "tcp.pkt_too_small",
	EvTCPHlenTooSmall:           "tcp.hlen_too_small",
	EvTCPInvalidOptLen:          "tcp.invalid_optlen",
	EvTCPOptInvalidLen:          "tcp.opt_invalid_len",
	EvTCPOptDuplicate:           "tcp.opt_duplicate",
	EvUDPPktTooSmall:            "udp.pkt_too_small",
	EvUDPHlenTooSmall:           "udp.hlen_too_small",
	EvUDPHlenInvalid:            "udp.hlen_invalid",
	EvUDPLenInvalid:             "udp.len_invalid",
	EvSCTPPktTooSmall:           "sctp.pkt_too_small",
	EvSCTPTooManyChunks:         "sctp.too_many_chunks",
	EvESPPktTooSmall:            "esp.pkt_too_small",
	EvSLLPktTooSmall:            "sll.pkt_too_small",
	EvSLL2PktTooSmall:           "sll2.pkt_too_small",
	EvEthernetPktTooSmall:       "ethernet.pkt_too_small",
	EvEthernetUnknownEtherType:  "ethernet.unknown_ethertype",
	EvPPPPktTooSmall:            "ppp.pkt_too_small",
	EvPPPVJUPktTooSmall:         "ppp.vju_pkt_too_small",
	EvPPPIPv4PktTooSmall:        "ppp.ip4_pkt_too_small",
	EvPPPIPv6PktTooSmall:        "ppp.ip6_pkt_too_small",
	EvPPPWrongType:              "ppp.wrong_type",
	EvPPPUnsupProto:             "ppp.unsup_proto",
	EvPPPoEPktTooSmall:          "pppoe.pkt_too_small",
	EvPPPoEWrongCode:            "pppoe.wrong_code",
	EvPPPoEMalformedTags:        "pppoe.malformed_tags",
	EvGREPktTooSmall:            "gre.pkt_too_small",
	EvGREWrongVersion:           "gre.wrong_version",
	EvGRE0Recur:                 "gre.version0_recur",
	EvGRE0Flags:                 "gre.version0_flags",
	EvGRE0HdrTooBig:             "gre.version0_hdr_too_big",
	EvGRE0MalformedSRE:          "gre.version0_malformed_sre_hdr",
	EvGRE1Checksum:              "gre.version1_chksum",
	EvGRE1Route:                 "gre.version1_route",
	EvGRE1SSR:                   "gre.version1_ssr",
	EvGRE1Recur:                 "gre.version1_recur",
	EvGRE1Flags:                 "gre.version1_flags",
	EvGRE1NoKey:                 "gre.version1_no_key",
	EvGRE1WrongProtocol:         "gre.version1_wrong_protocol",
	EvGRE1MalformedSRE:          "gre.version1_malformed_sre_hdr",
	EvGRE1HdrTooBig:             "gre.version1_hdr_too_big",
	EvVLANHeaderTooSmall:        "vlan.header_too_small",
	EvVLANUnknownType:           "vlan.unknown_type",
	EvVLANTooManyLayers:         "vlan.too_many_layers",
	EvIEEE8021ahHeaderTooSmall:  "ieee8021ah.header_too_small",
	EvVNTagHeaderTooSmall:       "vntag.header_too_small",
	EvVNTagUnknownType:          "vntag.unknown_type",
	EvETagHeaderTooSmall:        "etag.header_too_small",
	EvETagUnknownType:           "etag.unknown_type",
	EvIPRawInvalidIPVersion:     "ipraw.invalid_ip_version",
	EvNullPktTooSmall:           "ltnull.pkt_too_small",
	EvNullUnsupportedType:       "ltnull.unsupported_type",
	EvMPLSHeaderTooSmall:        "mpls.header_too_small",
	EvMPLSPktTooSmall:           "mpls.pkt_too_small",
	EvMPLSBadLabelRouterAlert:   "mpls.bad_label_router_alert",
	EvMPLSBadLabelImplicitNull:  "mpls.bad_label_implicit_null",
	EvMPLSBadLabelReserved:      "mpls.bad_label_reserved",
	EvMPLSUnknownPayloadType:    "mpls.unknown_payload_type",
	EvVXLANUnknownPayloadType:   "vxlan.unknown_payload_type",
	EvGENEVEUnknownPayloadType:  "geneve.unknown_payload_type",
	EvERSPANHeaderTooSmall:      "erspan.header_too_small",
	EvERSPANUnsupportedVersion:  "erspan.unsupported_version",
	EvERSPANTooManyVLANLayers:   "erspan.too_many_vlan_layers",
	EvDCEPktTooSmall:            "dce.pkt_too_small",
	EvCHDLCPktTooSmall:          "chdlc.pkt_too_small",
	EvNSHHeaderTooSmall:         "nsh.header_too_small",
	EvNSHUnsupportedVersion:     "nsh.unsupported_version",
	EvNSHBadHeaderLength:        "nsh.bad_header_length",
	EvNSHReservedType:           "nsh.reserved_type",
	EvNSHUnsupportedType:        "nsh.unsupported_type",
	EvNSHUnknownPayload:         "nsh.unknown_payload",
	EvARPPktTooSmall:            "arp.pkt_too_small",
	EvARPUnsupportedHardware:    "arp.unsupported_hardware",
	EvARPUnsupportedProtocol:    "arp.unsupported_protocol",
	EvARPInvalidPkt:             "arp.invalid_pkt",
	EvARPInvalidHardwareSize:    "arp.invalid_hardware_size",
	EvARPInvalidProtocolSize:    "arp.invalid_protocol_size",
	EvARPUnsupportedOpcode:      "arp.unsupported_opcode",
	EvAFPacketTruncPkt:          "afpacket.trunc_pkt",
	EvTooManyLayers:             "too_many_layers",
}

// Name returns the full name, such as "decoder.ipv4.trunc_pkt"; "" for an event of another package.
func (e Event) Name() string {
	if e == EvNone || e >= numEvents {
		return ""
	}
	return prefix + eventNames[e]
}

func (e Event) String() string { return e.Name() }

// EventByName finds a decoder event by the name that decode-event and engine-event options use, with or without
// "decoder." before it.
func EventByName(name string) (Event, bool) {
	name = strings.TrimPrefix(name, prefix)
	for e := EvNone + 1; e < numEvents; e++ {
		if eventNames[e] == name {
			return e, true
		}
	}
	return EvNone, false
}
