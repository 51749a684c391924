package expression

import (
	"strings"

	"picket/signatures/pcre"
)

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

// Group is a named group of a match; Taken tells whether it took part.
type Group struct {
	Name, Text string
	Taken      bool
}

// Groups lists all named groups of the last match in their order, those that stand for others too.
func (e *Expression) Groups(text string, m *pcre.Matcher) []Group {
	list := make([]Group, 0, len(e.groups))
	for _, g := range e.groups {
		s, end, ok := m.Group(g.number)
		group := Group{Name: g.name, Taken: ok}
		if ok {
			group.Text = text[s:end]
		}
		list = append(list, group)
	}
	return list
}
