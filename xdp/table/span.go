package table

import (
	"encoding/binary"
	"math/bits"
	"net/netip"
	"slices"
)

// num is an address as a number: IPv4 in the low 32 bits.
type num struct{ hi, lo uint64 }

func numOf(a netip.Addr) num {
	if a.Is4() {
		b := a.As4()
		return num{0, uint64(binary.BigEndian.Uint32(b[:]))}
	}
	b := a.As16()
	return num{binary.BigEndian.Uint64(b[:8]), binary.BigEndian.Uint64(b[8:])}
}

func (a num) less(b num) bool { return a.hi < b.hi || a.hi == b.hi && a.lo < b.lo }

func (a num) cmp(b num) int {
	switch {
	case a.less(b):
		return -1
	case b.less(a):
		return 1
	}
	return 0
}

func (a num) next() num {
	lo, carry := bits.Add64(a.lo, 1, 0)
	return num{a.hi + carry, lo}
}

func (a num) prev() num {
	lo, borrow := bits.Sub64(a.lo, 1, 0)
	return num{a.hi - borrow, lo}
}

// mask has the low n bits set.
func mask(n int) num {
	switch {
	case n >= 128:
		return num{^uint64(0), ^uint64(0)}
	case n >= 64:
		return num{1<<(n-64) - 1, ^uint64(0)}
	}
	return num{0, 1<<n - 1}
}

// family is 4 or 6.
type family uint8

func (f family) bits() int {
	if f == 4 {
		return 32
	}
	return 128
}

func (f family) has(a netip.Addr) bool { return a.Is4() == (f == 4) }

func (f family) all() spans { return spans{{num{}, mask(f.bits())}} }

func (f family) addr(a num) netip.Addr {
	if f == 4 {
		var b [4]byte
		binary.BigEndian.PutUint32(b[:], uint32(a.lo))
		return netip.AddrFrom4(b)
	}
	var b [16]byte
	binary.BigEndian.PutUint64(b[:8], a.hi)
	binary.BigEndian.PutUint64(b[8:], a.lo)
	return netip.AddrFrom16(b)
}

// span is an inclusive range of addresses; spans are ascending, disjoint and not adjacent.
type span struct{ first, last num }

type spans []span

// nets are the addresses in any of the prefixes that are of the family.
func (f family) nets(list []netip.Prefix) spans {
	var s spans
	for _, p := range list {
		if !f.has(p.Addr()) {
			continue
		}
		first, host := numOf(p.Masked().Addr()), mask(f.bits()-p.Bits())
		s = append(s, span{first, num{first.hi | host.hi, first.lo | host.lo}})
	}
	return normal(s)
}

// normal sorts and merges.
func normal(s spans) spans {
	slices.SortFunc(s, func(a, b span) int { return a.first.cmp(b.first) })
	out := s[:0]
	for _, x := range s {
		if n := len(out); n > 0 && (out[n-1].last == mask(128) || !out[n-1].last.next().less(x.first)) {
			if out[n-1].last.less(x.last) {
				out[n-1].last = x.last
			}
			continue
		}
		out = append(out, x)
	}
	return out
}

// and are the addresses in both.
func (s spans) and(o spans) spans {
	var out spans
	for i, j := 0, 0; i < len(s) && j < len(o); {
		first, last := s[i].first, s[i].last
		if first.less(o[j].first) {
			first = o[j].first
		}
		if o[j].last.less(last) {
			last = o[j].last
		}
		if !last.less(first) {
			out = append(out, span{first, last})
		}
		if s[i].last.less(o[j].last) {
			i++
		} else {
			j++
		}
	}
	return out
}

// not are the addresses of the family outside s.
func (s spans) not(f family) spans {
	var out spans
	at, end := num{}, mask(f.bits())
	for _, x := range s {
		if at.less(x.first) {
			out = append(out, span{at, x.first.prev()})
		}
		if x.last == end {
			return out
		}
		at = x.last.next()
	}
	return append(out, span{at, end})
}

func (s spans) contains(a num) bool {
	_, ok := slices.BinarySearchFunc(s, a, func(x span, a num) int {
		switch {
		case x.last.less(a):
			return -1
		case a.less(x.first):
			return 1
		}
		return 0
	})
	return ok
}

// prefixes cover the spans exactly; the zero Prefix is everything.
func (s spans) prefixes(f family) []netip.Prefix {
	if len(s) == 1 && s[0] == f.all()[0] {
		return []netip.Prefix{{}}
	}
	var out []netip.Prefix
	for _, x := range s {
		for at := x.first; ; {
			// The largest block that begins here and does not pass the end.
			n := min(at.trailingZeros(), f.bits())
			for n > 0 {
				m := mask(n)
				if end := (num{at.hi | m.hi, at.lo | m.lo}); !x.last.less(end) {
					break
				}
				n--
			}
			out = append(out, netip.PrefixFrom(f.addr(at), f.bits()-n))
			m := mask(n)
			end := num{at.hi | m.hi, at.lo | m.lo}
			if end == x.last {
				break
			}
			at = end.next()
		}
	}
	return out
}

func (a num) trailingZeros() int {
	if a.lo != 0 {
		return bits.TrailingZeros64(a.lo)
	}
	return 64 + bits.TrailingZeros64(a.hi)
}
