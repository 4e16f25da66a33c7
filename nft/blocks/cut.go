package blocks

import (
	"cmp"
	"slices"

	"rampart/engine/ir"
	"rampart/engine/ir/span"
	"rampart/nft/ruleset"
)

// A cut divides a list by one dimension, or by an address and the protocol together. Each region has a list of its own;
// what does not look at the dimension is in all of them, and is the list of the packets that are in no region.
type cut struct {
	d       dim
	regions []region
	rest    *node
	// single tells that the regions are single values, byProto that they differ by protocol as well.
	single, byProto bool
	by              finder
	// bits is how many bits of an address tell the regions apart, when these are blocks of one size; else 0.
	bits int
	// dstBits is how many bits of the destination do so beside bits of the source, when the regions are pairs of blocks.
	dstBits int
	// back tells that a packet that its region has not decided goes on with rest: see narrow.
	back bool
	// parts tells that the only region are the packets in any of these blocks: see part.
	parts bool
	// members tells that the regions are the classes of the roster; when these are of single addresses they are not listed
	// in regions. asking are then the items that ask for sets, by the first of these, and others those that do not.
	members bool
	roster  *roster
	asking  map[ir.SetID][]asker
	others  []part
	price   price
	// known are the decisions about classes by their mark, and says what a map says for those that decide. Both are only
	// ever added to: a mark means the same list for good.
	known map[uint64]*node
	says  map[uint64]ruleset.Element
	// joint are the fields that all items ask for besides, when these are asked for together with the address: see joint.
	joint []dim
	// decided are the elements of the addresses of a class, without the address, by its mark, when there are joint fields.
	decided map[uint64][]ruleset.Element
	// set is the last map made; whole tells that it has an element for each entry.
	set   *ruleset.Set
	whole bool
}

// region is a part of the packets: those whose field is in ranges and, in a cut by protocol, whose protocol is in protos, in
// one by pairs of blocks, whose destination is in dsts.
type region struct {
	ranges, protos, dsts span.Set
	class                *class
	build                func(*region) []part
	items                []part // the items restricted to the region, once somebody has asked for them
	node                 *node
}

// list is what of the cut list reaches into the region.
func (r *region) list() []part {
	if r.build != nil {
		r.items, r.build = r.build(r), nil
	}
	return r.items
}

// Bounds of a cut. A map of more than maxRegions elements is slow itself. Copies of items multiply at each level, so a
// cut may multiply them by maxCopies at most.
const (
	maxRegions = 2048
	maxCopies  = 48
	// maxCuts is how many maps lead to a chain, maxSame how many of them by one dimension.
	maxCuts, maxSame = 6, 2
)

// candidate is a cut that has been estimated but not made.
type candidate struct {
	d dim
	// byProto, members and masked tell cuts of one dimension apart.
	byProto, members, masked bool
	estimate                 float64
	make                     func() *cut
}

// candidates estimates the cuts of a list, the best first. They are judged as if their regions were not cut further.
func (p *planner) candidates(items []part, points []point, weight float64, w way) []candidate {
	var out []candidate
	if w.len() >= maxCuts {
		return nil
	}
	f := outlineOf(items)
	e := &estimator{p: p, items: items, form: f, points: points[:min(len(points), estimateSize)], weight: weight}
	for _, d := range []dim{src, dst} {
		if w.cuts[d] < maxSame {
			out = e.members(out, d)
		}
	}
	for d := range dims {
		switch {
		case w.cuts[d] >= maxSame || f.any&(1<<d) == 0:
		case d == src || d == dst:
			out = e.tries(out, d)
		default:
			out = e.slices(out, d)
		}
	}
	slices.SortStableFunc(out, func(a, b candidate) int { return cmp.Compare(a.estimate, b.estimate) })
	return out
}

// estimateSize is how many packets of the sample an estimate looks at; fewItems how few items are surely plain rules.
const (
	estimateSize = 32
	fewItems     = 8
	manyItems    = 4000 // lists that are sure to be cut
)

// distinct are the best candidates of each kind.
func distinct(list []candidate, n int) []candidate {
	var out []candidate
	for _, c := range list {
		if len(out) == n {
			break
		}
		if !slices.ContainsFunc(out, func(o candidate) bool {
			return o.d == c.d && o.byProto == c.byProto && o.members == c.members && o.masked == c.masked
		}) {
			out = append(out, c)
		}
	}
	return out
}

type estimator struct {
	p      *planner
	items  []part
	form   outline
	points []point
	weight float64
}

// protocols are the protocols that items tell apart, and the gaps between them.
func (e *estimator) protocols() []span.Set {
	if e.form.any&(1<<proto) == 0 {
		return nil
	}
	var bound []part
	for _, x := range e.items {
		if x.box[proto] != nil {
			bound = append(bound, x)
		}
	}
	list, _ := slicesOf(bound, proto, maxElements)
	if len(list) == 0 || len(list) > 6 {
		return nil
	}
	var out []span.Set
	var all span.Set
	for _, s := range list {
		out = append(out, s.ranges)
		all = append(all, s.ranges...)
	}
	if gap := span.Normal(all, 8).Not(8); !gap.None() && len(bound) < len(e.items) {
		out = append(out, gap)
	}
	return out
}

// tries estimates the cuts of an address by how many partial items a region may keep, with and without the protocol.
func (e *estimator) tries(out []candidate, d dim) []candidate {
	p := e.p
	root, wild := p.newTrie(e.items, d)
	if root.kids == nil {
		return out
	}
	var limits []int
	for limit := minPartial; limit < len(root.partial); limit = limit * 5 / 2 {
		limits = append(limits, limit)
	}
	protos := e.protocols()
	wilds := make([]census, len(e.points))
	plain, byProto := make([]float64, len(limits)), make([]float64, len(limits))
	extents := e.extents(root, d, wild, limits, len(protos))
	for i := range e.points {
		pt := &e.points[i]
		path := root.lookup(pt[d])
		stopped := len(limits) // limits not yet reached, from the largest down
		stop := func(n *trie, counted func(*trie) (plain, byProto float64)) {
			for stopped > 0 && n.stop(limits[stopped-1]) {
				stopped--
				x, y := counted(n)
				plain[stopped] += x
				byProto[stopped] += y
			}
		}
		all, same := census{exact: true}, census{exact: true}
		add := func(c, s *census, x part, settled uint8) {
			c.add(x.item, pt, settled)
			if protos != nil && x.box[proto].Contains(pt[proto]) {
				s.add(x.item, pt, settled|1<<proto)
			}
		}
		for _, x := range wild {
			add(&all, &same, x, 0)
		}
		wilds[i] = all
		for _, n := range path {
			for _, x := range n.cover {
				add(&all, &same, x, 1<<d)
			}
			stop(n, func(n *trie) (float64, float64) {
				weight := e.weight / float64(max(1, extents[stopped].regions))
				if items := n.covers + len(n.partial); items <= fewItems {
					x := p.costs.Chain + 0.6*p.costs.Rule*float64(items)
					return x, x
				}
				c, s := all, same
				for _, x := range n.partial {
					add(&c, &s, x, 0)
				}
				return p.leaf(&c, 0.6, weight).ns, p.leaf(&s, 0.6, weight).ns
			})
		}
	}
	out = e.masked(out, root, d, wild, wilds)
	for i, limit := range limits {
		x := &extents[i]
		budget := maxCopies*len(e.items) + 256
		try := func(elements, size int, cost, room float64, protos []span.Set) {
			if elements == 0 || elements > maxRegions || size > budget {
				return
			}
			find, _ := p.dispatch(d, float64(elements), false, len(protos), e.weight)
			cost = find + cost/float64(len(e.points))
			out = append(out, candidate{d: d, byProto: protos != nil, estimate: e.weight*cost + room,
				make: func() *cut { return p.cutTrie(root, d, limit, wild, protos) }})
		}
		try(x.regions, x.items, plain[i], x.room, nil)
		if protos != nil {
			try(x.regions*len(protos), x.split, byProto[i], x.splitRoom, protos)
		}
	}
	return out
}

// extents measures the cuts of a trie.
func (e *estimator) extents(root *trie, d dim, wild []part, limits []int, protos int) []extent {
	p := e.p
	open := 0 // wild items that are of any protocol
	for _, x := range wild {
		if x.box[proto] == nil {
			open++
		}
	}
	out := make([]extent, len(limits))
	rest := p.room(float64(len(wild)), e.form.without(d))
	for i := range out {
		out[i].last, out[i].room, out[i].splitRoom = root.mark, rest, rest
	}
	root.measure(limits, out, maxElements, root.mark, func(n *trie, x *extent) {
		items := n.covers + len(n.partial)
		f := e.form
		if len(n.partial) == 0 {
			f = f.without(d)
		}
		x.regions++
		x.items += items
		x.room += p.room(float64(items), f)
		if protos > 0 {
			open := open + n.openCovers + n.openPartial
			bound := items - open // of one protocol each, or nearly
			x.split += bound + open*protos
			x.splitRoom += float64(protos) * p.room(float64(bound)/float64(protos)+float64(open), f.without(proto))
		}
	})
	return out
}

func (p *planner) cutTrie(root *trie, d dim, limit int, wild []part, protos []span.Set) *cut {
	c := &cut{d: d, byProto: protos != nil}
	last := root.mark
	covered := 0.0
	root.leaves(limit, nil, func(n *trie, above [][]part) {
		here := len(n.partial) == 0 && n.mark == root.mark
		if len(n.partial) == 0 && n.mark == last {
			if !here {
				p.widen(c.regions[len(c.regions)-max(1, len(protos)):], d, n.r)
				covered += p.mass(d, span.Set{n.r})
			}
			return
		}
		last = root.mark
		if here {
			return
		}
		if len(n.partial) == 0 {
			last = n.mark
		}
		covered += p.mass(d, span.Set{n.r})
		// Wild items, then those that cover the region, then the partial ones.
		lists := slices.Concat([][]part{wild}, above, [][]part{n.partial})
		if protos == nil {
			c.regions = append(c.regions, region{ranges: span.Set{n.r}, build: func(r *region) []part {
				return p.restrict(lists, d, r.ranges)
			}})
			return
		}
		for _, s := range protos {
			c.regions = append(c.regions, region{ranges: span.Set{n.r}, protos: s, build: func(r *region) []part {
				return p.restrict([][]part{p.restrict(lists, d, r.ranges)}, proto, r.protos)
			}})
		}
	})
	c.leave(wild, covered)
	return c
}

// restrict joins sorted lists into one of what of them has values of d in r.
func (p *planner) restrict(lists [][]part, d dim, r span.Set) []part {
	var out [][]part
	for _, items := range lists {
		inside := make([]part, 0, len(items))
		for _, x := range items {
			if y := p.within(x, d, r); y.item != nil {
				inside = append(inside, y)
			}
		}
		if len(inside) > 0 {
			out = append(out, inside)
		}
	}
	return merge(out)
}

// leave makes the list of the packets that are in no region.
func (c *cut) leave(wild []part, covered float64) {
	rest := make([]part, len(wild))
	for i, x := range wild {
		rest[i] = part{x.item, x.share * max(0, 1-covered)}
	}
	c.rest = &node{items: rest}
}

// widen adds a range to regions that it does not differ from.
func (p *planner) widen(regions []region, d dim, s span.Span) {
	for i := range regions {
		regions[i].ranges = span.Normal(append(slices.Clone(regions[i].ranges), s), p.geo.width[d])
	}
}

// merge joins sorted lists into one.
func merge(lists [][]part) []part {
	switch len(lists) {
	case 0:
		return nil
	case 1:
		return lists[0]
	case 2:
	default:
		mid := len(lists) / 2
		return merge([][]part{merge(lists[:mid]), merge(lists[mid:])})
	}
	a, b := lists[0], lists[1]
	out := make([]part, 0, len(a)+len(b))
	for len(a) > 0 && len(b) > 0 {
		if byOrder(b[0].item, a[0].item) < 0 {
			out = append(out, b[0])
			b = b[1:]
		} else {
			out = append(out, a[0])
			a = a[1:]
		}
	}
	return append(append(out, a...), b...)
}

// slices estimates the cut of a port or the protocol at every border.
func (e *estimator) slices(out []candidate, d dim) []candidate {
	p := e.p
	var wild, bound []part
	for _, x := range e.items {
		if x.box[d] == nil {
			wild = append(wild, x)
		} else {
			bound = append(bound, x)
		}
	}
	budget := maxCopies*len(e.items) + 256
	list, total := slicesOf(bound, d, budget)
	if list == nil || total+len(list)*len(wild) > budget {
		return out
	}
	ranges, hash := 0, true
	byValue := map[span.Value]*slice{}
	for _, s := range list {
		ranges += len(s.ranges)
		hash = hash && s.ranges.Exact()
		if s.ranges.Exact() {
			for _, r := range s.ranges {
				byValue[r.Lo] = s
			}
		}
	}
	if ranges > maxRegions && !hash || ranges > maxHashed {
		return out
	}
	find := func(v span.Value) *slice {
		if s := byValue[v]; s != nil {
			return s
		}
		for _, s := range list {
			if s.ranges.Contains(v) {
				return s
			}
		}
		return nil
	}
	expected := p.average(e.points, func(pt *point) float64 {
		c := census{exact: true}
		for _, x := range wild {
			c.add(x.item, pt, 0)
		}
		if s := find(pt[d]); s != nil {
			for _, x := range s.items {
				c.add(x.item, pt, 1<<d)
			}
		}
		return p.leaf(&c, 0.6, e.weight/max(1, float64(len(list)))).ns
	})
	cost, _ := p.dispatch(d, float64(ranges), hash, 0, e.weight)
	cost += expected
	f := e.form.without(d)
	room := p.room(float64(len(wild)), f)
	for _, s := range list {
		room += p.room(float64(len(s.items)+len(wild)), f)
	}
	return append(out, candidate{d: d, estimate: e.weight*cost + room, make: func() *cut { return p.cutSlices(list, d, wild, hash) }})
}

// maxHashed is how many single values a cut may have.
const maxHashed = 16384

func (p *planner) cutSlices(list []*slice, d dim, wild []part, hash bool) *cut {
	c := &cut{d: d, single: hash}
	covered := 0.0
	for _, s := range list {
		covered += p.mass(d, s.ranges)
		c.regions = append(c.regions, region{ranges: s.ranges, build: func(r *region) []part {
			return p.restrict([][]part{wild, s.items}, d, r.ranges)
		}})
	}
	c.leave(wild, covered)
	return c
}
