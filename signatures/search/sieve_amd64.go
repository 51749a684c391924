//go:build amd64 && !purego

package search

import "golang.org/x/sys/cpu"

// hasKernel tells whether sieves of nibbles are worth having.
var hasKernel = cpu.X86.HasAVX2

//go:noescape
func sieveAVX2(p *byte, blocks int, table *byte, notes *byte, masks *uint32, shift uint64)

//go:noescape
func sieveNibbles(p *byte, blocks int, tables *nibbles, masks *uint32)

// blocks sieves the 32 positions for each word of masks, of which there is one at least; buf has three bytes more.
func (sv *sieve) blocks(buf []byte, masks []uint32, sc *Scratch) {
	_ = buf[32*len(masks)+2] // what the kernels read
	switch {
	case !cpu.X86.HasAVX2:
		sv.blocksGo(buf, masks)
	case sv.nibbles != nil:
		sieveNibbles(&buf[0], len(masks), sv.nibbles, &masks[0])
	default:
		sieveAVX2(&buf[0], len(masks), &sv.bits[0], &sc.kernel[0], &masks[0], sv.shift)
	}
}
