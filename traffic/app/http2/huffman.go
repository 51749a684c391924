package http2

import "errors"

// The code of RFC 7541 appendix B is canonical: codes of one length follow one another in the order of their
// symbols, and each length goes on where the shorter one ended. So the number of codes of each length and the
// symbols in the order of their codes say everything.
const (
	maxCodeLen     = 30
	huffmanSymbols = "012aceiost %-./3456789=A_bdfghlmnpru:BCDEFGHIJKLMNOPQRSTUVWYjkqvwxyz&*,;XZ!\"()?'+|#>\x00$@[]~^}<`{" +
		"\\\xc3\xd0\x80\x82\x83\xa2\xb8\xc2\xe0\xe2\x99\xa1\xa7\xac\xb0\xb1\xb3\xd1\xd8\xd9\xe3\xe5\xe6\x81" +
		"\x84\x85\x86\x88\x92\x9a\x9c\xa0\xa3\xa4\xa9\xaa\xad\xb2\xb5\xb9\xba\xbb\xbd\xbe\xc4\xc6\xe4\xe8\xe9" +
		"\x01\x87\x89\x8a\x8b\x8c\x8d\x8f\x93\x95\x96\x97\x98\x9b\x9d\x9e\xa5\xa6\xa8\xae\xaf\xb4\xb6\xb7\xbc" +
		"\xbf\xc5\xe7\xef\x09\x8e\x90\x91\x94\x9f\xab\xce\xd7\xe1\xec\xed\xc7\xcf\xea\xeb\xc0\xc1\xc8\xc9\xca" +
		"\xcd\xd2\xd5\xda\xdb\xee\xf0\xf2\xf3\xff\xcb\xcc\xd3\xd4\xd6\xdd\xde\xdf\xf1\xf4\xf5\xf6\xf7\xf8\xfa" +
		"\xfb\xfc\xfd\xfe\x02\x03\x04\x05\x06\x07\x08\x0b\x0c\x0e\x0f\x10\x11\x12\x13\x14\x15\x17\x18\x19\x1a" +
		"\x1b\x1c\x1d\x1e\x1f\x7f\xdc\xf9\x0a\x0d\x16"
)

// huffmanCounts is the number of codes by their length in bits.
var huffmanCounts = [maxCodeLen + 1]uint16{
	5: 10, 6: 26, 7: 32, 8: 6, 10: 5, 11: 3, 12: 2, 13: 6, 14: 2, 15: 3, 19: 3, 20: 8, 21: 13, 22: 26, 23: 29,
	24: 12, 25: 4, 26: 15, 27: 19, 28: 29, 30: 3,
}

var errHuffman = errors.New("http2: bits that are no code")

// unhuffman appends the decoded string to dst. What is left at the end and is shorter than a byte is padding.
func unhuffman(dst, src []byte) ([]byte, error) {
	var code, first, index uint32
	length := 0
	for _, b := range src {
		for bit := 7; bit >= 0; bit-- {
			code = code<<1 | uint32(b>>bit&1)
			length++
			if length > maxCodeLen {
				return dst, errHuffman
			}
			first <<= 1
			n := uint32(huffmanCounts[length])
			if code-first < n {
				dst = append(dst, huffmanSymbols[index+code-first])
				code, first, index, length = 0, 0, 0, 0
				continue
			}
			first += n
			index += n
		}
	}
	return dst, nil
}
