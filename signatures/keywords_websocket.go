package signatures

import (
	"picket/signatures/language"
	"picket/traffic/app"
	"picket/traffic/app/websocket"
)

// websocketKeywords are the WebSocket keywords of Suricata 8 ("WebSocket Keywords" in its manual).
func websocketKeywords() []Keyword {
	both := append(when(app.ToServer, 0, app.WebSocket), when(app.ToClient, 0, app.WebSocket)...)
	payload := func(v *view) []byte {
		if f, ok := v.Tx.Data.(*websocket.Frame); ok {
			return f.Payload
		}
		return nil
	}
	return []Keyword{
		buffer(Buffer{Name: "websocket.payload", Points: append(at(app.ToServer, 0, payload, app.WebSocket), at(app.ToClient, 0, payload, app.WebSocket)...)}),
		number("websocket.mask", 32, both, func(v *view) (uint64, bool) {
			if f, ok := v.Tx.Data.(*websocket.Frame); ok && f.Masked {
				return uint64(f.Mask), true
			}
			return 0, false
		}),
		numberOrName("websocket.opcode", 8, both, func(name string) (uint64, bool) {
			op, ok := websocket.OpcodeByName(name)
			return uint64(op), ok
		}, func(v *view) (uint64, bool) {
			if f, ok := v.Tx.Data.(*websocket.Frame); ok {
				return uint64(f.Opcode), true
			}
			return 0, false
		}),
		{Name: "websocket.flags", Parse: func(b *builder, arg string) error {
			n, err := parseFlagNames(arg, 8, []flagName{{"fin", websocket.FlagFin}, {"comp", websocket.FlagCompress}})
			if err != nil {
				return err
			}
			return b.testTx("websocket.flags", both, websocketFlags(n))
		}},
	}
}

func websocketFlags(n language.Number) func(*view) bool {
	return func(v *view) bool {
		f, ok := v.Tx.Data.(*websocket.Frame)
		return ok && n.Match(uint64(f.Flags))
	}
}
