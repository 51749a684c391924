package capture

// Frame is one frame as the device gave it. Data belongs to the Source and is valid until Release.
type Frame struct {
	Data    []byte
	Time    int64  // capture time, nanoseconds since 1970 UTC
	Num     uint64 // counts the source's frames from 1
	WireLen uint32 // length on the wire, at least len(Data)
	Iface   int32  // index of the receiving interface, 0 when unknown (pcapng: its number in the section, plus one)
	OutIf   int32  // inline: index of the interface it will leave by, 0 when unknown
	Link    uint16 // data link type as libpcap numbers them
	VLAN    uint16 // tag (priority and identifier) that the kernel took out of the frame; valid iff HasVLAN
	HasVLAN bool
	// NoChecksum: checksums are not final (offload) or already verified; they must not be judged.
	NoChecksum bool

	// Verdict is filled in by the worker before Release; the zero value accepts. Only inline sources look at it.
	Verdict Verdict
	// Mark asks inline sources to set the offload mark with an accepting verdict: the kernel takes the rest
	// of the connection.
	Mark bool
	// Replace, when not nil, is sent in place of Data (equal length for TCP).
	Replace []byte

	id   uint32 // the queue's packet id
	mark uint32 // the packet's mark when it was queued
}

// Verdict is the wire's half of a verdict: what the device does with the frame. Why is told by signatures.Verdict.
type Verdict uint8

// The verdicts.
const (
	Accept Verdict = iota
	Drop
)

// Batch is a reusable set of frames, owned by the worker, filled by its Source.
type Batch struct {
	Frames []Frame
}

// Stats are a source's counters since it was opened.
type Stats struct {
	Received  uint64 // frames handed to the worker
	Bytes     uint64
	Dropped   uint64 // lost in the kernel before the worker saw them
	Unseen    uint64 // inline: let through uninspected by the source itself; for fail-open see QueueTable.Unseen
	Refused   uint64 // inline: verdicts that the kernel refused
	Truncated uint64
	Errors    uint64
}

// Source is where frames come from. One worker owns it; only Stats and Interrupt may be called by others.
type Source interface {
	// Receive waits for frames and fills b. It returns io.EOF after the last frame of a file and nil with an
	// empty batch after about 100 ms without traffic (the worker looks after timeouts then).
	Receive(b *Batch) error
	// Release applies the batch's verdicts and takes its memory back.
	Release(b *Batch) error
	// Stats may be called by any goroutine.
	Stats() Stats
	// Interrupt makes the running and every later Receive return io.EOF once what is queued has been handed
	// over. Any goroutine may call it.
	Interrupt()
	// Close gives everything back, after the last Release.
	Close() error
}
