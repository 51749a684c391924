package eve

import (
	"cmp"

	"picket/traffic/app"
	"picket/traffic/flow"
	"picket/traffic/packet"
	"picket/traffic/stream"
)

// Logger writes one worker's records. It belongs to the worker's goroutine; several Loggers share a Writer.
type Logger struct {
	cfg  *Config
	out  *Writer
	json JSON
	// Vars returns what rules have noted on the flow that is told of, or nil. The sensor sets it.
	Vars func() *Vars
	// wanted are the protocols whose transactions get records of their own; nil: none are wanted.
	wanted        [app.ProtoCount]*TxLogger
	files, frames bool // get records
	// streams are the segments that get a stream_tcp record.
	streams stream.Notes
	text    []byte // of the frame that is told
	// dropped remembers which flows' drops were written: a flow's place is its ID modulo the length. Two flows in
	// one place cost a record too many, never one too few.
	dropped [4096]droppedFlow
}

// droppedFlow is a flow and the directions (bits) whose first drop was written.
type droppedFlow struct {
	id   uint64
	dirs uint8
}

// NewLogger makes a worker's logger. cfg must not change afterwards.
func NewLogger(cfg *Config, out *Writer) *Logger {
	l := &Logger{cfg: cfg.effective(), out: out, streams: cfg.streamNotes()}
	for i := range loggers {
		if t := &loggers[i]; !t.OnlyAlert && l.cfg.Enabled(cmp.Or(t.Switch, t.Event)) {
			l.wanted[t.Proto] = t
		}
	}
	l.files, l.frames = l.cfg.Enabled("fileinfo"), l.cfg.Frames()
	return l
}

// Files tells whether files get records.
func (l *Logger) Files() bool { return l.files }

// Moment is what the worker is looking at when something is to be written. Any of the pointers may be nil.
type Moment struct {
	Time   int64 // ns; the packet's, or now
	Packet *packet.Packet
	Flow   *flow.Flow
	State  *flow.State
}

func (m *Moment) conn() *app.Conn {
	if m.State == nil {
		return nil
	}
	return &m.State.App
}

// finish closes the record and hands it over.
func (l *Logger) finish() {
	l.json.EndObject()
	l.json.buf = append(l.json.buf, '\n')
	l.out.Write(l.json.buf)
}
