package dns

import "strconv"

// TypeName prints a record type as EVE does: its name, or its number.
func TypeName(t uint16) string {
	for i := range typeNames {
		if typeNames[i].number == t {
			return typeNames[i].name
		}
	}
	return strconv.Itoa(int(t))
}

// TypeByName returns the number of a record type's upper-case name.
func TypeByName(name string) (uint16, bool) { return byName(typeNames[:], name) }

// RCodeName prints a response code as EVE does.
func RCodeName(c uint16) string {
	for i := range rcodeNames {
		if rcodeNames[i].number == c {
			return rcodeNames[i].name
		}
	}
	return strconv.Itoa(int(c))
}

// RCodeByName returns the number of a response code's upper-case name.
func RCodeByName(name string) (uint16, bool) { return byName(rcodeNames[:], name) }

func byName(list []named, name string) (uint16, bool) {
	for i := range list {
		if list[i].name == name {
			return list[i].number, true
		}
	}
	return 0, false
}

type named struct {
	number uint16
	name   string
}

// typeNames are the record types of IANA's table that Suricata names, the frequent ones first.
var typeNames = [...]named{
	{1, "A"}, {28, "AAAA"}, {5, "CNAME"}, {16, "TXT"}, {12, "PTR"}, {15, "MX"}, {2, "NS"}, {6, "SOA"}, {33, "SRV"},
	{65, "HTTPS"}, {3, "MD"}, {4, "MF"}, {7, "MB"}, {8, "MG"}, {9, "MR"}, {10, "NULL"}, {11, "WKS"}, {13, "HINFO"},
	{14, "MINFO"}, {17, "RP"}, {18, "AFSDB"}, {19, "X25"}, {20, "ISDN"}, {21, "RT"}, {22, "NSAP"}, {23, "NSAPPTR"},
	{24, "SIG"}, {25, "KEY"}, {26, "PX"}, {27, "GPOS"}, {29, "LOC"}, {30, "NXT"}, {34, "ATMA"}, {35, "NAPTR"},
	{36, "KX"}, {37, "CERT"}, {38, "A6"}, {39, "DNAME"}, {41, "OPT"}, {42, "APL"}, {43, "DS"}, {44, "SSHFP"},
	{45, "IPSECKEY"}, {46, "RRSIG"}, {47, "NSEC"}, {48, "DNSKEY"}, {49, "DHCID"}, {50, "NSEC3"}, {51, "NSEC3PARAM"},
	{52, "TLSA"}, {55, "HIP"}, {59, "CDS"}, {60, "CDNSKEY"}, {64, "SVCB"}, {99, "SPF"}, {249, "TKEY"}, {250, "TSIG"},
	{254, "MAILA"}, {255, "ANY"}, {256, "URI"},
}

// rcodeNames are the response codes by IANA's names.
var rcodeNames = [...]named{
	{0, "NOERROR"}, {1, "FORMERR"}, {2, "SERVFAIL"}, {3, "NXDOMAIN"}, {4, "NOTIMP"}, {5, "REFUSED"}, {6, "YXDOMAIN"},
	{7, "YXRRSET"}, {8, "NXRRSET"}, {9, "NOTAUTH"}, {10, "NOTZONE"}, {16, "BADVERS"}, {17, "BADKEY"}, {18, "BADTIME"},
	{19, "BADMODE"}, {20, "BADNAME"}, {21, "BADALG"}, {22, "BADTRUNC"},
}
