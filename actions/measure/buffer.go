package measure

import "strings"

// Buffer keeps the first Limit bytes that are written to it, as a program's output; Cut tells that there were more. One
// goroutine may write at a time.
type Buffer struct {
	strings.Builder
	Limit int
	Cut   bool
}

// Write implements io.Writer. It takes everything, so that the program goes on.
func (b *Buffer) Write(p []byte) (int, error) {
	room := max(b.Limit-b.Len(), 0)
	b.Cut = b.Cut || len(p) > room
	b.Builder.Write(p[:min(len(p), room)])
	return len(p), nil
}
