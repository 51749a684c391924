package http1

// gzipHeader skips a gzip member's header (RFC 1952 2.3) byte by byte. Only the magic and the method are judged:
// browsers accept wrong flags, lengths and checksums, so evaders send them.
type gzipHeader struct {
	stage gzipStage
	seen  int // bytes of the current part
	flags byte
	extra int // bytes of FEXTRA left
	low   byte
}

type gzipStage uint8

const (
	gzipFixed gzipStage = iota
	gzipExtraLength
	gzipExtra
	gzipName
	gzipComment
	gzipSum
	gzipBody
)

// skip uses up header bytes. ok is false when this is no gzip.
func (g *gzipHeader) skip(b []byte) (n int, ok bool) {
	for n < len(b) && g.stage != gzipBody {
		c := b[n]
		n++
		if g.stage == gzipFixed {
			if g.seen < 3 && c != "\x1f\x8b\x08"[g.seen] {
				return n, false
			}
			if g.seen == 3 {
				g.flags = c
			}
			if g.seen++; g.seen == 10 {
				g.stage = gzipExtraLength
				g.settle()
			}
			continue
		}
		g.optional(c)
		g.settle()
	}
	return n, true
}

// optional takes one byte of the part that stage names.
func (g *gzipHeader) optional(c byte) {
	switch g.stage {
	case gzipExtraLength:
		if g.seen++; g.seen == 1 {
			g.low = c
			return
		}
		g.extra = int(g.low) | int(c)<<8
		g.stage++
	case gzipExtra:
		g.extra--
	case gzipName, gzipComment:
		if c == 0 {
			g.stage++
			g.seen = 0
		}
	case gzipSum:
		if g.seen++; g.seen == 2 {
			g.stage = gzipBody
		}
	}
}

// settle passes over the parts that the flags say are absent.
func (g *gzipHeader) settle() {
	if g.stage == gzipExtraLength && g.seen >= 10 {
		g.seen = 0
		if g.flags&4 == 0 {
			g.stage, g.extra = gzipExtra, 0
		}
	}
	if g.stage == gzipExtra && g.extra == 0 {
		g.stage = gzipName
	}
	if g.stage == gzipName && g.flags&8 == 0 {
		g.stage = gzipComment
	}
	if g.stage == gzipComment && g.flags&16 == 0 {
		g.stage, g.seen = gzipSum, 0
	}
	if g.stage == gzipSum && g.flags&2 == 0 {
		g.stage = gzipBody
	}
}
