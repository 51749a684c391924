package search

// Literal is one pattern. ID is dense (0 … n-1) and may be shared by no other literal of the set.
type Literal struct {
	Bytes  []byte
	NoCase bool
	ID     uint32
}
