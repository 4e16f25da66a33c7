package blocks

import (
	"math"
	"math/bits"
	"net/netip"
	"slices"
	"sort"
)

// num is a value of any field: an address of either family, a protocol or a port.
type num struct{ hi, lo uint64 }

func (a num) less(b num) bool { return a.hi < b.hi || a.hi == b.hi && a.lo < b.lo }

func (a num) compare(b num) int {
	switch {
	case a.less(b):
		return -1
	case b.less(a):
		return 1
	}
	return 0
}

func (a num) next() num {
	lo := a.lo + 1
	if lo == 0 {
		return num{a.hi + 1, 0}
	}
	return num{a.hi, lo}
}

func (a num) prev() num {
	if a.lo == 0 {
		return num{a.hi - 1, ^uint64(0)}
	}
	return num{a.hi, a.lo - 1}
}

// maxNum is the highest value of a field of so many bits.
func maxNum(width int) num {
	if width > 64 {
		return num{1<<(width-64) - 1, ^uint64(0)}
	}
	return num{0, ^uint64(0) >> (64 - width)}
}

// low is a with its n lowest bits set.
func (a num) low(n int) num {
	m := maxNum(n)
	if n == 0 {
		return a
	}
	return num{a.hi | m.hi, a.lo | m.lo}
}

// first is a with its n lowest bits cleared.
func (a num) first(n int) num {
	m := maxNum(n)
	if n == 0 {
		return a
	}
	return num{a.hi &^ m.hi, a.lo &^ m.lo}
}

// flip is a with bit n inverted.
func (a num) flip(n int) num {
	if n >= 64 {
		return num{a.hi ^ 1<<(n-64), a.lo}
	}
	return num{a.hi, a.lo ^ 1<<n}
}

func (a num) mix() uint64 { return mix(a.hi ^ mix(a.lo)) }

// mix is the finaliser of MurmurHash3.
func mix(h uint64) uint64 {
	h ^= h >> 33
	h *= 0xff51afd7ed558ccd
	h ^= h >> 33
	h *= 0xc4ceb9fe1a85ec53
	return h ^ h>>33
}

func addrNum(a netip.Addr) num {
	b := a.As16()
	var n num
	for i := range 8 {
		n.hi = n.hi<<8 | uint64(b[i])
		n.lo = n.lo<<8 | uint64(b[i+8])
	}
	if a.Is4() {
		return num{0, n.lo & 0xffffffff}
	}
	return n
}

// span is an inclusive range of values.
type span struct{ lo, hi num }

func (s span) single() bool { return s.lo == s.hi }

// size is how many values the span has.
func (s span) size() float64 {
	return (float64(s.hi.hi)-float64(s.lo.hi))*math.Exp2(64) + float64(s.hi.lo) - float64(s.lo.lo) + 1
}

// prefixes counts the prefixes that make up the span, which is what pipapo stores.
func (s span) prefixes(width int) int {
	n := 0
	for lo := s.lo; ; {
		size := 0
		for size < width {
			up := lo.low(size + 1)
			if lo.flip(size).less(lo) || s.hi.less(up) {
				break
			}
			size++
		}
		n++
		end := lo.low(size)
		if !end.less(s.hi) {
			return n
		}
		lo = end.next()
	}
}

// spans is a set of values: ascending, disjoint and not adjacent. nil is every value, which is why no other value may
// stand for that; an empty set is non-nil.
type spans []span

func prefixSpan(p netip.Prefix) span {
	lo := addrNum(p.Masked().Addr())
	return span{lo, lo.low(p.Addr().BitLen() - p.Bits())}
}

// normal sorts and joins spans; a set of all values of the width becomes nil.
func normal(list spans, width int) spans {
	slices.SortFunc(list, func(a, b span) int { return a.lo.compare(b.lo) })
	out := make(spans, 0, len(list))
	for _, s := range list {
		if n := len(out); n > 0 {
			last := &out[n-1]
			if !last.hi.less(s.lo) || last.hi.next() == s.lo {
				if last.hi.less(s.hi) {
					last.hi = s.hi
				}
				continue
			}
		}
		out = append(out, s)
	}
	if len(out) == 1 && out[0] == (span{num{}, maxNum(width)}) {
		return nil
	}
	return out
}

// none is the set without values.
func (s spans) none() bool { return s != nil && len(s) == 0 }

// from is the index of the first span that does not end below v.
func (s spans) from(v num) int {
	return sort.Search(len(s), func(i int) bool { return !s[i].hi.less(v) })
}

func (s spans) contains(v num) bool {
	if s == nil {
		return true
	}
	if len(s) == 1 {
		return !v.less(s[0].lo) && !s[0].hi.less(v)
	}
	i := s.from(v)
	return i < len(s) && !v.less(s[i].lo)
}

// clip is the part of s within r: nil when that is all of r.
func (s spans) clip(r span) spans {
	if s == nil {
		return nil
	}
	i := s.from(r.lo)
	j := i
	for j < len(s) && !r.hi.less(s[j].lo) {
		j++
	}
	if i == j {
		return spans{}
	}
	out := s[i:j:j]
	if !r.lo.less(out[0].lo) && !out[0].hi.less(r.hi) {
		return nil
	}
	if out[0].lo.less(r.lo) || r.hi.less(out[len(out)-1].hi) {
		out = slices.Clone(out)
		if out[0].lo.less(r.lo) {
			out[0].lo = r.lo
		}
		if last := &out[len(out)-1]; r.hi.less(last.hi) {
			last.hi = r.hi
		}
	}
	return out
}

// overlap tells whether two sets have a value in common.
func (s spans) overlap(t spans) bool {
	if s == nil {
		return !t.none()
	}
	if t == nil {
		return !s.none()
	}
	if len(s) > len(t) {
		s, t = t, s
	}
	for _, r := range s {
		if i := t.from(r.lo); i < len(t) && !r.hi.less(t[i].lo) {
			return true
		}
	}
	return false
}

// covers tells whether every value of t is in s.
func (s spans) covers(t spans) bool {
	if s == nil || t.none() {
		return true
	}
	if t == nil {
		return false
	}
	for _, r := range t {
		i := s.from(r.lo)
		if i == len(s) || r.lo.less(s[i].lo) || s[i].hi.less(r.hi) {
			return false
		}
	}
	return true
}

// and is the set of the values in both.
func (s spans) and(t spans) spans {
	if s == nil {
		return t
	}
	if t == nil {
		return s
	}
	out := spans{}
	for i, j := 0, 0; i < len(s) && j < len(t); {
		lo, hi := s[i].lo, s[i].hi
		if lo.less(t[j].lo) {
			lo = t[j].lo
		}
		if t[j].hi.less(hi) {
			hi = t[j].hi
		}
		if !hi.less(lo) {
			out = append(out, span{lo, hi})
		}
		if s[i].hi.less(t[j].hi) {
			i++
		} else {
			j++
		}
	}
	return out
}

// not is the set of the values that are not in s.
func (s spans) not(width int) spans {
	if s == nil {
		return spans{}
	}
	if len(s) == 0 {
		return nil
	}
	out := spans{}
	lo, top := num{}, maxNum(width)
	for _, r := range s {
		if lo.less(r.lo) {
			out = append(out, span{lo, r.lo.prev()})
		}
		if r.hi == top {
			return out
		}
		lo = r.hi.next()
	}
	return append(out, span{lo, top})
}

// exact tells that the set consists of single values.
func (s spans) exact() bool {
	if s == nil {
		return false
	}
	for _, r := range s {
		if !r.single() {
			return false
		}
	}
	return true
}

func (s spans) hash() uint64 {
	if s == nil {
		return 1
	}
	h := uint64(len(s)) + 2
	for _, r := range s {
		h = bits.RotateLeft64(h, 5)*0x9e3779b97f4a7c15 ^ r.lo.mix() ^ bits.RotateLeft64(r.hi.mix(), 17)
	}
	return mix(h)
}

// pick is a value of the set chosen by h.
func (s spans) pick(h uint64, width int) num {
	r := span{num{}, maxNum(width)}
	if len(s) > 0 {
		r = s[h%uint64(len(s))]
		h = mix(h)
	}
	// Uniform within the largest power of two that fits is near enough for a sample.
	size := 0
	for size < width && !r.hi.less(r.lo.plus(maxNum(size+1))) {
		size++
	}
	m := maxNum(max(size, 1))
	if size == 0 {
		m = num{}
	}
	return r.lo.plus(num{mix(h) & m.hi, h & m.lo})
}

// plus saturates.
func (a num) plus(b num) num {
	lo, carry := bits.Add64(a.lo, b.lo, 0)
	hi, over := bits.Add64(a.hi, b.hi, carry)
	if over != 0 {
		return num{^uint64(0), ^uint64(0)}
	}
	return num{hi, lo}
}
