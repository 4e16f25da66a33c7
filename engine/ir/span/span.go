package span

import (
	"iter"
	"math"
	"math/bits"
	"net/netip"
)

// Span is a range of values that holds both its ends.
type Span struct{ Lo, Hi Value }

// One is the span of one value of at most 64 bits.
func One(v uint64) Span { return Span{Of(v), Of(v)} }

// All is the span of every value of a field of so many bits.
func All(width int) Span { return Span{Value{}, Max(width)} }

// Prefix is the span of a prefix's addresses.
func Prefix(p netip.Prefix) Span {
	return Addr(p.Addr()).Block(p.Addr().BitLen() - p.Bits())
}

// Single tells whether the span holds one value only.
func (s Span) Single() bool { return s.Lo == s.Hi }

// Size is how many values the span holds.
func (s Span) Size() float64 {
	lo, borrow := bits.Sub64(s.Hi.Lo, s.Lo.Lo, 0)
	hi, _ := bits.Sub64(s.Hi.Hi, s.Lo.Hi, borrow)
	return float64(hi)*math.Exp2(64) + float64(lo) + 1
}

// Head is how many of the field's lowest bits are free in the largest prefix that begins where the span does and lies in it.
func (s Span) Head(width int) int {
	n := min(s.Lo.zeros(), width)
	for n > 0 && s.Hi.Less(s.Lo.Last(n)) {
		n--
	}
	return n
}

// Prefixes cuts the span into as few prefixes as there can be, ascending: for each its first value and how many of the
// field's lowest bits are free.
func (s Span) Prefixes(width int) iter.Seq2[Value, int] {
	return func(yield func(Value, int) bool) {
		for {
			free := s.Head(width)
			last := s.Lo.Last(free)
			if !yield(s.Lo, free) || !last.Less(s.Hi) {
				return
			}
			s.Lo = last.Next()
		}
	}
}
