package dcerpc

import "picket/traffic/app"

// maxStub bounds the stub data kept of one direction of a call (Suricata: dcerpc.max-stub-size).
const maxStub = 1 << 20

// Side is one direction of a call.
type Side struct {
	Type      Type
	Seen      bool // a PDU of the direction was seen
	Done      bool // its last fragment was seen
	Fragments int
	Stub      []byte
}

// add appends a fragment's stub data; the first fragment begins anew.
func (s *Side) add(stub []byte, first, last bool) {
	if s.Done || first {
		s.Stub, s.Done = s.Stub[:0], false
	}
	s.Stub = append(s.Stub, stub[:min(len(stub), maxStub-len(s.Stub))]...)
	s.Fragments++
	s.Done = last
}

// Call is a request and its response, or a bind and its answer. Slices belong to the call.
type Call struct {
	ID             uint32
	Opnum, Context uint16
	// Called says that a request was seen, and so that Opnum and Context are known.
	Called bool
	Little bool
	Sides  [2]Side
	// Binding is the connection's, shared by its calls.
	Binding *Binding
	// Version of the protocol, as EVE writes it.
	Major, Minor uint8
	// Bare says that a response's stub data is to begin right behind the header, as Suricata has it over TCP.
	Bare bool
	// UDP's own: the activity that the call belongs to, and its number in there.
	Datagram bool
	Activity UUID
	Sequence uint32
}

// LittleEndian tells the byte order of the newest PDU.
func (c *Call) LittleEndian() bool { return c.Little }

// Stub returns the stub data of a direction.
func (c *Call) Stub(dir app.Direction) []byte { return c.Sides[dir].Stub }

// Add works on one PDU of a direction: body is what stands behind its header. It returns whether the direction is
// complete with it.
func (c *Call) Add(dir app.Direction, h *Header, body []byte) (done bool) {
	s := &c.Sides[dir]
	c.Little, c.Major, c.Minor = h.Little, h.Major, h.Minor
	s.Type, s.Seen = h.Type, true
	switch h.Type {
	case Request, Response:
		opnum, context, stub, ok := Stub(h, body)
		if !ok {
			return false
		}
		if c.Bare && h.Type == Response {
			stub = body
		}
		if h.Type == Request {
			c.Opnum, c.Context, c.Called = opnum, context, true
		}
		s.add(stub, h.Flags&FirstFragment != 0, h.Flags&LastFragment != 0)
		return s.Done
	case Bind, AlterContext:
		c.Binding.Bind(h, body)
	case BindAck, AlterContextResponse:
		c.Binding.Answer(h, body)
	}
	s.Fragments, s.Done = 1, true
	return true
}
