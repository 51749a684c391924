package signatures

import (
	"slices"

	"picket/traffic/app"
	"picket/traffic/flow"
)

// frameInspection is a chain over the bytes of a frame.
type frameInspection struct {
	name  string
	xform pipeline
	chain chain
}

// frameGroup holds the rules that look into frames of one protocol in one direction.
type frameGroup struct {
	filters []frameFilter
	always  []uint32 // rules without a fast pattern
}

// frameFilter finds the rules whose fast pattern occurs in a frame.
type frameFilter struct {
	name   string
	xform  pipeline
	filter *prefilter
}

// Frames returns the protocols whose frames some rule looks into, as bits by app.Proto.
func (e *Engine) Frames() (protos uint64) {
	for dir := range e.frames {
		for p := range e.frames[dir] {
			if g := &e.frames[dir][p]; len(g.filters)+len(g.always) > 0 {
				protos |= 1 << p
			}
		}
	}
	return protos
}

// groupFrames divides the rules that look into frames by protocol, direction and the frame of their fast pattern.
func (e *Engine) groupFrames() {
	var framed []*Signature
	for _, s := range e.Signatures {
		if len(s.frames) > 0 {
			framed = append(framed, s)
		}
	}
	for dir := range e.frames {
		for p := range e.frames[dir] {
			g := &e.frames[dir][p]
			sets := map[string][]*Signature{}
			for _, s := range framed {
				switch {
				case s.dirs>>dir&1 == 0 || s.protos>>p&1 == 0:
				case s.fast.content == nil:
					g.always = append(g.always, s.id)
				default:
					key := s.fast.buffer.Frame + " " + s.fast.xform.String()
					sets[key] = append(sets[key], s)
				}
			}
			for _, sigs := range sets {
				fast := &sigs[0].fast
				g.filters = append(g.filters, frameFilter{fast.buffer.Frame, fast.xform, newPrefilter(soughtIn(sigs))})
			}
		}
	}
}

// judgeFrames judges the frames in the packet's direction of which more has come (Suricata's DetectRunFrames).
func (in *Inspector) judgeFrames() {
	frames := in.v.State.App.Frames
	for _, r := range frames.Open[in.direction] {
		if int(r.Proto) >= app.ProtoCount {
			continue
		}
		g := &in.e.frames[in.direction][r.Proto]
		if len(g.filters)+len(g.always) == 0 {
			continue
		}
		if part, due := in.v.State.Due(r); due {
			in.judgeFrame(g, r, part)
		}
	}
}

// judgeFrame judges a part of a frame, piece by piece where bytes of it are missing.
func (in *Inspector) judgeFrame(g *frameGroup, r *app.Frame, part flow.Part) {
	for from := part.Start; from < part.End; {
		data, next := in.v.State.Piece(in.direction, from, part.End)
		if data == nil {
			return
		}
		in.nextGeneration()
		in.candidates = in.candidates[:0]
		for i := range g.filters {
			if f := &g.filters[i]; f.name == r.Name {
				if buf, ok := f.xform.apply(&in.v, data); ok {
					in.scan(f.filter, buf, anyPlace)
				}
			}
		}
		for _, id := range g.always {
			in.add(id)
		}
		for _, id := range in.sorted() {
			if s := in.e.Signatures[id]; !slices.Contains(r.Matched, id) && in.frameMatches(s, r, data) {
				in.matchedFrame(s, r)
			}
		}
		from = next
	}
}

// frameMatches holds a rule against a piece of a frame.
func (in *Inspector) frameMatches(s *Signature, r *app.Frame, data []byte) bool {
	in.Stats.Rules++
	if !in.needed(s.need) || !in.header(s) || !in.headTests(s) {
		return false
	}
	in.m.sig = s
	for i := range s.frames {
		f := &s.frames[i]
		if f.name != r.Name {
			return false
		}
		if buf, ok := f.xform.apply(&in.v, data); !ok || !in.m.run(f.chain, buf) {
			return false
		}
	}
	return true
}

// maxFrameMatches bounds the rules that one frame remembers; what matches beyond may do so again as more comes.
const maxFrameMatches = 32

// matchedFrame does what follows on a match in a frame.
func (in *Inspector) matchedFrame(s *Signature, r *app.Frame) {
	if len(r.Matched) < maxFrameMatches {
		r.Matched = append(r.Matched, s.id)
	}
	for _, f := range s.post {
		f(&in.v)
	}
	in.queue(s, in.frameTx(r), in.direction, false, true)
	if n := len(in.matches); n > 0 && in.matches[n-1].Signature == s {
		in.matches[n-1].Frame = r
	}
}

// frameTx finds the transaction that a frame says it belongs to, nil if it is gone or none.
func (in *Inspector) frameTx(r *app.Frame) *app.Transaction {
	if !r.HasTx || in.v.State.App.Parser == nil {
		return nil
	}
	for _, tx := range in.v.State.App.Parser.Transactions().Open {
		if tx.ID == r.Tx {
			return tx
		}
	}
	return nil
}
