package classify

// A tree is an array of references. A reference is a whole node in 64 bits: what to look at, and where the children or
// the rules are, so that one memory access is one level.
//
//	bit 63      leaf
//	inner node: bits 0-31 index of the first child reference, then two fields of
//	            word (2 bits) shift (5 bits) width (4 bits); child = first + (field1 << width2 | field2)
//	leaf:       bits 0-31 index of the first record, bits 32-47 number of records
type ref uint64

const leafBit ref = 1 << 63

// field is a run of bits of a tuple word.
type field struct{ word, shift, width uint32 }

func innerRef(first uint32, a, b field) ref {
	pack := func(f field) ref { return ref(f.word) | ref(f.shift)<<2 | ref(f.width)<<7 }
	return ref(first) | pack(a)<<32 | pack(b)<<43
}

func leafRef(first uint32, n int) ref { return leafBit | ref(first) | ref(n)<<32 }

// record is a rule in a leaf: for each field the lowest value and the distance to the highest, so that one subtraction
// and one unsigned comparison test a range.
type record struct {
	src, srcSpan uint32
	dst, dstSpan uint32
	// port words: low 16 bits lowest port, high 16 bits distance.
	sport, dport uint32
	// proto: low 8 bits lowest, next 8 bits distance.
	proto uint32
	// slot is the rule's place in the first-match order.
	slot uint32
}

func newRecord(b *box, slot uint32) record {
	return record{
		src: b[dimSrc].lo, srcSpan: b[dimSrc].hi - b[dimSrc].lo,
		dst: b[dimDst].lo, dstSpan: b[dimDst].hi - b[dimDst].lo,
		sport: b[dimSrcPort].lo | (b[dimSrcPort].hi-b[dimSrcPort].lo)<<16,
		dport: b[dimDstPort].lo | (b[dimDstPort].hi-b[dimDstPort].lo)<<16,
		proto: b[dimProto].lo | (b[dimProto].hi-b[dimProto].lo)<<8,
		slot:  slot,
	}
}

// matches compares in the order in which rules usually differ.
func (r *record) matches(t *tuple) bool {
	return t[1]-r.dst <= r.dstSpan && t[0]-r.src <= r.srcSpan &&
		uint32(uint16(t[2])-uint16(r.dport)) <= r.dport>>16 &&
		uint32(uint16(t[2]>>16)-uint16(r.sport)) <= r.sport>>16 &&
		uint32(uint8(t[3])-uint8(r.proto)) <= r.proto>>8
}

// tree is one part's decision tree. root is apart so that an empty or tiny tree costs nothing.
type tree struct {
	root ref
	refs []ref
	recs []record
	// first is the lowest slot in the tree: no better answer can come from it.
	first uint32
}

// walk returns the leaf that t ends in.
func (tr *tree) walk(t *tuple) ref {
	n := tr.root
	refs := tr.refs
	for n&leafBit == 0 {
		a := (t[n>>32&3] >> (n >> 34 & 31)) & (1<<(n>>39&15) - 1)
		b := (t[n>>43&3] >> (n >> 45 & 31)) & (1<<(n>>50&15) - 1)
		n = refs[uint32(n)+(a<<(n>>50&15)|b)]
	}
	return n
}

// scan returns the lowest live slot below best in leaf n that matches t, or best.
func (tr *tree) scan(n ref, t *tuple, best uint32, dead slotSet) uint32 {
	first := uint32(n)
	recs := tr.recs[first : first+uint32(n>>32&0xffff)]
	for i := range recs {
		r := &recs[i]
		if r.slot >= best {
			return best
		}
		if r.matches(t) && !dead.has(r.slot) {
			return r.slot
		}
	}
	return best
}
