package blocks

import (
	"math/rand/v2"
	"testing"

	"rampart/engine/ir/span"
)

// Wherever two boxes of different entries overlap, the earlier one is asked first: in an earlier map, or in the same block
// of the same map.
func TestLevelsKeepTheOrder(t *testing.T) {
	for seed := range uint64(20) {
		rng := rand.New(rand.NewPCG(seed, 3))
		var m packing
		for i := range 1500 {
			var b box
			for range 2 {
				lo := uint64(rng.IntN(60000))
				hi := lo
				if rng.IntN(3) == 0 {
					hi += uint64(rng.IntN(5000))
				}
				b.first, b.last = append(b.first, span.Of(lo)), append(b.last, span.Of(hi))
			}
			m.insert(b, i)
		}
		levels, disjoint := m.levels(16)
		type place struct{ level, from, to int }
		at := map[int]place{}
		boxes := map[int][]box{}
		total := 0
		for l, level := range levels {
			used := 0
			for _, b := range level {
				n := prefixes(b.first[1], b.last[1], 16)
				p := place{l, used, used + n - 1}
				for order, others := range boxes {
					for _, o := range others {
						if !o.overlaps(b.box) || order == b.order {
							continue
						}
						if disjoint {
							t.Fatalf("seed %d: boxes that overlap are called disjoint", seed)
						}
						q := at[order]
						first, second := q, p
						if b.order < order {
							first, second = p, q
						}
						if first.level > second.level || first.level == second.level &&
							(first.from > second.from || first.from/pipapoBlock != second.to/pipapoBlock) {
							t.Fatalf("seed %d: entries %d at %v and %d at %v overlap", seed, order, q, b.order, p)
						}
					}
				}
				used += n
				total++
				if len(boxes[b.order]) == 0 {
					at[b.order] = p
					boxes[b.order] = append(boxes[b.order], b.box)
				}
			}
		}
		if total != len(m.in) || len(levels) < 2 {
			t.Fatalf("seed %d: %d of %d boxes in %d levels", seed, total, len(m.in), len(levels))
		}
	}
}

func TestDisjointBoxesShareOneMap(t *testing.T) {
	var m packing
	for i := range uint64(2000) {
		m.insert(box{[]span.Value{span.Of(i), span.Of(80)}, []span.Value{span.Of(i), span.Of(90)}}, int(i))
	}
	if levels, disjoint := m.levels(16); len(levels) != 1 || !disjoint {
		t.Fatalf("%d levels, disjoint %v", len(levels), disjoint)
	}
}
