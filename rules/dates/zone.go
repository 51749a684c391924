package dates

import "strings"

// hourZones are the zone abbreviations at whole hours: military letters and names, with fixed offsets, never
// daylight-saving rules. Names that several zones share mean what fail2ban takes them for.
var hourZones = map[int]string{
	-12: "Y",
	-11: "X NUT SST",
	-10: "W CKT HAST HST TAHT TKT",
	-9:  "V AKST GAMT GIT HADT HNY",
	-8:  "U AKDT CIST HAY HNP PST PT",
	-7:  "T HAP HNR MST PDT",
	-6:  "S CST EAST GALT HAR HNC MDT",
	-5:  "R CDT COT EASST ECT EST ET HAC HNE PET",
	-4:  "Q AST BOT CLT COST EDT FKT GYT HAE HNA PYT",
	-3:  "P ADT ART BRT CLST FKST GFT HAA PMST PYST SRT UYT WGT",
	-2:  "O BRST FNT PMDT UYST WGST",
	-1:  "N AZOT CVT EGT",
	0:   "Z EGST GMT UTC WET WT",
	1:   "A CET DFT WAT WEDT WEST",
	2:   "B CAT CEDT CEST EET SAST WAST",
	3:   "C EAT EEDT EEST IDT MSK",
	4:   "D AMT AZT GET GST KUYT MSD MUT RET SAMT SCT",
	5:   "E AMST AQTT AZST HMT MAWT MVT PKT TFT TJT TMT UZT YEKT",
	6:   "F ALMT BIOT BTT IOT KGT NOVT OMST YEKST",
	7:   "G CXT DAVT HOVT ICT KRAT NOVST OMSST THA WIB",
	8:   "H ACT AWST BDT BNT CAST HKT IRKT KRAST MYT PHT SGT ULAT WITA WST",
	9:   "I AWDT IRKST JST KST PWT TLT WDT WIT YAKT",
	10:  "K AEST ChST PGT VLAT YAKST YAPT",
	11:  "L AEDT LHDT MAGT NCT PONT SBT VLAST VUT",
	12:  "M ANAST ANAT FJT GILT MAGST MHT NZST PETST PETT TVT WFT",
	13:  "FJST NZDT",
}

// oddZones are those off the hour, in minutes.
var oddZones = map[string]int{
	"NFT": 690, "ACDT": 630, "LHST": 630, "ACST": 570, "CCT": 390, "MMT": 390, "NPT": 345, "SLT": 330, "AFT": 270,
	"IRDT": 270, "IRST": 210, "HAT": -150, "NDT": -150, "HNT": -210, "NST": -210, "NT": -210, "HLV": -270, "VET": -270,
	"MART": -570, "MIT": -570,
}

// zoneMinutes returns the offset of an abbreviation east of Greenwich.
func zoneMinutes(name string) (minutes int, ok bool) {
	if name == "" {
		return 0, true
	}
	if m, odd := oddZones[name]; odd {
		return m, true
	}
	for hours, names := range hourZones {
		for _, n := range strings.Fields(names) {
			if n == name {
				return hours * 60, true
			}
		}
	}
	return 0, false
}

// Offset reads a zone as logs and logtimezone write it: UTC, EST, +02, -0400, +05:30, CET+0100 (which adds up). The result
// is in minutes east of Greenwich.
func Offset(text string) (minutes int, ok bool) {
	sign := strings.IndexAny(text, "+-")
	if sign < 0 {
		sign = len(text)
	}
	base, ok := zoneMinutes(text[:sign])
	if !ok || sign == len(text) {
		return base, ok && text != ""
	}
	digits := strings.Replace(text[sign+1:], ":", "", 1)
	if len(digits) != 2 && len(digits) != 4 || digits[0] > '1' {
		return 0, false
	}
	n := 0
	for i := 0; i < len(digits); i++ {
		if digits[i] < '0' || digits[i] > '9' {
			return 0, false
		}
		n = n*10 + int(digits[i]-'0')
	}
	if len(digits) == 2 {
		n *= 100
	}
	n = n/100*60 + n%100
	if text[sign] == '-' {
		n = -n
	}
	return base + n, true
}
