package classify

import (
	"encoding/binary"
	"net/netip"
)

// tuple is a packet in the trees' coordinates: source << 32 | destination (an IPv4 address as a number, or the rank of an
// IPv6 address), and the rest: destination port, source port and protocol, each with a bit to spare above it.
type tuple [2]uint64

// The dimensions that nodes cut.
const (
	dimSrc = iota
	dimDst
	dimSrcPort
	dimDstPort
	dimProto
	numDims
)

// place says where a dimension's bits are in a tuple: the word and the distance of its lowest bit from bit 0.
var place = [numDims]struct{ word, shift uint32 }{{0, 32}, {0, 0}, {1, 17}, {1, 0}, {1, 34}}

const (
	// guards are the bits to spare.
	guards = 1<<16 | 1<<33 | 1<<guardBits
	// guardBits is the highest of them.
	guardBits = 42
)

func rest(sport, dport, proto uint32) uint64 {
	return uint64(dport) | uint64(sport)<<17 | uint64(proto)<<34
}

// span is an inclusive range in one dimension.
type span struct{ lo, hi uint32 }

// box is a rule in the trees' coordinates.
type box [numDims]span

var everything = box{{0, 1<<32 - 1}, {0, 1<<32 - 1}, {0, 65535}, {0, 65535}, {0, 255}}

// v4 reads an IPv4 address as a number, first octet highest.
func v4(a netip.Addr) uint32 {
	b := a.As4()
	return binary.BigEndian.Uint32(b[:])
}

func prefix4(p netip.Prefix) span {
	if !p.IsValid() {
		return everything[dimSrc]
	}
	lo := v4(p.Masked().Addr())
	return span{lo, lo | uint32(uint64(1)<<(32-p.Bits())-1)}
}

func (r *Rule) box(src, dst span) box {
	b := box{src, dst, {uint32(r.SrcPort.Min), uint32(r.SrcPort.Max)}, {uint32(r.DstPort.Min), uint32(r.DstPort.Max)}, {0, 255}}
	if !r.AnyProtocol {
		b[dimProto] = span{uint32(r.Protocol), uint32(r.Protocol)}
	}
	return b
}
