package blocks

import (
	"slices"
)

// node is a decision about a list: to look through it, or to cut it.
type node struct {
	items  []*item
	points []point
	cut    *cut
	// ns is what a packet that comes here is expected to cost, price what the memory is worth.
	ns, price float64
	// cuts is how often each dimension was cut on the way here.
	cuts [dims]int
}

// decides tells that every packet that comes here is decided by the first item.
func (n *node) decides() bool { return len(n.items) > 0 && n.items[0].everything() }

// worth is what the node costs the average packet of the list.
func (n *node) worth(weight float64) float64 { return weight*n.ns + n.price }

// nodeKey names a list.
type nodeKey struct {
	items   uint64
	n, cuts int
}

func keyOf(items []*item, cuts [dims]int) nodeKey {
	k := nodeKey{n: len(items)}
	for _, n := range cuts {
		k.cuts += n
	}
	for _, x := range items {
		k.items = mix(k.items*31 + x.hash)
	}
	return k
}

// widths is how many cuts are tried out in full, rather than by their estimate, for the list and for its regions.
var widths = [...]int{5, 2}

// decide finds the best way to look through items. weight is the share of the packets that come here, depth how many
// cuts led here.
func (p *planner) decide(items []*item, points []point, weight float64, cuts [dims]int, depth int) *node {
	items = prune(items)
	key := keyOf(items, cuts)
	if n := p.nodes[key]; n != nil {
		return n
	}
	n := p.leafNode(items, points)
	n.cuts = cuts
	p.nodes[key] = n
	if len(items) < 2 || n.decides() || len(points) == 0 || n.ns <= p.costs.Cut {
		return n
	}
	best := n.worth(weight)
	if e := elements(items); e > p.costs.MaxMap {
		best += weight * float64(e) / 4
	}
	width := 1
	if depth < len(widths) && weight*n.ns > p.costs.Cut/4 && len(items) > 64 {
		width = widths[depth]
	}
	chosen := n
	for _, c := range distinct(p.candidates(items, points, weight, cuts), width) {
		// What a cut is worth shows only when its regions have been cut as well.
		if width == 1 && c.estimate >= best || c.estimate > best*8 {
			break
		}
		m := &node{items: items, points: points, cuts: cuts}
		p.complete(m, c.make(), weight, depth)
		if w := m.worth(weight); w < best {
			best, chosen = w, m
		}
	}
	p.nodes[key] = chosen
	return chosen
}

func (p *planner) leafNode(items []*item, points []point) *node {
	n := &node{items: items, points: points}
	if n.decides() || len(items) == 0 {
		return n
	}
	n.price = p.room(float64(elements(items)), formOf(items)) + p.price*float64(len(items))
	if len(points) > 0 {
		n.ns = p.average(points, func(pt *point) float64 { return p.leaf(p.census(items, pt)) })
	}
	return n
}

// complete decides about the regions of a cut, and how good it is then.
func (p *planner) complete(n *node, c *cut, weight float64, depth int) {
	n.cut = c
	cuts := n.cuts
	cuts[c.d]++
	if c.byProto {
		cuts[proto]++
	}
	all, wild := len(n.items), len(c.rest.items)
	bound := 0
	for i := range c.regions {
		bound += len(c.regions[i].list) - wild
	}
	bound = max(bound, 1)
	seen := map[*node]bool{}
	for i := range c.regions {
		r := &c.regions[i]
		share := float64(all-wild) / float64(all) * float64(max(0, len(r.list)-wild)) / float64(bound)
		if c.byProto {
			// A region without items of its own still has packets: those of the wild items of its protocols.
			share = float64(len(r.list)) / float64(max(1, c.total()))
		}
		r.node = p.decide(r.list, p.within(c.d, r, n.points), weight*share, cuts, depth+1)
		n.ns += share * r.node.ns
		if !seen[r.node] {
			seen[r.node] = true
			n.price += r.node.price
		}
		c.elements += len(r.ranges) * max(1, len(r.protos))
	}
	share := float64(wild) / float64(all)
	points := p.sample(c.rest.items, sampleSize)
	c.rest = p.decide(c.rest.items, points, weight*share, n.cuts, depth+1)
	n.ns += share*c.rest.ns + p.dispatch(c.d, float64(c.elements), c.hash, 0)
	n.price += c.rest.price + p.costs.Byte*float64(c.elements)*100
}

func (c *cut) total() int {
	n := 0
	for i := range c.regions {
		n += len(c.regions[i].list)
	}
	return n
}

// within are the sample packets of a region, with local ones where there are too few.
func (p *planner) within(d dim, r *region, points []point) []point {
	var out []point
	for i := range points {
		if pt := &points[i]; r.ranges.contains(pt[d]) && r.protos.contains(pt[proto]) {
			out = append(out, *pt)
		}
	}
	if len(out) < localSize {
		out = append(out, p.sample(r.list, localSize-len(out))...)
	}
	return out
}

func (p *planner) average(points []point, f func(*point) float64) float64 {
	sum := 0.0
	for i := range points {
		sum += f(&points[i])
	}
	return sum / float64(len(points))
}

func elements(items []*item) int {
	n := 0
	for _, x := range items {
		n = min(maxElements, n+x.elements)
	}
	return n
}

// prune leaves out items that earlier ones leave nothing of. Among many items only the obvious cases are found.
func prune(items []*item) []*item {
	out := make([]*item, 0, len(items))
	seen := make(map[uint64]bool, len(items))
	var broad []*item
next:
	for _, x := range items {
		if seen[x.shape] {
			continue
		}
		for _, y := range broad {
			if y.bound&^x.bound == 0 && y.covers(x) {
				continue next
			}
		}
		out = append(out, x)
		if x.opaque {
			continue
		}
		if x.everything() {
			break
		}
		seen[x.shape] = true
		if len(items) <= 256 || len(broad) < 64 && free(x) >= 3 {
			broad = append(broad, x)
		}
	}
	return slices.Clip(out)
}

// free is how many dimensions the item leaves open.
func free(x *item) int {
	n := 0
	for _, s := range x.box {
		if s == nil {
			n++
		}
	}
	return n
}
