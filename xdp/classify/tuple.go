package classify

import (
	"encoding/binary"
	"net/netip"
)

// tuple is a packet in the trees' coordinates: source and destination (an IPv4 address as a number, or the rank of an
// IPv6 address), source port << 16 | destination port, protocol. Fields are addressed by number in nodes.
type tuple [4]uint32

// The dimensions that nodes cut. Both ports live in word 2 of a tuple.
const (
	dimSrc = iota
	dimDst
	dimSrcPort
	dimDstPort
	dimProto
	numDims
)

// place says where a dimension's bits are in a tuple: the word and the distance of its lowest bit from bit 0.
var place = [numDims]struct{ word, shift uint32 }{{0, 0}, {1, 0}, {2, 16}, {2, 0}, {3, 0}}

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
