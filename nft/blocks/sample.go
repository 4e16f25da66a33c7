package blocks

import (
	"cmp"
	"slices"
)

// point is one packet.
type point [dims]num

// sampleSize is how many packets stand for the traffic of a list, and localSize for that of a region.
const (
	sampleSize = 128
	localSize  = 6
)

// sample draws one packet from each of at most n items. Which items and which packets depends on the items alone, so a
// small change of the list changes few of them.
func (p *planner) sample(items []*item, n int) []point {
	chosen := items
	if len(items) > n {
		chosen = slices.Clone(items)
		slices.SortFunc(chosen, func(a, b *item) int { return cmp.Compare(mix(a.hash), mix(b.hash)) })
		chosen = chosen[:n]
	}
	out := make([]point, len(chosen))
	for i, x := range chosen {
		out[i] = p.inside(x)
	}
	return out
}

// inside is a packet in the item's box.
func (p *planner) inside(x *item) point {
	var pt point
	h := mix(x.hash + 0x9e3779b97f4a7c15)
	for d := range dims {
		pt[d] = x.box[d].pick(h, p.geo.width[d])
		h = mix(h + uint64(d) + 1)
	}
	return pt
}
