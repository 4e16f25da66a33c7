package blocks

import (
	"slices"

	"rampart/engine/ir/span"
)

// slices divides one dimension at every border of an item, so that each slice is covered by whole items. It is meant
// for ports and protocols, whose borders are few.

// slice is a range of values with the items that cover it.
type slice struct {
	ranges span.Set
	mark   uint64
	count  int
	items  []part
}

// slicesOf divides a dimension; equal slices are one. wild items are in every slice but not listed, and values that
// have only those are in no slice. total counts the listed items; the result is nil when they exceed limit.
func slicesOf(items []part, d dim, limit int) (out []*slice, total int) {
	var borders []span.Value // where something begins or has ended
	for _, x := range items {
		for _, s := range x.box[d] {
			borders = append(borders, s.Lo)
			if end := s.Hi.Next(); end != (span.Value{}) {
				borders = append(borders, end)
			}
		}
	}
	slices.SortFunc(borders, span.Value.Compare)
	borders = slices.Compact(borders)
	at := func(v span.Value) int {
		i, _ := slices.BinarySearchFunc(borders, v, span.Value.Compare)
		return i
	}
	between := func(s span.Span) (from, to int) {
		if end := s.Hi.Next(); end != (span.Value{}) {
			return at(s.Lo), at(end)
		}
		return at(s.Lo), len(borders)
	}
	// What comes and goes at each border, then what is there from it on.
	here := make([]slice, len(borders)+1)
	for _, x := range items {
		mark := mix(x.hash)
		for _, s := range x.box[d] {
			from, to := between(s)
			here[from].mark ^= mark
			here[from].count++
			here[to].mark ^= mark
			here[to].count--
		}
	}
	byMark := map[uint64]*slice{}
	var firsts []int // the borders where slices that have not been seen before begin
	for i := range borders {
		h := &here[i]
		if i > 0 {
			h.mark ^= here[i-1].mark
			h.count += here[i-1].count
		}
		if h.count == 0 {
			continue
		}
		r := span.Span{Lo: borders[i], Hi: span.Max(128)}
		if i+1 < len(borders) {
			r.Hi = borders[i+1].Prev()
		}
		s := byMark[h.mark]
		if s == nil {
			if total += h.count; total > limit {
				return nil, total
			}
			s = h
			byMark[s.mark] = s
			firsts = append(firsts, i)
			out = append(out, s)
		}
		s.ranges = append(s.ranges, r)
	}
	for _, s := range out {
		s.items = make([]part, 0, s.count)
	}
	for _, x := range items {
		for _, s := range x.box[d] {
			from, to := between(s)
			i, _ := slices.BinarySearch(firsts, from)
			for ; i < len(firsts) && firsts[i] < to; i++ {
				out[i].items = append(out[i].items, x)
			}
		}
	}
	return out, total
}
