package app

// Frame is one part of a protocol's bytes that rules and outputs can speak of by name: a request, a header, a PDU
// (docs.suricata.io, "Frames").
type Frame struct {
	ID     uint64 // counts the frames of one direction from 1
	Name   string // "pdu", as the protocol's table of names spells it
	Proto  Proto
	Offset uint64 // of the first byte in the direction's stream, or in the datagram
	Len    int64  // bytes; Unbounded while the end is not known
	Tx     uint64 // number of its transaction, if HasTx
	HasTx  bool
	// Judged is how many of its bytes were there when it was judged last. Complete: all that will ever come.
	Judged   uint64
	Complete bool
	// Matched are rules that have matched it, by their number; it belongs to signatures.
	Matched []uint32
	// Logged belongs to outputs.
	Logged bool
}

// Unbounded is the length of a frame whose end is not known yet.
const Unbounded = -1

// StreamFrame is the name of the frame that holds a direction of a connection as a whole.
const StreamFrame = "stream"

// maxFrames bounds the open frames of one direction. What a parser announces beyond is counted in Frames.Lost.
const maxFrames = 1024

// Frames are the open frames of a connection. Parsers announce, the flow table forgets them when they were judged. A nil
// *Frames takes everything and keeps nothing: no rule and no output wants frames of this protocol.
type Frames struct {
	Open [2][]*Frame
	// Lost counts frames beyond the bound.
	Lost  uint64
	count [2]uint64
	base  uint64 // offset of the bytes that are being parsed
	size  int    // how many they are
	proto Proto
}

// Framer is a Parser that announces frames. FrameTo is called before any bytes; it is not called when nobody wants them.
type Framer interface{ FrameTo(f *Frames) }

// begin says which bytes are to be parsed.
func (f *Frames) begin(offset uint64, size int) { f.base, f.size = offset, size }

// At returns the offset of the first byte of rest, which is what is left of the bytes of this call of Parse.
func (f *Frames) At(rest []byte) uint64 {
	if f == nil {
		return 0
	}
	return f.base + uint64(f.size-len(rest))
}

// Add announces a frame at the beginning of rest, n bytes long or Unbounded. rest is what is left of the bytes of this
// call of Parse; the frame may reach beyond them.
func (f *Frames) Add(dir Direction, name string, rest []byte, n int64) *Frame {
	if f == nil {
		return nil
	}
	return f.AddAt(dir, name, f.At(rest), n)
}

// AddAt is Add for a frame that begins at an offset of the stream.
func (f *Frames) AddAt(dir Direction, name string, offset uint64, n int64) *Frame {
	if f == nil {
		return nil
	}
	if len(f.Open[dir]) >= maxFrames {
		f.Lost++
		return nil
	}
	f.count[dir]++
	r := &Frame{ID: f.count[dir], Name: name, Proto: f.proto, Offset: offset, Len: n}
	f.Open[dir] = append(f.Open[dir], r)
	return r
}

// End sets the length of a frame so that it ends before the offset. f may be nil.
func (r *Frame) End(offset uint64) {
	if r != nil && r.Len == Unbounded && offset >= r.Offset {
		r.Len = int64(offset - r.Offset)
	}
}

// Of says to which transaction a frame belongs. r may be nil.
func (r *Frame) Of(tx *Transaction) *Frame {
	if r != nil && tx != nil {
		r.Tx, r.HasTx = tx.ID, true
	}
	return r
}

// Forget removes the frames of a direction that are complete and were judged.
func (f *Frames) Forget(dir Direction) {
	keep := f.Open[dir][:0]
	for _, r := range f.Open[dir] {
		if !r.Complete {
			keep = append(keep, r)
		}
	}
	clear(f.Open[dir][len(keep):])
	f.Open[dir] = keep
}

// frame prepares a connection's frames for bytes that end at the offset end; new ones begin with those of the stream as
// a whole.
func (l *Layer) frame(c *Conn, ep Endpoint, dir Direction, size int) {
	if c.Frames == nil {
		return
	}
	if ep.UDP {
		c.Frames.begin(0, size)
		return
	}
	c.Frames.begin(ep.End[dir]-min(ep.End[dir], uint64(size)), size)
	if c.Frames.count[dir] == 0 && size > 0 {
		c.Frames.AddAt(dir, StreamFrame, c.Frames.base, Unbounded)
	}
}

// wantFrames lets a new parser announce frames if somebody wants them.
func (l *Layer) wantFrames(c *Conn, p Proto) {
	if l.cfg.Frames>>p&1 == 0 {
		return
	}
	r, ok := c.Parser.(Framer)
	if !ok {
		return
	}
	if c.Frames == nil {
		c.Frames = &Frames{}
	}
	c.Frames.proto = p
	r.FrameTo(c.Frames)
}
