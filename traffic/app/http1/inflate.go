package http1

import (
	"errors"
	"math/bits"
)

// inflater undoes DEFLATE (RFC 1951) as bytes come in. The standard library's readers pull their input and
// can't go on after "no more for now", which is the normal state of a network stream; a goroutine for each body
// is out of the question. So this one is pushed: it stops at a symbol boundary when input runs out and resumes.
type inflater struct {
	carry  []byte // input not yet used up, at most a block header
	acc    uint64 // bit buffer
	nbits  uint
	stage  inflateStage
	final  bool
	stored int // bytes left of a stored block
	lit    huffman
	dist   huffman
	window []byte // last 32 KiB of output, as a ring
	at     int
	full   bool
	out    []byte // produced and not yet taken
}

type inflateStage uint8

const (
	stageBlock inflateStage = iota
	stageStored
	stageCodes
	stageDone
)

var (
	errInput   = errors.New("inflate: more input needed")
	errCorrupt = errors.New("inflate: corrupt data")
)

const (
	windowSize = 32 << 10
	// inflateBatch is how much output is produced before it is handed on.
	inflateBatch = 8 << 10
)

// write takes all of data. emit is called with output as it comes; an error of emit or of the data ends it.
// done: the final block is over, what follows of data was ignored; n bytes of data were used.
func (z *inflater) write(data []byte, emit func([]byte) error) (n int, done bool, err error) {
	if z.stage == stageDone {
		return 0, true, nil
	}
	in := data
	if len(z.carry) > 0 {
		z.carry = append(z.carry, data...)
		in = z.carry
	}
	src := bitSource{in: in, acc: z.acc, n: z.nbits}
	err = z.run(&src, emit)
	left := in[src.at:]
	z.acc, z.nbits = src.acc, src.n
	n = len(data) - min(len(left), len(data))
	z.carry = append(z.carry[:0], left...)
	if err == errInput {
		n, err = len(data), nil
	}
	return n, z.stage == stageDone, err
}

// flush hands on what was produced.
func (z *inflater) flush(emit func([]byte) error) error {
	if len(z.out) == 0 {
		return nil
	}
	out := z.out
	z.out = z.out[:0]
	return emit(out)
}

func (z *inflater) run(src *bitSource, emit func([]byte) error) error {
	for {
		if len(z.out) >= inflateBatch {
			if err := z.flush(emit); err != nil {
				return err
			}
		}
		var err error
		switch z.stage {
		case stageBlock:
			err = z.block(src)
		case stageStored:
			err = z.copyStored(src)
		case stageCodes:
			err = z.codes(src)
		case stageDone:
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// block reads a block's header; nothing is used up unless all of it is there.
func (z *inflater) block(src *bitSource) error {
	if z.final {
		z.stage = stageDone
		return nil
	}
	mark := *src
	err := z.blockHeader(src)
	if err == errInput {
		*src = mark
	}
	return err
}

func (z *inflater) blockHeader(src *bitSource) error {
	head, err := src.take(3)
	if err != nil {
		return err
	}
	switch head >> 1 {
	case 0:
		err = z.storedHeader(src)
	case 1:
		z.fixed()
	case 2:
		err = z.dynamic(src)
	default:
		err = errCorrupt
	}
	if err == nil {
		z.final = head&1 == 1
	}
	return err
}

func (z *inflater) storedHeader(src *bitSource) error {
	src.align()
	v, err := src.take(32)
	if err != nil {
		return err
	}
	if uint16(v) != ^uint16(v>>16) {
		return errCorrupt
	}
	z.stored, z.stage = int(uint16(v)), stageStored
	return nil
}

func (z *inflater) copyStored(src *bitSource) error {
	for z.stored > 0 && len(z.out) < inflateBatch {
		c, err := src.take(8)
		if err != nil {
			return err
		}
		z.put(byte(c))
		z.stored--
	}
	if z.stored == 0 {
		z.stage = stageBlock
	}
	return nil
}

func (z *inflater) put(c byte) {
	if z.window == nil {
		z.window = make([]byte, windowSize)
	}
	z.window[z.at] = c
	if z.at++; z.at == windowSize {
		z.at, z.full = 0, true
	}
	z.out = append(z.out, c)
}

func (z *inflater) fixed() {
	var lens [288]uint8
	for i := range lens {
		switch {
		case i < 144:
			lens[i] = 8
		case i < 256:
			lens[i] = 9
		case i < 280:
			lens[i] = 7
		default:
			lens[i] = 8
		}
	}
	z.lit.build(lens[:])
	var d [32]uint8 // the last two are part of the code, and never valid
	for i := range d {
		d[i] = 5
	}
	z.dist.build(d[:])
	z.stage = stageCodes
}

// dynamic reads the code lengths of a block with its own codes (RFC 1951 3.2.7).
func (z *inflater) dynamic(src *bitSource) error {
	v, err := src.take(14)
	if err != nil {
		return err
	}
	nlit, ndist, nclen := int(v&31)+257, int(v>>5&31)+1, int(v>>10)+4
	if nlit > 286 || ndist > 30 {
		return errCorrupt
	}
	var clens [19]uint8
	for i := range nclen {
		l, err := src.take(3)
		if err != nil {
			return err
		}
		clens[lengthOrder[i]] = uint8(l)
	}
	var h huffman
	if !h.build(clens[:]) {
		return errCorrupt
	}
	var lens [286 + 30]uint8
	if err := readLengths(src, &h, lens[:nlit+ndist]); err != nil {
		return err
	}
	if lens[256] == 0 || !z.lit.build(lens[:nlit]) || !z.dist.build(lens[nlit:nlit+ndist]) {
		return errCorrupt
	}
	z.stage = stageCodes
	return nil
}

// lengthOrder is the order in which code length code lengths are sent.
var lengthOrder = [19]uint8{16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15}

func readLengths(src *bitSource, h *huffman, lens []uint8) error {
	for i := 0; i < len(lens); {
		s, err := h.symbol(src)
		if err != nil {
			return err
		}
		if s < 16 {
			lens[i] = uint8(s)
			i++
			continue
		}
		value, base, extra := uint8(0), 3, uint(3)
		switch s {
		case 16:
			if i == 0 {
				return errCorrupt
			}
			value, extra = lens[i-1], 2
		case 18:
			base, extra = 11, 7
		}
		n, err := src.take(extra)
		if err != nil {
			return err
		}
		count := base + int(n)
		if i+count > len(lens) {
			return errCorrupt
		}
		for range count {
			lens[i] = value
			i++
		}
	}
	return nil
}

// codes decodes symbols until a batch is full, the block ends, or input runs out (then the last symbol is put
// back).
func (z *inflater) codes(src *bitSource) error {
	for len(z.out) < inflateBatch {
		mark := *src
		s, err := z.lit.symbol(src)
		if err == nil {
			switch {
			case s < 256:
				z.put(byte(s))
				continue
			case s == 256:
				z.stage = stageBlock
				return nil
			}
			err = z.match(src, int(s)-257)
		}
		if err != nil {
			if err == errInput {
				*src = mark
			}
			return err
		}
	}
	return nil
}

// Base values and extra bits of length and distance codes (RFC 1951 3.2.5).
var (
	lengthBase  = [29]uint16{3, 4, 5, 6, 7, 8, 9, 10, 11, 13, 15, 17, 19, 23, 27, 31, 35, 43, 51, 59, 67, 83, 99, 115, 131, 163, 195, 227, 258}
	lengthExtra = [29]uint8{0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5, 0}
	distBase    = [30]uint16{1, 2, 3, 4, 5, 7, 9, 13, 17, 25, 33, 49, 65, 97, 129, 193, 257, 385, 513, 769, 1025, 1537, 2049, 3073, 4097, 6145, 8193, 12289, 16385, 24577}
	distExtra   = [30]uint8{0, 0, 0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7, 8, 8, 9, 9, 10, 10, 11, 11, 12, 12, 13, 13}
)

func (z *inflater) match(src *bitSource, code int) error {
	if code >= len(lengthBase) {
		return errCorrupt
	}
	x, err := src.take(uint(lengthExtra[code]))
	if err != nil {
		return err
	}
	length := int(lengthBase[code]) + int(x)
	d, err := z.dist.symbol(src)
	if err != nil {
		return err
	}
	if int(d) >= len(distBase) {
		return errCorrupt
	}
	if x, err = src.take(uint(distExtra[d])); err != nil {
		return err
	}
	distance := int(distBase[d]) + int(x)
	if distance > windowSize || distance > z.at && !z.full {
		return errCorrupt
	}
	from := (z.at - distance + windowSize) % windowSize
	for range length {
		z.put(z.window[from])
		from = (from + 1) % windowSize
	}
	return nil
}

// bitSource hands out bits, least significant first.
type bitSource struct {
	in  []byte
	at  int
	acc uint64
	n   uint
}

// fill gets at least want bits (≤ 32) if there are so many.
func (s *bitSource) fill(want uint) bool {
	for s.n < want {
		if s.at == len(s.in) {
			return false
		}
		s.acc |= uint64(s.in[s.at]) << s.n
		s.at++
		s.n += 8
	}
	return true
}

func (s *bitSource) take(n uint) (uint64, error) {
	if !s.fill(n) {
		return 0, errInput
	}
	v := s.acc & (1<<n - 1)
	s.acc >>= n
	s.n -= n
	return v, nil
}

func (s *bitSource) align() {
	drop := s.n % 8
	s.acc >>= drop
	s.n -= drop
}

// huffman decodes canonical codes: a table for short codes, counting for long ones.
type huffman struct {
	fast    [1 << fastBits]uint16 // symbol<<4 | length; 0: longer or none
	count   [16]uint16
	symbols [288]uint16
}

const fastBits = 9

// build makes the code from its lengths. False: over-subscribed, or incomplete with more than one code.
func (h *huffman) build(lens []uint8) bool {
	h.count = [16]uint16{}
	for _, l := range lens {
		h.count[l]++
	}
	h.count[0] = 0
	left, used := 1, 0
	var offset, code [16]uint16
	for l := 1; l < 16; l++ {
		left = left<<1 - int(h.count[l])
		if left < 0 {
			return false
		}
		used += int(h.count[l])
		if l < 15 {
			offset[l+1] = offset[l] + h.count[l]
			code[l+1] = (code[l] + h.count[l]) << 1
		}
	}
	if left > 0 && used > 1 {
		return false
	}
	clear(h.fast[:])
	for s, l := range lens {
		if l == 0 {
			continue
		}
		h.symbols[offset[l]] = uint16(s)
		offset[l]++
		if l <= fastBits {
			r := bits.Reverse16(code[l]) >> (16 - l)
			for i := int(r); i < 1<<fastBits; i += 1 << l {
				h.fast[i] = uint16(s)<<4 | uint16(l)
			}
		}
		code[l]++
	}
	return true
}

// symbol reads one symbol. On errInput the source is where it was, but for filled bits.
func (h *huffman) symbol(src *bitSource) (uint16, error) {
	src.fill(15)
	if e := h.fast[src.acc&(1<<fastBits-1)]; e != 0 && uint(e&15) <= src.n {
		l := uint(e & 15)
		src.acc >>= l
		src.n -= l
		return e >> 4, nil
	}
	code, first, index := 0, 0, 0
	for l := uint(1); l < 16; l++ {
		if l > src.n {
			return 0, errInput
		}
		code |= int(src.acc >> (l - 1) & 1)
		count := int(h.count[l])
		if code-count < first {
			src.acc >>= l
			src.n -= l
			return h.symbols[index+code-first], nil
		}
		index += count
		first = (first + count) << 1
		code <<= 1
	}
	return 0, errCorrupt
}
