// Package watch sees what happens on a host: lines of logs, numbers and changes, all of them Observations.
//
// A Source sends Batches of observations into a channel that a judge reads. The bytes of a batch belong to its
// Source, which lends them: the judge reads them until it calls Release, and Release is also its acknowledgement. Only
// then does the source write down its position, so that a killed program loses no line and counts none twice that was
// acknowledged. A source owns a fixed number of batches (see Lender); when all are lent it waits, and the lines wait in
// their files, pipes and sockets. Nothing here grows with what an attacker sends.
package watch

import "context"

// Kind says what an observation is.
type Kind uint8

// The kinds.
const (
	Line   Kind = iota // a line of a log: Line
	Number             // a measured value: Name and Number
	Change             // something is not as it was: Name is what, Line how
)

// Origin is where observations come from. It is immutable and shared by all of them.
type Origin struct {
	Source string // name of the source: "auth", "journal", "syslog"
	Path   string // the file, when there is one
	Host   string // the host that the source watches
}

// Field is one named part of an observation that came with it.
type Field struct {
	Name  string
	Value []byte
	// Trusted: the kernel or the journal daemon vouches for the value. Everything else can be written by whoever
	// writes the line.
	Trusted bool
}

// Observation is a line, a number or a change. Line and the field values belong to the Batch.
type Observation struct {
	Origin *Origin
	Time   int64 // when it was received, nanoseconds since 1970 UTC
	When   int64 // when it happened, as a trusted clock says (the journal's); 0 when only the line may say
	Line   []byte
	Fields []Field
	Name   string
	Number float64
	Kind   Kind
}

// Field returns the value of the first field of that name, and whether it may be trusted; nil when there is none.
func (o *Observation) Field(name string) (value []byte, trusted bool) {
	for i := range o.Fields {
		if o.Fields[i].Name == name {
			return o.Fields[i].Value, o.Fields[i].Trusted
		}
	}
	return nil, false
}

// Host returns the host that the observation is about: the sender of a syslog message, else the host watched.
func (o *Observation) Host() string {
	if v, _ := o.Field("host"); v != nil {
		return string(v)
	}
	return o.Origin.Host
}

// Counter is one exported figure of a source.
type Counter struct {
	Name  string // lower case, with hyphens
	Value uint64
}

// Source is something that observes.
type Source interface {
	// Name is the source's name in configuration and counters.
	Name() string
	// Run sends batches until ctx ends (then it returns nil), its input ends (nil) or it cannot go on. It never
	// closes out, which several sources may share, and waits while the reader is slow.
	Run(ctx context.Context, out chan<- *Batch) error
	// Counters may be called by any goroutine.
	Counters() []Counter
}

// Mark is a position: where a source stood after the last observation of a batch.
type Mark struct {
	Source  string // name of the source
	Path    string // the file as it is watched; empty for a journal
	Device  uint64
	Inode   uint64
	Offset  int64  // first byte not yet delivered
	HeadLen int    // bytes in the fingerprint
	HeadSum uint64 // FNV-1a of the file's first HeadLen bytes
	TailLen int    // bytes in the fingerprint of what was read last
	TailSum uint64 // FNV-1a of the TailLen bytes before Offset
	Since   int64  // when the newest of what was read at Path was last written to, nanoseconds since 1970; 0: not known
	Cursor  string // the journal's own position
	Skip    bool   // Offset is inside a line whose beginning was delivered and whose rest is thrown away
	Gone    bool   // the file is finished: its position can be forgotten
}

// Same says whether two marks are positions in the same thing.
func (m *Mark) Same(o *Mark) bool {
	return m.Source == o.Source && m.Device == o.Device && m.Inode == o.Inode
}

// Keeper keeps marks over a restart. Keep is called by Release, in the order of the batches; when it returns, the
// mark must survive kill -9. A judge with a database of its own can implement it to store counts and positions in one
// transaction; logs.Positions is the plain file.
type Keeper interface {
	Keep(Mark) error
	Marks() []Mark
}
