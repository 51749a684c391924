package stream

// Window is a view of one direction's contiguous bytes for raw inspection. Valid until the flow is settled.
type Window struct {
	Data   []byte // nil: nothing to judge now
	Offset uint64 // stream offset of Data[0], from 0 at the first byte after SYN
	New    int    // Data[len(Data)-New:] was not judged before; the rest is overlap
	EOF    bool
}
