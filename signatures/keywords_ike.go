package signatures

import (
	"fmt"
	"strings"

	"picket/signatures/language"
	"picket/traffic/app"
	"picket/traffic/app/ike"
)

// ikeKeywords are the IKE keywords of Suricata 8 ("IKE Keywords" in its manual).
func ikeKeywords() []Keyword {
	both := append(when(app.ToServer, 0, app.IKE), when(app.ToClient, 0, app.IKE)...)
	length := func(get func(*ike.Message) []byte) func(*view) (uint64, bool) {
		return func(v *view) (uint64, bool) {
			if m, ok := v.Tx.Data.(*ike.Message); ok && len(get(m)) > 0 {
				return uint64(len(get(m))), true
			}
			return 0, false
		}
	}
	nonce, key := func(m *ike.Message) []byte { return m.Nonce }, func(m *ike.Message) []byte { return m.KeyExchange }
	return []Keyword{
		buffer(Buffer{Name: "ike.init_spi", Points: ikeAt(func(m *ike.Message) []byte { return m.InitSPI }, app.ToServer)}),
		buffer(Buffer{Name: "ike.resp_spi", Points: ikeAt(func(m *ike.Message) []byte { return m.RespSPI }, app.ToClient)}),
		buffer(Buffer{Name: "ike.nonce_payload", Points: ikeAt(nonce, app.ToServer, app.ToClient)}),
		buffer(Buffer{Name: "ike.key_exchange_payload", Points: ikeAt(key, app.ToServer, app.ToClient)}),
		buffer(Buffer{Name: "ike.vendor", Points: each(app.ToServer, 0, func(v *view, i int) ([]byte, bool) {
			if m, ok := v.Tx.Data.(*ike.Message); ok && i < len(m.Vendors) {
				return m.Vendors[i], true
			}
			return nil, false
		}, app.IKE)}),
		number("ike.exchtype", 8, both, func(v *view) (uint64, bool) {
			if m, ok := v.Tx.Data.(*ike.Message); ok {
				return uint64(m.Exchange), true
			}
			return 0, false
		}),
		number("ike.nonce_payload_length", 32, both, length(nonce)),
		number("ike.key_exchange_payload_length", 32, both, length(key)),
		{Name: "ike.chosen_sa_attribute", Parse: ikeAttribute},
	}
}

func ikeAt(get func(*ike.Message) []byte, dirs ...app.Direction) []Point {
	var points []Point
	for _, dir := range dirs {
		points = append(points, at(dir, 0, func(v *view) []byte {
			if m, ok := v.Tx.Data.(*ike.Message); ok {
				return get(m)
			}
			return nil
		}, app.IKE)...)
	}
	return points
}

// ikeAttribute reads "alg_hash=2": what the server has chosen.
func ikeAttribute(b *builder, arg string) error {
	name, text, _ := strings.Cut(arg, "=")
	name = strings.TrimSpace(name)
	n, err := language.ParseNumber(text, 32)
	if err != nil {
		return err
	}
	known := false
	for t := uint16(1); t <= 16; t++ {
		known = known || ike.AttributeName(t) == name
	}
	if !known {
		return fmt.Errorf("ike.chosen_sa_attribute: %q is no attribute", name)
	}
	return b.testTx("ike.chosen_sa_attribute", when(app.ToClient, 0, app.IKE), func(v *view) bool {
		m, ok := v.Tx.Data.(*ike.Message)
		if !ok {
			return false
		}
		value, ok := ikeChosen(m, name)
		return ok && n.Match(uint64(value))
	})
}

// ikeChosen returns the number of an attribute of the first transform, or of a chosen one of version 2.
func ikeChosen(m *ike.Message, name string) (uint32, bool) {
	if len(m.Proposals) > 0 {
		for _, a := range m.Proposals[0] {
			if a.Hex == nil && ike.AttributeName(a.Type) == name {
				return a.Number, true
			}
		}
	}
	kinds := map[string]uint8{"alg_enc": ike.TransformEncryption, "alg_auth": ike.TransformAuth, "alg_prf": ike.TransformPRF, "alg_dh": ike.TransformDH}
	for _, t := range m.Chosen {
		if kind, ok := kinds[name]; ok && t.Type == kind {
			return uint32(t.ID), true
		}
	}
	return 0, false
}
