package signatures

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"picket/signatures/language"
	"picket/traffic/packet"
)

// countries is a geoip keyword.
type countries struct {
	side    string // src, dst, any (one of them is enough), both
	list    []string
	negated bool
}

// parseGeoip reads "src,RU,CN", "both,!DE", "any,NL": where the packet's addresses lie (docs.suricata.io, "IP Keywords").
func parseGeoip(b *builder, arg string) error {
	if b.opt.Country == nil {
		return errors.New("there is no database of countries (name one with geoip-database in suricata.yaml)")
	}
	c := countries{side: "any", list: language.SplitArgs(arg)}
	if len(c.list) > 0 && slices.Contains([]string{"src", "dst", "any", "both"}, c.list[0]) {
		c.side, c.list = c.list[0], c.list[1:]
	}
	if len(c.list) == 0 {
		return errors.New("geoip names no country")
	}
	for i, name := range c.list {
		code, not := strings.CutPrefix(name, "!")
		if i > 0 && not != c.negated {
			return errors.New("either all countries are negated or none")
		}
		if len(code) != 2 {
			return fmt.Errorf("%q is not a country's two letters", code)
		}
		c.list[i], c.negated = strings.ToUpper(code), not
	}
	b.ipOnly = false
	of := b.opt.Country
	return b.testPacket("geoip", func(v *view) bool {
		p := v.Packet
		return !p.Has(packet.Pseudo|packet.NoIP) && c.match(func() string { return of(p.Src.Netip()) }, func() string { return of(p.Dst.Netip()) })
	})
}

// match looks up the sides that it needs.
func (c *countries) match(source, destination func() string) bool {
	switch c.side {
	case "src":
		return c.holds(source())
	case "dst":
		return c.holds(destination())
	case "both":
		return c.holds(source()) && c.holds(destination())
	}
	return c.holds(source()) || c.holds(destination())
}

// holds judges one side; an address whose country is unknown is in none of them and not outside either.
func (c *countries) holds(code string) bool {
	return code != "" && slices.Contains(c.list, code) != c.negated
}
