//go:build amd64 && !purego

package search

import "golang.org/x/sys/cpu"

//go:noescape
func sieveAVX2(p *byte, blocks int, table *byte, notes *byte, masks *uint32, shift uint64)

// blocks sieves the 32 positions for each word of masks, of which there is one at least; buf has three bytes more.
func (sv *sieve) blocks(buf []byte, masks []uint32, sc *Scratch) {
	if !cpu.X86.HasAVX2 {
		sv.blocksGo(buf, masks)
		return
	}
	_ = buf[32*len(masks)+2] // what the kernel reads
	sieveAVX2(&buf[0], len(masks), &sv.bits[0], &sc.kernel[0], &masks[0], sv.shift)
}
