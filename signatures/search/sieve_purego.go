//go:build !amd64 || purego

package search

func (sv *sieve) blocks(buf []byte, masks []uint32, _ *Scratch) { sv.blocksGo(buf, masks) }
