package sensor

import (
	"picket/outputs/eve"
	"picket/signatures"
	"picket/traffic/app"
	"picket/traffic/flow"
	"picket/traffic/packet"
	"picket/traffic/stream"
)

// told hands everything that one packet brought to those who want to know: alerts and the verdict, files and
// transactions, anomalies.
func (w *worker) told(p *packet.Packet, f *flow.Flow, s *flow.State, v *signatures.Verdict) {
	at := eve.Moment{Time: p.Time, Packet: p, Flow: f, State: s}
	w.noted(p, f, s)
	w.answered(p, f)
	w.tell.found.packet(p, f)
	if len(w.judge.Alerts) > 0 || v.Effect.Drops() {
		w.toldVerdict(&at, v)
	}
	if w.eve != nil && len(w.judge.PacketVars()) > 0 {
		w.eve.Metadata(&at)
	}
	if w.eve != nil && w.judge.Tagged {
		w.eve.Packet(&at)
	}
	if w.eve != nil && p.NEvents > 0 {
		w.eve.Anomalies(&at, stream.EventName)
	}
	if w.eve != nil && p.ARP != nil {
		w.eve.ARP(&at)
	}
	if s != nil {
		w.toldState(&at, p.Dir, false)
	}
}

// noted says which packet (nil: none) and flow the next records belong to.
func (w *worker) noted(p *packet.Packet, f *flow.Flow, s *flow.State) {
	w.tellingPacket, w.telling, w.tellingState = p != nil, f, s
	if w.eve != nil && w.eve.Vars == nil {
		w.eve.Vars = w.vars
	}
}

// vars is what rules have noted on the flow that is being told of; nil mostly.
func (w *worker) vars() *eve.Vars {
	n := w.judge.Notes(w.telling, w.tellingState)
	ofPacket := w.judge.PacketVars()
	if !w.tellingPacket {
		ofPacket = nil
	}
	if n == nil && len(ofPacket) == 0 {
		return nil
	}
	v := &eve.Vars{}
	for _, x := range ofPacket {
		v.PktNames, v.PktValues = append(v.PktNames, x.Name), append(v.PktValues, x.Value)
	}
	if n == nil {
		return v
	}
	v.Flowbits = n.Bits
	for _, i := range n.Ints {
		v.FlowInts = append(v.FlowInts, eve.IntVar(i))
	}
	for _, e := range n.Entropies {
		v.Entropies = append(v.Entropies, eve.EntropyVar(e))
	}
	for _, x := range n.Vars {
		v.FlowNames, v.FlowValues = append(v.FlowNames, x.Name), append(v.FlowValues, x.Value)
	}
	return v
}

// toldVerdict tells alerts and drops.
func (w *worker) toldVerdict(at *eve.Moment, v *signatures.Verdict) {
	w.counts.alerts.Add(uint64(len(w.judge.Alerts)))
	verdict := w.tell.verdict(at, v, w.enforce)
	var drop *signatures.Alert
	for i := range w.judge.Alerts {
		a := &w.judge.Alerts[i]
		record := w.tell.alert(at, a, verdict, w.enforce)
		if w.eve != nil {
			w.eve.Alert(record, at)
		}
		if a.Effect.Drops() && drop == nil {
			drop = a
		}
		w.tell.others(at, a)
	}
	if !w.enforce || !v.Effect.Drops() {
		return
	}
	w.counts.drops.Add(1)
	if drop == nil && v.Rule != nil { // it drops without an alert
		drop = &signatures.Alert{Signature: v.Rule, Effect: v.Effect, Dir: at.Packet.Dir}
	}
	if w.eve == nil {
		return
	}
	var record *eve.Alert
	if drop != nil {
		record = w.tell.alert(at, drop, verdict, w.enforce)
	}
	w.eve.Drop(at, &verdict, record)
}

// toldState tells what the flow's application layer has brought. final: the flow is over, which its bytes may be earlier.
func (w *worker) toldState(at *eve.Moment, dir app.Direction, final bool) {
	conn := &at.State.App
	final = final || conn.Over()
	if w.eve != nil {
		w.eve.Frames(at)
		w.connAnomalies(at)
	}
	for _, parser := range [2]app.Parser{conn.Previous, conn.Parser} {
		if parser == nil {
			continue
		}
		list := parser.Transactions().Open
		if w.eve != nil {
			for _, tx := range list {
				w.transaction(tx, at, final)
			}
		}
		finished(list, dir)
	}
}

// transaction tells one transaction's events, files, and itself when it is due.
func (w *worker) transaction(tx *app.Transaction, at *eve.Moment, final bool) {
	if n := told(tx.Logged); len(tx.Events) > n {
		tx.Logged = setTold(tx.Logged, w.eve.TxAnomalies(tx, at, n))
	}
	if w.eve.Files() {
		w.files(tx, at)
	}
	if !tx.Unlogged {
		w.eve.Transaction(tx, at, final)
	}
}

// files tells the files of a transaction that are due.
func (w *worker) files(tx *app.Transaction, at *eve.Moment) {
	for dir := range tx.Files {
		for _, file := range tx.Files[dir] {
			if !file.Logged {
				w.eve.File(file, tx, app.Direction(dir), at)
			}
		}
	}
}

// The number of a transaction's events that were told lies in eight bits of Logged.
const (
	toldShift = 20
	toldMask  = 0xff << toldShift
)

func told(logged uint32) int { return int(logged & toldMask >> toldShift) }

func setTold(logged uint32, n int) uint32 {
	return logged&^toldMask | uint32(min(n, 0xff))<<toldShift
}

// flowLog is what the sensor remembers of a flow for its outputs.
type flowLog struct {
	connEvents int // events of the connection that were told
}

func (w *worker) connAnomalies(at *eve.Moment) {
	conn := &at.State.App
	if len(conn.Events) == 0 {
		return
	}
	log, ok := at.State.Log.(*flowLog)
	if !ok {
		log = &flowLog{}
		at.State.Log = log
	}
	if log.connEvents < len(conn.Events) {
		log.connEvents = w.eve.ConnAnomalies(at, log.connEvents)
	}
}

// toldEnd tells the end of a flow: what its transactions still hold, then the flow itself.
func (w *worker) toldEnd(f *flow.Flow, s *flow.State, why flow.EndReason) {
	at := eve.Moment{Time: f.Last, Flow: f, State: s}
	w.tell.found.ended(f)
	w.noted(nil, f, s)
	if s != nil && !(w.enforce && f.Action >= flow.Drop) {
		w.toldState(&at, app.ToServer, true)
	}
	if w.eve == nil {
		return
	}
	at.Time = w.clock()
	w.eve.Flow(&at, why, tcpSummary(f, s, w.flows.TCP(f)))
}

// tcpSummary is what EVE's flow record tells of a connection; nil for other protocols.
func tcpSummary(f *flow.Flow, s *flow.State, session *stream.Session) *eve.TCPSummary {
	if f.Proto != packet.TCP {
		return nil
	}
	sum := &eve.TCPSummary{}
	if session == nil || session.State == stream.None { // never tracked: no SYN seen, and stream.midstream is off
		return sum
	}
	sum.Flags, sum.State = f.TCPFlags, session.State.String()
	sum.Regions = [2]uint32{1, 1} // a direction's bytes lie in one piece of memory here
	if s == nil || s.Bytes() == nil {
		return sum
	}
	b := s.Bytes()
	sum.Gap = [2]bool{b.Gaps(packet.ToServer), b.Gaps(packet.ToClient)}
	return sum
}
