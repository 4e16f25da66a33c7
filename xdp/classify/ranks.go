package classify

import (
	"encoding/binary"
	"math/bits"
	"net/netip"
	"slices"
)

// u128 is an IPv6 address as a number.
type u128 struct{ hi, lo uint64 }

func (a u128) less(b u128) bool { return a.hi < b.hi || a.hi == b.hi && a.lo < b.lo }

func v6(a netip.Addr) u128 {
	b := a.As16()
	return u128{binary.BigEndian.Uint64(b[:8]), binary.BigEndian.Uint64(b[8:])}
}

// ranks maps the addresses of one field to the number of the elementary interval they lie in. Every prefix that was
// known when it was made is a whole number of intervals, so a comparison of ranks decides membership exactly.
type ranks struct {
	// starts are the first addresses of the intervals, ascending; starts[0] is ::.
	starts []u128
	// scale shifts ranks left so that they fill 32 bits.
	scale int
}

func newRanks(prefixes []netip.Prefix) ranks {
	starts := []u128{{}}
	for _, p := range prefixes {
		if !p.IsValid() || p.Bits() == 0 {
			continue
		}
		first, last := bounds6(p)
		starts = append(starts, first)
		if last.lo++; last.lo == 0 {
			last.hi++
		}
		if last != (u128{}) {
			starts = append(starts, last)
		}
	}
	slices.SortFunc(starts, func(a, b u128) int {
		switch {
		case a.less(b):
			return -1
		case b.less(a):
			return 1
		}
		return 0
	})
	starts = slices.Compact(starts)
	return ranks{starts, bits.LeadingZeros32(uint32(len(starts) - 1))}
}

// bounds6 is the first and the last address of p; the zero Prefix is everything.
func bounds6(p netip.Prefix) (first, last u128) {
	if !p.IsValid() {
		return u128{}, u128{^uint64(0), ^uint64(0)}
	}
	first = v6(p.Masked().Addr())
	last = first
	if p.Bits() <= 64 {
		last.lo = ^uint64(0)
		if p.Bits() < 64 {
			last.hi |= ^uint64(0) >> p.Bits()
		}
	} else {
		last.lo |= ^uint64(0) >> (p.Bits() - 64)
	}
	return first, last
}

// rank is the number of the interval that holds a.
func (r *ranks) rank(a u128) uint32 {
	at := uint32(0)
	for n := len(r.starts); n > 1; n -= n / 2 {
		at = r.halve(at, uint32(n/2), a)
	}
	return at
}

// halve looks at the half of the remaining intervals that begins half after at. It does without a branch, which would be
// guessed wrongly every other time.
func (r *ranks) halve(at, half uint32, a u128) uint32 {
	s := &r.starts[at+half]
	_, before := bits.Sub64(a.lo, s.lo, 0)
	_, before = bits.Sub64(a.hi, s.hi, before)
	return at + half&(uint32(before)-1)
}

// search ranks the first n addresses side by side.
func (r *ranks) search(addrs *[width]u128, at *[width]uint32, n int) {
	clear(at[:n])
	for left := len(r.starts); left > 1; left -= left / 2 {
		half := uint32(left / 2)
		for j := range at[:n] {
			at[j] = r.halve(at[j], half, addrs[j])
		}
	}
}

// prefix is the range of ranks that a prefix covers. It must be one of those the ranks were made of.
func (r *ranks) prefix(p netip.Prefix) span {
	first, last := bounds6(p)
	return span{r.rank(first), r.rank(last)}
}

// cover is the scaled range of the ranks of addresses in a range.
func (r *ranks) cover(first, last u128) span {
	return span{r.rank(first) << r.scale, r.rank(last) << r.scale}
}
