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

// border is where an item begins (at) or has ended.
type border struct {
	at  span.Value
	in  bool
	who part
}

// slicesOf divides a dimension; equal slices are one. wild items are in every slice but not listed, and values that
// have only those are in no slice. total counts the listed items; the result is nil when they exceed limit.
func slicesOf(items []part, d dim, limit int) (out []*slice, total int) {
	var borders []border
	for _, x := range items {
		for _, s := range x.box[d] {
			borders = append(borders, border{s.Lo, true, x})
			if end := s.Hi.Next(); end != (span.Value{}) {
				borders = append(borders, border{end, false, x})
			}
		}
	}
	slices.SortFunc(borders, func(a, b border) int { return a.at.Compare(b.at) })
	byMark := map[uint64]*slice{}
	mark, count := uint64(0), 0
	open := map[*item]part{}
	for i := 0; i < len(borders); {
		at := borders[i].at
		for ; i < len(borders) && borders[i].at == at; i++ {
			b := borders[i]
			mark ^= mix(b.who.hash)
			if b.in {
				open[b.who.item] = b.who
				count++
			} else {
				delete(open, b.who.item)
				count--
			}
		}
		if count == 0 {
			continue
		}
		r := span.Span{Lo: at, Hi: span.Max(128)}
		if i < len(borders) {
			r.Hi = borders[i].at.Prev()
		}
		s := byMark[mark]
		if s == nil {
			if total += count; total > limit {
				return nil, total
			}
			s = &slice{mark: mark, count: count, items: make([]part, 0, count)}
			for _, x := range open {
				s.items = append(s.items, x)
			}
			byMark[mark] = s
			out = append(out, s)
		}
		s.ranges = append(s.ranges, r)
	}
	for _, s := range out {
		slices.SortFunc(s.items, func(a, b part) int { return byOrder(a.item, b.item) })
	}
	return out, total
}
