package eve

import (
	"fmt"

	"picket/traffic/app"
	"picket/traffic/app/websocket"
)

// appendWebSocket writes a frame as rust/src/websocket/logger.rs does. Its payload is written as the settings ask:
// of the alert record, or "websocket.payload-base64" and "websocket.payload-printable".
func appendWebSocket(j *JSON, tx *app.Transaction, c *Context) bool {
	f, ok := tx.Data.(*websocket.Frame)
	if !ok {
		return false
	}
	j.Object("websocket")
	j.Bool("fin", f.Flags&websocket.FlagFin != 0)
	if f.Masked {
		j.Uint("mask", uint64(f.Mask))
	}
	name := websocket.OpcodeName(f.Opcode)
	if name == "" {
		name = fmt.Sprintf("unknown-%d", f.Opcode)
	}
	j.Str("opcode", name)
	encoded, printable := yes(c.Cfg.Settings["websocket.payload-base64"]), yes(c.Cfg.Settings["websocket.payload-printable"])
	if c.Alert {
		encoded, printable = c.Cfg.Alert.WebsocketPayload, c.Cfg.Alert.WebsocketPayloadPrintable
	}
	if printable {
		j.Printable("payload_printable", f.Payload)
	}
	if encoded {
		j.Base64("payload_base64", f.Payload)
	}
	j.EndObject()
	return true
}
