package protocols

import "picket/traffic/app"

// detectionOnly lists the protocols that are recognised but not (yet) parsed: rules and EVE's flow records use
// their names. Patterns, depths and ports are those of Suricata 8's registrations (src/app-layer-*.c,
// rust/src/*/), since which flows a rule sees depends on them.
func detectionOnly() []app.Protocol {
	return []app.Protocol{
		{Proto: app.IMAP, TCP: true, Patterns: []app.Pattern{
			{Dir: app.ToServer, Bytes: "1 capability", Depth: 12, NoCase: true},
			{Dir: app.ToClient, Bytes: "* OK ", Depth: 5},
		}},
		{Proto: app.BitTorrentDHT, UDP: true, Patterns: []app.Pattern{
			{Dir: app.ToServer, Bytes: "d1:ad2:id20:", Depth: 12}, {Dir: app.ToClient, Bytes: "d1:rd2:id20:", Depth: 12},
			{Dir: app.ToClient, Bytes: "d2:ip6:", Depth: 7}, {Dir: app.ToClient, Bytes: "d1:el", Depth: 5},
		}},
	}
}
