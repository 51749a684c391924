package eve

import (
	"fmt"

	"picket/traffic/app"
	"picket/traffic/app/rfb"
)

// appendRFB writes a VNC handshake as rust/src/rfb/logger.rs does.
func appendRFB(j *JSON, tx *app.Transaction, _ *Context) bool {
	s, ok := tx.Data.(*rfb.Session)
	if !ok {
		return false
	}
	j.Object("rfb")
	rfbVersion(j, "server_protocol_version", s.ServerMajor, s.ServerMinor)
	rfbVersion(j, "client_protocol_version", s.ClientMajor, s.ClientMinor)
	j.Object("authentication")
	if s.HasType {
		j.Uint("security_type", uint64(s.SecurityType))
	}
	if s.HasType && s.SecurityType == rfb.TypeVNC {
		j.Object("vnc")
		if s.Challenge != nil {
			j.Hex("challenge", s.Challenge)
		}
		if s.Response != nil {
			j.Hex("response", s.Response)
		}
		j.EndObject()
	}
	if s.HasResult {
		j.Str("security_result", rfbResult(s.Result))
	}
	j.EndObject()
	textIf(j, "server_security_failure_reason", s.Reason)
	if s.HasInit {
		j.Bool("screen_shared", s.Shared)
	}
	if s.Screen != nil {
		rfbScreen(j, s.Screen)
	}
	j.EndObject()
	return true
}

func rfbVersion(j *JSON, key string, major, minor []byte) {
	if major == nil {
		return
	}
	j.Object(key)
	j.Text("major", major)
	j.Text("minor", minor)
	j.EndObject()
}

func rfbResult(status uint32) string {
	names := [...]string{"OK", "FAIL", "TOOMANY"}
	if int(status) < len(names) {
		return names[status]
	}
	return fmt.Sprintf("UNKNOWN (%d)", status)
}

func rfbScreen(j *JSON, s *rfb.Screen) {
	j.Object("framebuffer")
	j.Uint("width", uint64(s.Width))
	j.Uint("height", uint64(s.Height))
	j.Text("name", s.Name)
	j.Object("pixel_format")
	j.Uint("bits_per_pixel", uint64(s.BitsPerPixel))
	j.Uint("depth", uint64(s.Depth))
	j.Bool("big_endian", s.BigEndian)
	j.Bool("true_color", s.TrueColor)
	j.Uint("red_max", uint64(s.RedMax))
	j.Uint("green_max", uint64(s.GreenMax))
	j.Uint("blue_max", uint64(s.BlueMax))
	j.Uint("red_shift", uint64(s.RedShift))
	j.Uint("green_shift", uint64(s.GreenShift))
	j.Uint("blue_shift", uint64(s.BlueShift))
	j.EndObject()
	j.EndObject()
}
