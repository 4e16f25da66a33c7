package blocks

import (
	"math/bits"
	"slices"

	"rampart/engine/ir/span"
)

// Lists of firewalls often consist of rules that are narrow in one address and wide in the other, half of them this way round and
// half that way. Wherever one address is cut, the rules that are wide in it are copied into all regions; thousands of them
// do not get fewer until the other address has been cut as well.
//
// So such a list is first parted: a map of the blocks of addresses in which narrow items lie sends packets "near" them one
// way, the others go on with the wide items alone. Near are the packets of the narrow items and few others; the list for
// them is the whole list, and is parted by the other address. Three of the four lists that result have but one kind
// of rules, and can be cut at little cost; few packets come to the fourth.

// A list is parted when at least minFar of its packets are far from the narrow items of one address at least; the second
// address needs minFarTwice. There must be minNear of narrow ones.
const (
	minFar      = 0.4
	minFarTwice = 0.25
	minNear     = 0.03
)

// nearness is how one address of the items of a list may be parted.
type nearness struct {
	bits int
	// near is how much of the packets of items are in the blocks, by item; blocks are the last addresses of the blocks.
	near   []float64
	blocks map[span.Value]bool
	// far is how many packets are in none.
	far float64
	ok  bool
}

// part parts a list, nil when that does not pay.
func (p *planner) part(n *node) *cut {
	if len(n.items) < p.costs.MinParted || n.way.parted == [2]bool{true, true} {
		return nil
	}
	opaque := 0
	for _, x := range n.items {
		if x.opaque {
			opaque++
		}
	}
	if opaque > len(n.items)/8 {
		return nil
	}
	var ends [2]nearness
	d := src
	for _, e := range []dim{src, dst} {
		if !n.way.parted[e] {
			ends[e] = p.nearness(n.items, e)
		}
		if ends[e].far > ends[d].far {
			d = e
		}
	}
	all, far := shares(n.items), ends[d].far
	if n.way.parted == [2]bool{} {
		if !ends[src].ok || !ends[dst].ok {
			return nil
		}
		far = 0
		for i, x := range n.items {
			far += x.share * (1 - ends[src].near[i]*ends[dst].near[i])
		}
		if far < minFar*all {
			return nil
		}
	} else if !ends[d].ok || far < minFarTwice*all {
		return nil
	}
	return p.cutNear(n.items, d, &ends[d])
}

// nearness chooses the blocks: as small as leaves most narrow items narrow.
func (p *planner) nearness(items []part, d dim) nearness {
	width := p.geo.width[d]
	open := make([]int, len(items)) // how many bits the smallest block around an item has
	for i, x := range items {
		open[i] = width
		if s := x.box[d]; s != nil && len(s) <= maxSpread {
			open[i] = 0
			for _, r := range s {
				open[i] = max(open[i], differ(r.Lo, r.Hi))
			}
		}
	}
	var best nearness
	top := 0.0
	for _, b := range p.masks(d) {
		m := nearness{bits: b, blocks: map[span.Value]bool{}}
		narrow := 0.0
		for i, x := range items {
			if open[i] > width-b {
				continue
			}
			narrow++
			for _, r := range x.box[d] {
				m.blocks[r.Lo.Last(width-b)] = true
			}
		}
		if narrow < minNear*float64(len(items)) || len(m.blocks) > maxBlocks {
			continue
		}
		size := span.Max(width - b)
		covered := float64(len(m.blocks)) * span.Span{Hi: size}.Size() / span.All(width).Size()
		score := narrow * (1 - covered)
		if score <= top*1.02 {
			continue
		}
		top = score
		m.near = make([]float64, len(items))
		for i, x := range items {
			m.near[i] = covered
			if open[i] <= width-b {
				m.near[i] = 1
			}
			m.far += x.share * (1 - m.near[i])
		}
		m.ok = true
		best = m
	}
	return best
}

// differ is how many of the lowest bits hold all in which two values differ.
func differ(a, b span.Value) int {
	if a.Hi != b.Hi {
		return 64 + bits.Len64(a.Hi^b.Hi)
	}
	return bits.Len64(a.Lo ^ b.Lo)
}

func (p *planner) cutNear(items []part, d dim, m *nearness) *cut {
	open := p.geo.width[d] - m.bits
	c := &cut{d: d, single: true, bits: m.bits, parts: true}
	r := region{}
	for end := range m.blocks {
		r.ranges = append(r.ranges, end.Block(open))
	}
	slices.SortFunc(r.ranges, func(a, b span.Span) int { return a.Lo.Compare(b.Lo) })
	rest := &node{}
	for i, x := range items {
		r.items = append(r.items, part{x.item, x.share * m.near[i]})
		if m.near[i] < 1 {
			rest.items = append(rest.items, part{x.item, x.share * (1 - m.near[i])})
		}
	}
	c.regions, c.rest = []region{r}, rest
	return c
}
