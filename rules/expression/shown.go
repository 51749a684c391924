package expression

import "strings"

// The forms in which fail2ban shows what its tags stand for. They match what ours match; ours are arranged for the engine.
const (
	shownIP6    = `(?P<ip6>(?:[0-9a-fA-F]{1,4}::?|:){1,7}(?:[0-9a-fA-F]{1,4}|(?<=:):))`
	shownAddr   = `\[?(?:` + ip4 + `|` + shownIP6 + `)\]?`
	shownHost   = `(?:` + shownAddr + `|` + dns + `)`
	shownSubnet = `\[?(?:` + ip4 + `|` + shownIP6 + `)(?:/` + cidr + `)?\]?`
)

var shownTags = strings.NewReplacer(host, shownHost, addr, shownAddr, subnet, shownSubnet, ip6, shownIP6)

// Shown returns an expression with its tags replaced as fail2ban shows it, for those who compare the two. Without names
// <HOST> matches addresses only.
func Shown(text string, names bool) string {
	return localFlags(shownTags.Replace(expandTags(text, names)))
}
