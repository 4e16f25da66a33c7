package span

import (
	"net/netip"
	"slices"
	"sort"

	"rampart/engine/ir"
)

// Set is a set of values: spans that ascend, are disjoint and do not touch. nil is every value, which is why no other set
// may stand for that; the empty set is not nil.
type Set []Span

// Normal sorts and joins the spans of a list, which it may change; those of all values of the width become nil.
func Normal(list []Span, width int) Set {
	slices.SortFunc(list, func(a, b Span) int { return a.Lo.Compare(b.Lo) })
	out := make(Set, 0, len(list))
	for _, s := range list {
		if n := len(out); n > 0 {
			last := &out[n-1]
			if !last.Hi.Less(s.Lo) || last.Hi.Next() == s.Lo {
				if last.Hi.Less(s.Hi) {
					last.Hi = s.Hi
				}
				continue
			}
		}
		out = append(out, s)
	}
	if len(out) == 1 && out[0] == All(width) {
		return nil
	}
	return out
}

// Nets is the set of the addresses in those of the prefixes that belong to the family, told by its width.
func Nets(list []netip.Prefix, width int) Set {
	s := make([]Span, 0, len(list))
	for _, p := range list {
		if p.Addr().BitLen() == width {
			s = append(s, Prefix(p))
		}
	}
	return Normal(s, width)
}

// Ports is the set of the ports in any of the ranges.
func Ports(list []ir.PortRange) Set {
	s := make([]Span, len(list))
	for i, r := range list {
		s[i] = Span{Of(uint64(r.Min)), Of(uint64(r.Max))}
	}
	return Normal(s, 16)
}

// None is the set without values.
func (s Set) None() bool { return s != nil && len(s) == 0 }

// From is the index of the first span that does not end below v.
func (s Set) From(v Value) int {
	return sort.Search(len(s), func(i int) bool { return !s[i].Hi.Less(v) })
}

func (s Set) Contains(v Value) bool {
	if s == nil {
		return true
	}
	if len(s) == 1 {
		return !v.Less(s[0].Lo) && !s[0].Hi.Less(v)
	}
	i := s.From(v)
	return i < len(s) && !v.Less(s[i].Lo)
}

// Clip is the part of s within r: nil when that is all of r.
func (s Set) Clip(r Span) Set {
	if s == nil {
		return nil
	}
	i := s.From(r.Lo)
	j := i
	for j < len(s) && !r.Hi.Less(s[j].Lo) {
		j++
	}
	if i == j {
		return Set{}
	}
	out := s[i:j:j]
	if !r.Lo.Less(out[0].Lo) && !out[0].Hi.Less(r.Hi) {
		return nil
	}
	if out[0].Lo.Less(r.Lo) || r.Hi.Less(out[len(out)-1].Hi) {
		out = slices.Clone(out)
		if out[0].Lo.Less(r.Lo) {
			out[0].Lo = r.Lo
		}
		if last := &out[len(out)-1]; r.Hi.Less(last.Hi) {
			last.Hi = r.Hi
		}
	}
	return out
}

// Overlaps tells whether two sets have a value in common.
func (s Set) Overlaps(t Set) bool {
	if s == nil {
		return !t.None()
	}
	if t == nil {
		return !s.None()
	}
	if len(s) > len(t) {
		s, t = t, s
	}
	for _, r := range s {
		if i := t.From(r.Lo); i < len(t) && !r.Hi.Less(t[i].Lo) {
			return true
		}
	}
	return false
}

// Covers tells whether every value of t is in s.
func (s Set) Covers(t Set) bool {
	if s == nil || t.None() {
		return true
	}
	if t == nil {
		return false
	}
	for _, r := range t {
		i := s.From(r.Lo)
		if i == len(s) || r.Lo.Less(s[i].Lo) || s[i].Hi.Less(r.Hi) {
			return false
		}
	}
	return true
}

// And is the set of the values in both.
func (s Set) And(t Set) Set {
	if s == nil {
		return t
	}
	if t == nil {
		return s
	}
	out := Set{}
	for i, j := 0, 0; i < len(s) && j < len(t); {
		lo, hi := s[i].Lo, s[i].Hi
		if lo.Less(t[j].Lo) {
			lo = t[j].Lo
		}
		if t[j].Hi.Less(hi) {
			hi = t[j].Hi
		}
		if !hi.Less(lo) {
			out = append(out, Span{lo, hi})
		}
		if s[i].Hi.Less(t[j].Hi) {
			i++
		} else {
			j++
		}
	}
	return out
}

// Not is the set of the values that are Not in s.
func (s Set) Not(width int) Set {
	if s == nil {
		return Set{}
	}
	if len(s) == 0 {
		return nil
	}
	out := Set{}
	lo, top := Value{}, Max(width)
	for _, r := range s {
		if lo.Less(r.Lo) {
			out = append(out, Span{lo, r.Lo.Prev()})
		}
		if r.Hi == top {
			return out
		}
		lo = r.Hi.Next()
	}
	return append(out, Span{lo, top})
}

// Exact tells that the set consists of single values.
func (s Set) Exact() bool {
	if s == nil {
		return false
	}
	for _, r := range s {
		if !r.Single() {
			return false
		}
	}
	return true
}
