package sensor

import (
	"picket/outputs/eve"
	"picket/traffic/flow"
	"picket/traffic/packet"
)

// toldStream tells what a segment did to its session, if the configuration asks for it (EVE: stream_tcp).
func (w *worker) toldStream(p *packet.Packet, f *flow.Flow, s *flow.State) {
	if w.eve == nil || f == nil || p.Proto != packet.TCP || f.Proto != packet.TCP || !w.eve.Streams(w.flows.StreamNotes()) {
		return
	}
	summary := w.flows.Stream(f, s)
	w.eve.Stream(&eve.Moment{Time: p.Time, Packet: p, Flow: f, State: s}, &summary)
}
