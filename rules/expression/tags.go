package expression

import (
	"regexp"
	"strconv"
	"strings"
)

// The groups of addresses. The last alternative of an IPv6 address is empty: the part before it always ends in ":".
const (
	ip4    = `(?:::f{4,6}:)?(?P<ip4>(?:\d{1,3}\.){3}\d{1,3})`
	ip6    = `(?P<ip6>(?:[0-9a-fA-F]{1,4}::?|::){1,7}(?:[0-9a-fA-F]{1,4}|(?<=:):))`
	dns    = `(?P<dns>[\w\-.^_]*\w)`
	cidr   = `(?P<cidr>\d+)`
	addr   = `\[?(?:` + ip4 + `|` + ip6 + `)\]?`
	host   = `(?:` + addr + `|` + dns + `)`
	subnet = `\[?(?:` + ip4 + `|` + ip6 + `)(?:/` + cidr + `)?\]?`
)

// fixedTags are those that stand for one expression.
var fixedTags = map[string]string{
	"IP4": ip4, "F-IP4/": ip4, "IP6": ip6, "F-IP6/": ip6, "ADDR": addr, "F-ADDR/": addr, "CIDR": cidr, "F-CIDR/": cidr,
	"SUBNET": subnet, "F-SUBNET/": subnet, "DNS": dns, "F-DNS/": dns, "F-ID/": `(?P<fid>\S+)`, "F-PORT/": `(?P<fport>\w+)`,
}

var (
	anyTag    = regexp.MustCompile(`</?[\w\-]+/?>`)
	customTag = regexp.MustCompile(`^(/?)F-([A-Z0-9_\-]+)$`)
)

// expandTags replaces the tags of an expression. Without names <HOST> matches addresses only.
func expandTags(text string, names bool) string {
	open := map[string]bool{}
	skips := 0
	return anyTag.ReplaceAllStringFunc(text, func(whole string) string {
		tag := whole[1 : len(whole)-1]
		switch {
		case tag == "HOST" && names:
			return host
		case tag == "HOST":
			return addr
		case tag == "SKIPLINES":
			skips++
			return `\n(?P<skiplines` + strconv.Itoa(skips-1) + `>(?:(?:.*\n)*?))`
		}
		if fixed, ok := fixedTags[tag]; ok {
			return fixed
		}
		return customGroup(whole, tag, open)
	})
}

// customGroup opens or closes a group; other texts in angle brackets stay.
func customGroup(whole, tag string, open map[string]bool) string {
	m := customTag.FindStringSubmatch(tag)
	switch {
	case m == nil:
		return whole
	case m[1] == "":
		open[m[2]] = true
		return "(?P<" + GroupName(m[2]) + ">"
	case open[m[2]]:
		return ")"
	}
	return whole
}

// GroupName returns the group that <F-NAME> captures into, in lower case.
func GroupName(tag string) string {
	switch name := strings.ToLower(tag); name {
	case "id":
		return "fid"
	case "port":
		return "fport"
	default:
		return name
	}
}

var globalFlags = regexp.MustCompile(`(^|[^\\])\((?:\?:)?(\(\?[a-z]+)\)`)

// localFlags turns ((?i)…), which Python refuses inside an expression, into (?i:…).
func localFlags(text string) string { return globalFlags.ReplaceAllString(text, "${1}${2}:") }
