package packet

import "hash/crc32"

// castagnoli is SCTP's polynomial (RFC 9260, appendix A). MakeTable builds it once and shares it.
var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// crc32c verifies the checksum of an SCTP packet: the CRC of its bytes with the checksum field taken as zero,
// stored in little-endian order.
func crc32c(b []byte) bool {
	const field = 8 // its offset
	zero := [4]byte{}
	crc := crc32.Update(0, castagnoli, b[:field])
	crc = crc32.Update(crc, castagnoli, zero[:])
	crc = crc32.Update(crc, castagnoli, b[field+4:])
	return uint32(b[field])|uint32(b[field+1])<<8|uint32(b[field+2])<<16|uint32(b[field+3])<<24 == crc
}
