package stream

// Seq is a TCP sequence number; comparisons are modulo 2^32 (RFC 9293, section 3.4).
type Seq uint32

func (a Seq) before(b Seq) bool { return int32(a-b) < 0 }
func (a Seq) after(b Seq) bool  { return int32(a-b) > 0 }
func (a Seq) upTo(b Seq) bool   { return int32(a-b) <= 0 }
func (a Seq) from(b Seq) bool   { return int32(a-b) >= 0 }
