package eve

import (
	"picket/traffic/packet"
	"picket/traffic/stream"
)

// streamTriggers are the keys of the type "stream" that ask for records, and for which segments.
var streamTriggers = [...]struct {
	key   string
	notes stream.Notes
}{
	{"stream.all", stream.AllNotes}, {"stream.event-set", stream.EventSet}, {"stream.state-update", stream.StateUpdate},
	{"stream.spurious-retransmission", stream.SpuriousRetransmission},
}

// streamNotes returns which segments get a stream_tcp record. They are for those who look into the stream engine, so
// All does not ask for them.
func (c *Config) streamNotes() (n stream.Notes) {
	if !c.Types["stream"] {
		return 0
	}
	for _, t := range streamTriggers {
		if yes(c.Settings[t.key]) {
			n |= t.notes
		}
	}
	return n
}

// Streams tells whether a TCP packet with these notes gets a stream_tcp record.
func (l *Logger) Streams(n stream.Notes) bool {
	return l.streams == stream.AllNotes || n&l.streams != 0
}

// Stream writes a stream_tcp record: a segment and its session after it.
func (l *Logger) Stream(at *Moment, s *stream.Summary) {
	j, p := &l.json, at.Packet
	l.head("stream_tcp", p, at.Flow, AsPacket, at.Time)
	j.Str("direction", [2]string{"to_server", "to_client"}[p.Dir])
	j.Object("stream_tcp")
	j.Object("packet")
	ipFields(j, p)
	transportFields(j, p)
	words(j, "flags", s.Notes.Names(nil))
	j.EndObject()
	streamSession(j, s)
	if s.Notes&stream.EventSet != 0 {
		j.Array("events")
		for _, e := range p.Events[:p.NEvents] {
			if name := streamEvent(e, stream.EventName); name != "" {
				j.Str("", name)
			}
		}
		j.EndArray()
	}
	if p.Denied != packet.NotDenied {
		j.Str("reason", p.Denied.String())
	}
	j.EndObject()
	l.finish()
}

// streamEvent is a stream event's name as records write it ("stream.pkt_invalid_ack"), "" for other events.
func streamEvent(e packet.Event, names func(packet.Event) string) string {
	name := names(e)
	if name == "" {
		return ""
	}
	return "stream." + name
}

func streamSession(j *JSON, s *stream.Summary) {
	j.Object("session")
	j.Str("state", s.State.String())
	if s.Notes&stream.StateUpdate != 0 {
		j.Str("pstate", s.Before.String())
	}
	j.Object("flags")
	words(j, "flags", s.Flags.Names(nil))
	j.EndObject()
	for d, key := range [2]string{"client", "server"} {
		j.Object(key)
		streamSide(j, &s.Sides[d])
		j.EndObject()
	}
	j.EndObject()
}

func streamSide(j *JSON, o *stream.SideSummary) {
	j.Uint("isn", uint64(o.ISN))
	j.Uint("next_seq", uint64(o.NextSeq))
	j.Uint("last_ack", uint64(o.LastAck))
	j.Uint("next_win", uint64(o.NextWin))
	if o.Held {
		j.Uint("base_seq", uint64(o.BaseSeq))
		j.Uint("segs_right_edge", uint64(o.RightEdge))
	}
	j.Uint("window", uint64(o.Window))
	j.Uint("wscale", uint64(o.Scale))
	j.Array("flags")
	for _, f := range [...]struct {
		on   bool
		name string
	}{
		{o.Gap, "has_gap"}, {o.KeepAlive, "keepalive"}, {o.Depth, "depth_reached"}, {o.Timestamp, "timestamp"},
		{o.ZeroTimestamp, "zero_timestamp"}, {o.RST, "rst_recv"},
	} {
		if f.on {
			j.Str("", f.name)
		}
	}
	j.EndArray()
	j.Uint("seg_cnt", uint64(o.Segments))
	j.Uint("sb_region_size", uint64(o.Buffer))
}

// words writes an array of strings.
func words(j *JSON, key string, list []string) {
	j.Array(key)
	for _, w := range list {
		j.Str("", w)
	}
	j.EndArray()
}
