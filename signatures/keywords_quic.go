package signatures

import (
	"picket/traffic/app"
	"picket/traffic/app/quic"
)

// quicKeywords are the QUIC keywords of Suricata 8 ("QUIC Keywords" in its manual). Each packet is a transaction that is
// whole when it is there.
func quicKeywords() []Keyword {
	version := ofQUIC(func(v *view, t *quic.Transaction) []byte {
		v.arena = t.VersionBytes(v.arena)
		return v.arena[len(v.arena)-4:]
	})
	return []Keyword{
		buffer(Buffer{Name: "quic.version", Points: append(at(app.ToServer, 0, version, app.QUIC), at(app.ToClient, 0, version, app.QUIC)...)}),
		buffer(Buffer{Name: "quic.sni", Points: at(app.ToServer, 0, ofQUIC(func(_ *view, t *quic.Transaction) []byte { return t.SNI }), app.QUIC)}),
		buffer(Buffer{Name: "quic.ua", Points: at(app.ToServer, 0, ofQUIC(func(_ *view, t *quic.Transaction) []byte { return t.UserAgent }), app.QUIC)}),
		buffer(Buffer{Name: "quic.cyu.hash", Content: lowerContent, Points: quicCYU(func(c *quic.CYU) string { return c.Hash })}),
		buffer(Buffer{Name: "quic.cyu.string", Points: quicCYU(func(c *quic.CYU) string { return c.Text })}),
	}
}

func ofQUIC(get func(*view, *quic.Transaction) []byte) func(*view) []byte {
	return func(v *view) []byte {
		if t, ok := v.Tx.Data.(*quic.Transaction); ok {
			return get(v, t)
		}
		return nil
	}
}

// quicCYU makes the points of a buffer that is there for each fingerprint.
func quicCYU(get func(*quic.CYU) string) []Point {
	return each(app.ToServer, 0, func(v *view, i int) ([]byte, bool) {
		t, ok := v.Tx.Data.(*quic.Transaction)
		if !ok || i >= len(t.CYU) {
			return nil, false
		}
		return v.text(get(&t.CYU[i])), true
	}, app.QUIC)
}
