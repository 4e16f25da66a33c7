package blocks

import "rampart/engine/ir/span"

// pipapoBlock is how many places of the last field a pipapo look-up with AVX2 looks at together. Of several elements that
// match, the first inserted wins only when their places are in one such block; else a later one may win (measured on Linux
// 6.18; nft_set_pipapo_avx2.c). A range of the last field takes a place for each prefix it consists of.
const pipapoBlock = 256

// levels divides boxes among maps that are asked one after another, so that wherever two boxes of different entries
// overlap, the earlier is in an earlier map or in the same block of the same map. width is the last field's, in bits.
// disjoint tells that no two boxes overlap at all, so that their order means nothing.
func (m *packing) levels(width int) (out [][]ordered, disjoint bool) {
	places := make([]int, len(m.in))
	for i, b := range m.in {
		last := len(b.last) - 1
		places[i] = prefixes(b.first[last], b.last[last], width)
	}
	var used []int // places taken in each level
	disjoint = true
	at := make([]struct{ level, block int }, len(m.in))
	earlier := byFirst{exact: map[span.Value][]int{}}
	for i, b := range m.in {
		level := 0
		var in []int // of the overlapping boxes, those in that level
		for j := range earlier.overlapping(m.in, b.box) {
			disjoint = false
			switch o := at[j]; {
			case m.in[j].order == b.order || o.level < level:
			case o.level > level:
				level, in = o.level, append(in[:0], j)
			default:
				in = append(in, j)
			}
		}
		if level < len(out) {
			block := blockOf(used[level], places[i])
			for _, j := range in {
				if block < 0 || at[j].block != block {
					level++
					break
				}
			}
		}
		if level == len(out) {
			out, used = append(out, nil), append(used, 0)
		}
		at[i].level, at[i].block = level, blockOf(used[level], places[i])
		out[level] = append(out[level], b)
		used[level] += places[i]
		earlier.add(b.box, i)
	}
	return out, disjoint
}

// prefixes counts the prefixes that a range consists of.
func prefixes(lo, hi span.Value, width int) (n int) {
	for range (span.Span{Lo: lo, Hi: hi}).Prefixes(width) {
		n++
	}
	return n
}

// blockOf is the block in which n places from the given one on lie, -1 when they lie in several.
func blockOf(from, n int) int {
	if from/pipapoBlock != (from+n-1)/pipapoBlock {
		return -1
	}
	return from / pipapoBlock
}

// byFirst finds boxes that overlap another: those with a single value in the first field by that value.
type byFirst struct {
	exact map[span.Value][]int
	wide  []int
	all   []int
}

func (f *byFirst) add(b box, i int) {
	f.all = append(f.all, i)
	if b.first[0] == b.last[0] {
		f.exact[b.first[0]] = append(f.exact[b.first[0]], i)
	} else {
		f.wide = append(f.wide, i)
	}
}

// overlapping yields the boxes that have a packet in common with b.
func (f *byFirst) overlapping(in []ordered, b box) func(yield func(int) bool) {
	lists := [][]int{f.all}
	if b.first[0] == b.last[0] {
		lists = [][]int{f.exact[b.first[0]], f.wide}
	}
	return func(yield func(int) bool) {
		for _, list := range lists {
			for _, i := range list {
				if in[i].overlaps(b) && !yield(i) {
					return
				}
			}
		}
	}
}

// overlaps tells that the boxes have a packet in common.
func (b box) overlaps(o box) bool {
	for i := range b.first {
		if b.last[i].Less(o.first[i]) || o.last[i].Less(b.first[i]) {
			return false
		}
	}
	return true
}
