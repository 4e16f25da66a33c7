package classify

import (
	"encoding/binary"
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
	return ranks{slices.Compact(starts)}
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
	lo, n := 0, len(r.starts)
	for n > 1 { // invariant: starts[lo] <= a < starts[lo+n]
		half := n / 2
		if !a.less(r.starts[lo+half]) {
			lo += half
			n -= half
		} else {
			n = half
		}
	}
	return uint32(lo)
}

// prefix is the range of ranks that a prefix covers. It must be one of those the ranks were made of.
func (r *ranks) prefix(p netip.Prefix) span {
	first, last := bounds6(p)
	return span{r.rank(first), r.rank(last)}
}
