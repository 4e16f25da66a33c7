package classify

import "math/bits"

// A tree is an array of references. A reference is a whole node in 64 bits, so that one memory access is one level:
//
//	bit 63      leaf
//	bit 62      leaf that has records
//	inner node: bits 0-31 index of the first child, bits 32-61 index of the shape that tells which child
//	leaf:       bits 0-31 index of the first record
type ref uint64

const (
	leafBit ref = 1 << 63
	fullBit ref = 1 << 62
	// nothing is a leaf without records.
	nothing = leafBit
)

func innerRef(first, shape uint32) ref { return ref(first) | ref(shape)<<32 }

func leafRef(first uint32) ref { return leafBit | fullBit | ref(first) }

// shape is what nodes look at: two runs of bits of a packet, which side by side number the children. Many nodes of a tree
// have the same.
type shape struct {
	aWord, aTurn, bWord, bTurn uint8
	aMask, bMask               uint32
	_                          uint32 // 16 octets are found faster than 12
}

// child is the number of the child that t belongs to. Turning a word brings the run to its place.
func (s *shape) child(t *tuple) uint32 {
	return uint32(bits.RotateLeft64(t[s.aWord&1], int(s.aTurn)))&s.aMask | uint32(bits.RotateLeft64(t[s.bWord&1], int(s.bTurn)))&s.bMask
}

// record is a rule in a leaf. The rest of its fields are packed as in a tuple: rest.lo holds the lowest values and bit 63
// where another record follows; rest.hi holds the highest values with the guard bits set and the slot above them.
type record struct {
	src, srcSpan uint32
	dst, dstSpan uint32
	lo, hi       uint64
}

// Sizes in octets.
const (
	refSize    = 8
	recordSize = 32
	shapeSize  = 16
)

const (
	moreBit   = 1 << 63
	slotShift = guardBits + 1
	// maxSlot is the greatest slot that a record has room for.
	maxSlot = 1<<(64-slotShift) - 1
)

func newRecord(b *box, slot uint32, more bool) record {
	r := record{
		src: b[dimSrc].lo, srcSpan: b[dimSrc].hi - b[dimSrc].lo,
		dst: b[dimDst].lo, dstSpan: b[dimDst].hi - b[dimDst].lo,
		lo: rest(b[dimSrcPort].lo, b[dimDstPort].lo, b[dimProto].lo),
		hi: rest(b[dimSrcPort].hi, b[dimDstPort].hi, b[dimProto].hi) | guards | uint64(slot)<<slotShift,
	}
	if more {
		r.lo |= moreBit
	}
	return r
}

// slot is the rule's place in the first-match order.
func (r *record) slot() uint32 { return uint32(r.hi >> slotShift) }

// miss is 0 where t lies in the record and 1 where not. An address is in a range when its distance from the lowest is at
// most that of the highest; of the packed fields no difference, neither from the lowest nor to the highest, may take the
// guard bit away.
func (r *record) miss(t *tuple) uint64 {
	outside := uint64(r.dstSpan) - uint64(uint32(t[0])-r.dst)
	outside |= uint64(r.srcSpan) - uint64(uint32(t[0]>>32)-r.src)
	outside |= ((t[1]|guards)-r.lo)&(r.hi-t[1])&guards - guards
	return outside >> 63
}

// tree is one part's decision tree.
type tree struct {
	root   ref
	shapes []shape
	refs   []ref
	recs   []record
	// first is the lowest slot in the tree: no better answer can come from it.
	first uint32
}

// work is what a lookup has done.
type work struct{ steps, records int }

// find returns the lowest live slot below best that matches t, or best, and adds to w.
func (tr *tree) find(t *tuple, best uint32, dead slotSet, w *work) uint32 {
	n := tr.root
	for n&leafBit == 0 {
		n = tr.refs[uint32(n)+tr.shapes[n>>32].child(t)]
		w.steps++
	}
	if n&fullBit == 0 {
		return best
	}
	for i := uint32(n); ; i++ {
		r := &tr.recs[i]
		w.records++
		if r.slot() >= best {
			return best
		}
		if r.miss(t) == 0 && !dead.has(r.slot()) {
			return r.slot()
		}
		if r.lo&moreBit == 0 {
			return best
		}
	}
}
