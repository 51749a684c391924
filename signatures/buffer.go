package signatures

import (
	"picket/traffic/app"
	"picket/traffic/flow"
	"picket/traffic/packet"
)

// Buffer is something that contents can be looked for in: a sticky buffer of the rule language ("http.uri"), or
// the target of an older content modifier ("http_uri"). A buffer is one entry of a keyword table.
type Buffer struct {
	Name string
	// Aliases are older spellings of the sticky buffer ("file_data").
	Aliases []string
	// Modifier moves the content before it into this buffer ("http_uri"); RawModifier is for rules that do the
	// same through "rawbytes" or "uricontent". Empty: there is none.
	Modifier string
	// Points say where an application buffer can be judged. Exactly one of Points, Frame and Packet is set.
	Points []Point
	// Frame is the name of the frame whose bytes the buffer shows.
	Frame string
	// Packet gets a buffer out of the packet itself (tcp.hdr); nil: not there.
	Packet func(v *view) []byte
	// IPProtos restrict a rule that uses a packet buffer; nil: no restriction.
	IPProtos []packet.Proto
	// Content judges each content put into the buffer when a rule is compiled (http.host must be lower case).
	Content func(c *content) error
	// NoTransforms refuses transforms before contents; NoFastPattern keeps its contents out of the prefilter.
	NoTransforms, NoFastPattern bool
}

// Point is one place at which an application buffer or test can be judged: in transactions of Proto, in
// direction Dir, once the direction has come to Progress. While the progress stands there the buffer may still grow;
// once it is beyond, what did not match never will.
type Point struct {
	Proto    app.Proto
	Dir      app.Direction
	Progress app.Progress
	// Late: more may come whatever the progress says, until the direction is complete: files, frames.
	Late bool
	// Bytes gets a buffer that is there once; nil: not there. Each gets the i-th of a buffer that may be there
	// several times; false: there are no more. Exactly one is set for buffers, none for tests.
	// The bytes need stay valid only until Inspect returns. Neither may allocate: see view.keep.
	Bytes func(v *view) []byte
	Each  func(v *view, i int) ([]byte, bool)
	// File gets the same of one file of the transaction, for buffers that files have; nil: not there.
	File func(f *app.File) []byte
	// Grows says that the buffer is only ever appended to while the transaction goes on: what was searched needs no
	// second search.
	Grows bool
	// Source names bytes that several buffers show (the body of an answer): they are searched once for all of them.
	Source string
}

// growing marks points as growing, with their common source ("" for none).
func growing(source string, points []Point) []Point {
	for i := range points {
		points[i].Grows, points[i].Source = true, source
	}
	return points
}

// view is what buffers and tests can look at: the packet under inspection with what belongs to it. Dir is the
// direction under inspection. Tx is nil outside of transactions; Flow and State may be nil.
type view struct {
	Packet *packet.Packet
	Flow   *flow.Flow
	State  *flow.State
	Tx     *app.Transaction
	Dir    app.Direction

	insp  *Inspector
	arena []byte // bytes composed for this packet
	work  []byte // between the steps of a chain of transforms
}

// keep copies parts, one behind the other, into memory that stays valid until the packet is done with. It does
// not allocate in the steady state. Getters use it for buffers that don't stand in one piece.
func (v *view) keep(parts ...[]byte) []byte {
	start := len(v.arena)
	for _, p := range parts {
		v.arena = append(v.arena, p...)
	}
	return v.arena[start:len(v.arena):len(v.arena)]
}

// at makes a buffer's points: one getter, several protocols, one direction, one progress.
func at(dir app.Direction, progress app.Progress, get func(v *view) []byte, protos ...app.Proto) []Point {
	points := make([]Point, len(protos))
	for i, p := range protos {
		points[i] = Point{Proto: p, Dir: dir, Progress: progress, Bytes: get}
	}
	return points
}

// each is at for buffers that may be there several times.
func each(dir app.Direction, progress app.Progress, get func(v *view, i int) ([]byte, bool), protos ...app.Proto) []Point {
	points := make([]Point, len(protos))
	for i, p := range protos {
		points[i] = Point{Proto: p, Dir: dir, Progress: progress, Each: get}
	}
	return points
}

// late marks points at which more may come until the direction is complete.
func late(points []Point) []Point {
	for i := range points {
		points[i].Late = true
	}
	return points
}

// point returns the place where the protocol is judged in a direction, or nil.
func point(points []Point, proto app.Proto, dir app.Direction) *Point {
	for i := range points {
		if p := &points[i]; p.Proto == proto && p.Dir == dir {
			return p
		}
	}
	return nil
}
