package sensor

import (
	"picket/traffic/flow"
	"picket/traffic/packet"
)

// answered tells the gate's history of a flow when the first answer in it is seen: from then on there is something that
// a ban of either end would cut off.
func (w *worker) answered(p *packet.Packet, f *flow.Flow) {
	if w.history == nil || f == nil || f.Packets[p.Dir] != 1 || f.Packets[1-p.Dir] == 0 {
		return
	}
	w.history.Flow(f.Client.Netip(), p.Time)
	w.history.Flow(f.Server.Netip(), p.Time)
}

// overParties tells the history what an answered flow has carried, or that it was an attack.
func (w *worker) overParties(f *flow.Flow) {
	if w.history == nil || f.Packets[0] == 0 || f.Packets[1] == 0 {
		return
	}
	bytes, alerted := f.Bytes[0]+f.Bytes[1], f.Flags&flow.Alerted != 0
	w.history.Ended(f.Client.Netip(), f.Last, bytes, alerted)
	w.history.Ended(f.Server.Netip(), f.Last, bytes, alerted)
}
