package classify

import "math/bits"

// sieve finds out of an overlay the few rules that a packet may match: for each octet of a tuple that is looked at and each
// value of it, a bit for every rule of the overlay that may match.
type sieve [sieveOctets][256]sieveRow

type sieveRow [MaxPending / 64]uint64

// sieveOctets are the upper three octets of source and destination, and the upper one of the destination port.
const sieveOctets = 7

// with is a copy that has a rule with the given box at place i. The rules from there on move up.
func (s *sieve) with(i int, b *box) *sieve {
	n := new(sieve)
	if s != nil {
		*n = *s
	}
	for o, field := range sieveFields {
		lo, hi := b[field.dim].lo, b[field.dim].hi
		first, last := uint32(0), uint32(255)
		if lo>>field.shift>>8 == hi>>field.shift>>8 { // else any value may be in the range
			first, last = lo>>field.shift&255, hi>>field.shift&255
		}
		for v := range uint32(256) {
			n[o][v].insert(i, first <= v && v <= last)
		}
	}
	return n
}

var sieveFields = [sieveOctets]struct{ dim, shift int }{
	{dimSrc, 24}, {dimSrc, 16}, {dimSrc, 8}, {dimDst, 24}, {dimDst, 16}, {dimDst, 8}, {dimDstPort, 8},
}

// without is a copy that has lost the rule at place i.
func (s *sieve) without(i int) *sieve {
	n := *s
	for o := range n {
		for v := range n[o] {
			n[o][v].remove(i)
		}
	}
	return &n
}

// rows are the rules that t may match. Of IPv6 the addresses are ranks, scaled to 32 bits.
func (s *sieve) rows(t *tuple, srcScale, dstScale int) (r sieveRow) {
	src, dst := uint32(t[0]>>32)<<srcScale, uint32(t[0])<<dstScale
	r = s[0][src>>24]
	for o, at := range [...]uint8{uint8(src >> 16), uint8(src >> 8), uint8(dst >> 24), uint8(dst >> 16), uint8(dst >> 8), uint8(t[1] >> 8)} {
		row := &s[o+1][at]
		for w := range r {
			r[w] &= row[w]
		}
	}
	return r
}

// insert puts a bit at place i and moves those from there on up.
func (r *sieveRow) insert(i int, set bool) {
	w, low := i/64, uint64(1)<<(i%64)-1
	for k := len(r) - 1; k > w; k-- {
		r[k] = r[k]<<1 | r[k-1]>>63
	}
	r[w] = r[w]&low | r[w]&^low<<1
	if set {
		r[w] |= low + 1
	}
}

// remove takes the bit at place i out and moves those above down.
func (r *sieveRow) remove(i int) {
	w, low := i/64, uint64(1)<<(i%64)-1
	r[w] = r[w]&low | r[w]>>1&^low
	for k := w + 1; k < len(r); k++ {
		r[k-1] |= r[k] << 63
		r[k] >>= 1
	}
}

// next is the first place from i on, or -1.
func (r *sieveRow) next(i int) int {
	for w := i / 64; w < len(r); w++ {
		if left := r[w] >> (i % 64) << (i % 64); left != 0 {
			return w*64 + bits.TrailingZeros64(left)
		}
		i = (w + 1) * 64
	}
	return -1
}
