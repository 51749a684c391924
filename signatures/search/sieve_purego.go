//go:build !amd64 || purego

package search

func (sv *sieve) blocks(buf []byte, masks []uint32, _ *Scratch) { sv.blocksGo(buf, masks) }

// hasKernel tells whether sieves of nibbles are worth having: plain Go only knows the other kind.
const hasKernel = false
