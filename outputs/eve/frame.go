package eve

import (
	"picket/traffic/app"
	"picket/traffic/flow"
	"picket/traffic/packet"
)

// Frames tells whether frame records are written. They are for those who look into parsers, so All does not ask for them.
func (c *Config) Frames() bool { return c.Types["frame"] }

// Frames writes a record for each frame in the packet's direction that has come together (Suricata's
// output-json-frame.c): once, when it is complete or its first bytes are many.
func (l *Logger) Frames(at *Moment) {
	if !l.frames || at.State.App.Frames == nil || at.Packet == nil {
		return
	}
	for _, r := range at.State.App.Frames.Open[at.Packet.Dir] {
		part, due := at.State.Due(r)
		if r.Logged || !due {
			continue
		}
		r.Logged = true
		l.head("frame", at.Packet, at.Flow, AsPacket, at.Time)
		appProto(&l.json, at.conn())
		l.frameObject(r, part, at)
		l.finish()
	}
}

// frameObject writes "frame":{...}; alerts on frames use it too.
func (l *Logger) frameObject(r *app.Frame, part flow.Part, at *Moment) {
	j := &l.json
	j.Object("frame")
	j.Str("type", r.Name)
	j.Uint("id", r.ID)
	j.Str("direction", [2]string{"toserver", "toclient"}[at.Packet.Dir])
	length := uint64(max(r.Len, 0))
	if r.Len < 0 {
		length = part.End - r.Offset
	}
	if at.Packet.Proto == packet.TCP {
		j.Uint("stream_offset", r.Offset)
	}
	j.Uint("length", length)
	j.Bool("complete", part.End-r.Offset >= length && r.Len >= 0)
	part.Start = r.Offset
	l.text = at.State.PartText(l.text[:0], at.Packet.Dir, part, l.cfg.Alert.PayloadBufferSize)
	j.Base64("payload", l.text)
	j.Printable("payload_printable", l.text)
	if r.HasTx {
		j.Uint("tx_id", r.Tx)
	}
	j.EndObject()
}
