package sensor

import (
	"errors"
	"io"
	"time"

	"picket/actions"
	"picket/capture"
	"picket/outputs/eve"
	"picket/signatures"
	"picket/traffic/app"
	"picket/traffic/flow"
	"picket/traffic/packet"
)

// A packet's walk, all of it in one worker's goroutine, without locks and with no way back but the verdict:
//
//  1. capture.Source.Receive lends a batch of frames
//  2. packet.Decoder.Decode views a frame as packets: those inside it first, then itself
//  3. flow.Table.Track finds the packet's flow, orders its bytes, and has them parsed
//  4. signatures.Inspector.Inspect judges what is new and returns verdict and reason
//  5. the alerts, the verdict and what was parsed are told: EVE, terminal, bans          tell.go
//  6. flow.Table.Settle forgets what has been judged and told
//  7. capture.Source.Release takes the batch back, with the verdicts
type worker struct {
	name    string
	source  capture.Source
	batch   capture.Batch
	decoder *packet.Decoder
	flows   *flow.Table
	judge   *signatures.Inspector
	eve     *eve.Logger // nil: no EVE
	tell    *teller
	history *actions.History // nil: nobody asks what a ban would cut off
	// the flow whose records are being written, and whether they tell of the packet that was judged last
	tellingPacket bool
	telling       *flow.Flow
	tellingState  *flow.State
	reject        rejecter // nil: rejects are drops
	enforce       bool     // inline (or simulated): verdicts take effect
	offload       bool
	now           int64 // time of the newest packet, ns
	expired       int64 // when flows were looked through, ns
	batches       uint  // so far
	counts        *counters
	apps          apps
	// of a capture that is read while somebody watches
	progress *progress
	size     int64
	live     bool // frames come from a device: time goes on without them
}

// rejecter answers a rejected packet in the name of its receiver.
type rejecter interface {
	Reject(p *packet.Packet, toSource, toDestination bool) error
	Close() error
}

// run walks batches until the source ends, then ends all flows.
func (w *worker) run() error {
	for {
		err := w.source.Receive(&w.batch)
		for i := range w.batch.Frames {
			w.frame(&w.batch.Frames[i])
		}
		if e := w.source.Release(&w.batch); err == nil {
			err = e
		}
		w.expire()
		w.counts.publish(w)
		if err == nil {
			w.progress.read(w.source.Stats(), w.size)
			continue
		}
		w.flows.Flush()
		w.counts.publish(w)
		if errors.Is(err, io.EOF) {
			return nil
		}
		return err
	}
}

// expire ends the flows whose time is over: of a capture after so many batches, on devices a few times a second. Each
// call looks at a few thousand flows, which takes as long as judging a batch does.
func (w *worker) expire() {
	now := w.clock()
	w.batches++
	if w.live && now-w.expired < int64(expireEvery) || !w.live && w.batches%expireBatches != 0 {
		return
	}
	w.expired = now
	w.tell.found.tick(now)
	w.flows.Expire(now)
}

const (
	expireEvery   = 20 * time.Millisecond
	expireBatches = 16
)

// frame decodes one frame, walks its packets, and decides about the frame.
func (w *worker) frame(f *capture.Frame) {
	w.now = max(w.now, f.Time)
	for _, p := range w.decoder.Decode(input(f)) {
		v := w.packet(p)
		if w.enforce && v.Effect.Drops() {
			f.Verdict = capture.Drop
		}
		w.answer(p, &v)
		if v.Modified && !p.Has(packet.Rewritten) {
			p.Reseal()
		}
		if w.enforce && (v.Modified || p.Has(packet.Rewritten)) {
			f.Replace = f.Data // rewritten in place
		}
		f.Mark = w.offload && v.Offload
	}
}

// packet takes one packet the whole way.
func (w *worker) packet(p *packet.Packet) signatures.Verdict {
	f, s := w.flows.Track(p)
	v := w.judge.Inspect(p, f, s)
	v.Offload = v.Offload || settled(f, s)
	w.told(p, f, s, &v)
	w.toldStream(p, f, s)
	w.flows.Settle(p, f, s)
	return v
}

// settled tells whether nothing in the rest of a flow needs inspection: a rule has let it pass or asked for bypass,
// or its protocol has said that all that follows is ciphertext which the configuration wants left alone.
func settled(f *flow.Flow, s *flow.State) bool {
	if f == nil || f.Action == flow.Drop || f.Action == flow.Reject {
		return false
	}
	return f.Action == flow.Pass || f.Flags&flow.Offload != 0 || s != nil && s.App.Encrypted && s.App.Finished
}

// Judge implements flow.Sink: a flow has bytes left that no packet will bring any more.
func (w *worker) Judge(p *packet.Packet, f *flow.Flow, s *flow.State) {
	v := w.judge.Inspect(p, f, s)
	w.told(p, f, s, &v)
}

// Ended implements flow.Sink.
func (w *worker) Ended(f *flow.Flow, s *flow.State, why flow.EndReason) {
	w.toldEnd(f, s, why)
	w.apps.ended(f, s)
	w.overParties(f)
	w.judge.Forget(f.ID)
}

// answer sends what a reject asks for.
func (w *worker) answer(p *packet.Packet, v *signatures.Verdict) {
	if w.reject == nil || v.Effect < signatures.RejectedSource {
		return
	}
	toSource := v.Effect != signatures.RejectedDestination
	toDestination := v.Effect != signatures.RejectedSource
	if err := w.reject.Reject(p, toSource, toDestination); err != nil {
		w.counts.rejectErrors.Add(1)
	}
}

// input is a frame as the decoder wants it.
func input(f *capture.Frame) packet.Input {
	in := packet.Input{
		Data: f.Data, Time: f.Time, Num: f.Num, WireLen: f.WireLen, Iface: f.Iface,
		Link: packet.LinkType(f.Link), VLAN: f.VLAN, HasVLAN: f.HasVLAN,
	}
	if f.NoChecksum {
		in.Flags = packet.ChecksumUnknown
	}
	return in
}

// finished marks the transactions that are complete, judged in both directions, and told.
func finished(list []*app.Transaction, dir app.Direction) {
	for _, tx := range list {
		if tx.Complete(dir) {
			tx.Logged |= judgedBit << dir
		}
		tx.Finished = (tx.Skip[0] || tx.Logged&judgedBit != 0) && (tx.Skip[1] || tx.Logged&(judgedBit<<1) != 0)
	}
}

// judgedBit, and the bit above it, are the sensor's in Transaction.Logged: the direction was complete when it was
// judged. The lower bits belong to outputs.
const judgedBit uint32 = 1 << 30
