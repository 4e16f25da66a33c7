package lab

import (
	"encoding/binary"
	"hash/crc32"
)

// checksum is the internet checksum of b (RFC 1071), starting from a sum such as pseudoHeader's. The checksum field
// inside b must be zero.
func checksum(sum uint32, b []byte) uint16 {
	sum = sum16(sum, b)
	for sum > 0xffff {
		sum = sum>>16 + sum&0xffff
	}
	return ^uint16(sum)
}

// sum16 adds the 16-bit big-endian words of b to a sum; an odd last byte is padded with zero. 32 bits are enough for
// 64 KiB.
func sum16(sum uint32, b []byte) uint32 {
	for ; len(b) > 1; b = b[2:] {
		sum += uint32(binary.BigEndian.Uint16(b))
	}
	if len(b) == 1 {
		sum += uint32(b[0]) << 8
	}
	return sum
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// crc32c is SCTP's checksum (RFC 9260, appendix A); it is sent little-endian.
func crc32c(b []byte) uint32 { return crc32.Checksum(b, castagnoli) }
