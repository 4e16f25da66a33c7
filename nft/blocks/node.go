package blocks

import (
	"math"
	"slices"
)

// node is a decision about a list: to look through it, or to cut it.
type node struct {
	items  []part
	points []point
	cut    *cut
	// form is how the list is looked through when it is not cut.
	form form
	// ns is what a packet that comes here is expected to cost, price what the memory is worth.
	ns, price float64
	// way are the cuts that led here.
	way way
	// depth is how many cuts led here, key what the decision is remembered by.
	depth int
	key   nodeKey
	// volatile nodes are cut by members, or a node below them is: what they say depends on the members of sets.
	volatile bool
}

// decides tells that every packet that comes here is decided by the first item.
func (n *node) decides() bool { return len(n.items) > 0 && n.items[0].everything() }

// worth is what the node costs the average packet of the list.
func (n *node) worth(weight float64) float64 { return weight*n.ns + n.price }

// way says how often each dimension was cut, whether packets near the narrow items of an address have been parted from the
// others, and how often the narrow ones were looked up first. inner tells that the list is one of these: a packet comes back
// from it undecided.
type way struct {
	cuts   [dims]int
	parted [2]bool
	narrow int
	inner  bool
}

func (w *way) len() int {
	sum := 0
	for _, n := range w.cuts {
		sum += n
	}
	return sum
}

// nodeKey names a list.
type nodeKey struct {
	items           uint64
	n, cuts, narrow int
	parted          [2]bool
	inner           bool
}

func keyOf(items []part, w way) nodeKey {
	k := nodeKey{n: len(items), cuts: w.len(), narrow: w.narrow, parted: w.parted, inner: w.inner}
	for _, x := range items {
		k.items = mix(k.items*31 + x.hash)
	}
	return k
}

// widths is how many kinds of cuts are tried out, rather than judged by their estimate, for the list and for its regions;
// trialRegions is how many regions of each such cut are looked at.
var widths = [...]int{4, 2}

const trialRegions = 6

// decide finds the best way to look through items. depth is how many cuts led here.
func (p *planner) decide(items []part, points []point, w way, depth int) *node {
	weight := shares(items) / p.total // of all packets, those that come here
	items = prune(items)
	key := keyOf(items, w)
	if n := p.nodes[key]; n != nil {
		p.nodes[key] = p.refresh(n)
		return p.nodes[key]
	}
	n := p.leafNode(items, points, weight, w)
	n.way, n.key = w, key
	p.nodes[key] = n
	if len(items) < 2 || n.decides() || len(points) == 0 || n.ns <= p.costs.Cut {
		return n
	}
	k := p.narrow(n)
	if k == nil {
		k = p.part(n)
	}
	if k != nil {
		m := &node{items: n.items, points: n.points, way: n.way, key: n.key}
		p.complete(m, k, weight, depth-1) // what is left is to be cut with the same care
		p.nodes[key] = m
		return m
	}
	best := n.worth(weight)
	if e := elements(items); e > p.costs.MaxMap {
		best += weight * float64(e) / 4
	}
	if m := p.divide(n, weight, best, depth); m != nil && (m.cut.members || m.worth(weight) < best) {
		p.nodes[key] = m
		if m.volatile && p.fresh != nil {
			p.fresh[m] = m
		}
		return m
	}
	return n
}

// divide returns the node with its best cut, nil when none promises to be better than the bound.
func (p *planner) divide(n *node, weight, bound float64, depth int) *node {
	list := p.candidates(n.items, n.points, weight, n.way)
	width := 1
	if depth < len(widths) && !p.quick && weight*n.ns > p.costs.Cut/2 && len(n.items) > 64 {
		width = widths[depth]
	}
	list = distinct(list, width)
	if len(list) == 0 || width == 1 && list[0].estimate >= bound {
		return nil
	}
	var chosen *cut
	if len(list) == 1 {
		chosen = list[0].make()
	} else {
		// What a cut is worth shows only when its regions have been cut as well.
		best := math.Inf(1)
		for _, c := range list {
			if c.members {
				if c.estimate < best {
					best, chosen = c.estimate, c.make()
				}
				continue
			}
			k := c.make()
			if w := p.try(n, k, weight, depth); w < best {
				best, chosen = w, k
			}
		}
	}
	if chosen == nil || len(chosen.regions) == 0 && !chosen.members {
		return nil // it promised regions that there are not
	}
	m := &node{items: n.items, points: n.points, way: n.way, key: n.key}
	p.complete(m, chosen, weight, depth)
	return m
}

// try judges a cut by some of its regions.
func (p *planner) try(n *node, c *cut, weight float64, depth int) float64 {
	k := min(trialRegions, len(c.regions))
	if c.bits > 0 {
		k = min(8*trialRegions, len(c.regions)) // many, small, and of different sizes
	}
	sum, ns, price := 0.0, 0.0, 0.0
	for i := range k {
		r := &c.regions[(2*i+1)*len(c.regions)/(2*k)]
		m := p.decide(r.list(), p.local(c.d, r, n.points), c.below(n.way), depth+1)
		share := shares(r.list())
		sum += share
		ns += share * m.ns
		price += m.price
	}
	all, rest := shares(n.items), shares(c.rest.items)
	r := p.decide(c.rest.items, p.sample(c.rest.items, sampleSize), c.beside(n.way), depth+1)
	find, _, bytes := p.find(c, weight)
	ns = find + ns/max(sum, 1e-9)*(1-rest/all) + r.ns*rest/all
	return weight*ns + price*float64(len(c.regions))/float64(k) + r.price + p.costs.Byte*bytes
}

// below is the way to the regions of a cut, beside that to the packets of no region.
func (c *cut) below(w way) way {
	switch {
	case c.parts:
		w.parted[c.d] = true
		return w
	case c.byProto:
		w.cuts[proto]++
	case c.back:
		w.inner = true
		if c.dstBits > 0 {
			w.cuts[dst]++
		}
	}
	w.cuts[c.d]++
	return w
}

func (c *cut) beside(w way) way {
	switch {
	case c.parts:
		w.parted[c.d] = true
	case c.back:
		w.narrow++
	}
	return w
}

// find is what finding a region costs, how it is done, and the bytes of the map.
func (p *planner) find(c *cut, weight float64) (ns float64, by finder, bytes float64) {
	n, protos := 0, 0
	for i := range c.regions {
		n += len(c.regions[i].ranges) * max(1, len(c.regions[i].protos))
	}
	if c.byProto {
		protos = 3
	}
	ns, by = p.dispatch(c.d, float64(n), c.single, protos, weight)
	bytes = mapBytes + elementBytes*float64(n)
	if by == byBoxes {
		bytes += p.table(1<<c.d|1<<proto, float64(n))
	}
	return ns, by, bytes
}

func (p *planner) leafNode(items []part, points []point, weight float64, w way) *node {
	n := &node{items: items, points: points}
	if n.decides() || len(items) == 0 {
		return n
	}
	n.ns, n.price = p.costs.Chain, p.costs.Byte*(chainBytes+ruleBytes*float64(len(items)))
	if len(points) == 0 {
		return n
	}
	if len(items) > manyItems {
		points = points[:min(len(points), estimateSize/2)]
	}
	var plain, lookup price
	mapped := !w.inner || unmixed(items)
	for i := range points {
		c := p.census(items, &points[i])
		x := p.plain(c, c.tried)
		plain.ns += x.ns + c.opaque*p.costs.Set
		plain.bytes += x.bytes
		if c.items-c.opaques < p.costs.MinMap || !mapped {
			lookup.ns = math.Inf(1)
			continue
		}
		m, form := p.lookup(c, weight)
		if c.opaques > 0 {
			m.ns = m.ns*(1+min(float64(c.opaques), 3)/2) + c.opaque*(p.costs.Rule+p.costs.Set)
			m.bytes += ruleBytes * float64(c.opaques)
		}
		lookup.ns += m.ns
		lookup.bytes += m.bytes
		n.form = form
	}
	k := 1 / float64(len(points))
	best := price{plain.ns * k, plain.bytes * k}
	if m := (price{lookup.ns * k, lookup.bytes * k}); p.worth(weight, m) < p.worth(weight, best) {
		best = m
	} else {
		n.form = plainRules
	}
	n.ns, n.price = best.ns, p.costs.Byte*(best.bytes+chainBytes)
	return n
}

// unmixed tells that all items ask for ports or none does. A packet without ports would miss those that do not in a map of
// both, and could not be kept from being decided by a rule that comes after it has gone back.
func unmixed(items []part) bool {
	for _, x := range items {
		if x.portless() != items[0].portless() {
			return false
		}
	}
	return true
}

// complete decides about the regions of a cut, and how good it is then.
func (p *planner) complete(n *node, c *cut, weight float64, depth int) {
	n.cut, n.depth = c, depth
	if c.members {
		p.completeMembers(n, c)
		return
	}
	all := shares(n.items)
	seen := map[*node]bool{}
	for i := range c.regions {
		r := &c.regions[i]
		r.node = p.decide(r.list(), p.local(c.d, r, n.points), c.below(n.way), depth+1)
		n.volatile = n.volatile || r.node.volatile
		n.ns += shares(r.list()) / all * r.node.ns
		if !seen[r.node] {
			seen[r.node] = true
			n.price += r.node.price
		}
	}
	rest := c.rest.items
	c.rest = p.decide(rest, p.sample(rest, sampleSize), c.beside(n.way), depth+1)
	n.volatile = n.volatile || c.rest.volatile
	find, by, bytes := p.find(c, weight)
	c.by = by
	n.ns += shares(rest)/all*c.rest.ns + find
	n.price += c.rest.price + p.costs.Byte*bytes
}

// completeMembers decides about the classes of a cut by members. What it costs is what was estimated: the rest of the plan
// is not to depend on the members.
func (p *planner) completeMembers(n *node, c *cut) {
	n.volatile = true
	n.ns, n.price = c.price.ns, p.costs.Byte*c.price.bytes
	p.decideClasses(n, c)
	rest := c.rest.items
	c.rest = p.decide(rest, p.sample(rest, sampleSize), c.beside(n.way), n.depth+1)
}

func (p *planner) average(points []point, f func(*point) float64) float64 {
	sum := 0.0
	for i := range points {
		sum += f(&points[i])
	}
	return sum / float64(len(points))
}

func elements(items []part) int {
	n := 0
	for _, x := range items {
		n = min(maxElements, n+x.elements)
	}
	return n
}

// prune leaves out items that earlier ones leave nothing of. Among many items only the obvious cases are found.
func prune(items []part) []part {
	out := make([]part, 0, len(items))
	seen := make(map[uint64]bool, len(items))
	var broad []*item
next:
	for _, x := range items {
		if seen[x.shape] {
			continue
		}
		for _, y := range broad {
			if y.bound&^x.bound == 0 && y.covers(x.item) {
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
		if len(items) <= 256 || len(broad) < 64 && free(x.item) >= 3 {
			broad = append(broad, x.item)
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
