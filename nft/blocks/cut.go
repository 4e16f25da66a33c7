package blocks

import (
	"cmp"
	"slices"
)

// A cut divides a list by one dimension, or by an address and the protocol together. Each region has a list of its own;
// what does not look at the dimension is in all of them, and is the list of the packets that are in no region.
type cut struct {
	d       dim
	regions []region
	rest    *node
	// hash tells that the regions are single values, byProto that they differ by protocol as well.
	hash, byProto bool
	elements      int
}

// region is a part of the packets: those whose field is in ranges and, in a cut by protocol, whose protocol is in protos.
type region struct {
	ranges, protos spans
	list           []*item // restricted to the region
	node           *node
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
	d        dim
	byProto  bool
	estimate float64
	make     func() *cut
}

// candidates estimates the cuts of a list, the best first. They are judged as if their regions were not cut further.
func (p *planner) candidates(items []*item, points []point, weight float64, cuts [dims]int) []candidate {
	var out []candidate
	total := 0
	for _, n := range cuts {
		total += n
	}
	if total >= maxCuts {
		return nil
	}
	f := formOf(items)
	e := &estimator{p: p, items: items, form: f, points: points, weight: weight}
	for d := range dims {
		switch {
		case cuts[d] >= maxSame || f.any&(1<<d) == 0:
		case d == src || d == dst:
			out = e.tries(out, d)
		default:
			out = e.slices(out, d)
		}
	}
	slices.SortStableFunc(out, func(a, b candidate) int { return cmp.Compare(a.estimate, b.estimate) })
	return out
}

// distinct are the best candidates of each kind.
func distinct(list []candidate, n int) []candidate {
	var out []candidate
	for _, c := range list {
		if len(out) == n {
			break
		}
		if !slices.ContainsFunc(out, func(o candidate) bool { return o.d == c.d && o.byProto == c.byProto }) {
			out = append(out, c)
		}
	}
	return out
}

type estimator struct {
	p      *planner
	items  []*item
	form   form
	points []point
	weight float64
}

// protocols are the protocols that items tell apart, and the gaps between them.
func (e *estimator) protocols() []spans {
	if e.form.any&(1<<proto) == 0 {
		return nil
	}
	var bound []*item
	for _, x := range e.items {
		if x.box[proto] != nil {
			bound = append(bound, x)
		}
	}
	list, _ := slicesOf(bound, proto, maxElements)
	if len(list) == 0 || len(list) > 6 {
		return nil
	}
	var out []spans
	var all spans
	for _, s := range list {
		out = append(out, s.ranges)
		all = append(all, s.ranges...)
	}
	if gap := normal(all, 8).not(8); !gap.none() && len(bound) < len(e.items) {
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
	for limit := minPartial; limit < len(root.partial); limit *= 2 {
		limits = append(limits, limit)
	}
	protos := e.protocols()
	plain, byProto := make([]float64, len(limits)), make([]float64, len(limits))
	for i := range e.points {
		pt := &e.points[i]
		all, same := census{exact: true}, census{exact: true}
		add := func(c, s *census, x *item, settled uint8) {
			c.add(x, pt, settled)
			if protos != nil && x.box[proto].contains(pt[proto]) {
				s.add(x, pt, settled|1<<proto)
			}
		}
		for _, x := range wild {
			add(&all, &same, x, 0)
		}
		stopped := len(limits) // limits not yet reached, from the largest down
		for _, n := range root.lookup(pt[d]) {
			for _, x := range n.cover {
				add(&all, &same, x, 1<<d)
			}
			for stopped > 0 && n.stop(limits[stopped-1]) {
				stopped--
				c, s := all, same
				for _, x := range n.partial {
					add(&c, &s, x, 0)
				}
				plain[stopped] += p.leaf(&c)
				byProto[stopped] += p.leaf(&s)
			}
		}
	}
	openProto := 0 // wild items that are of any protocol
	for _, x := range wild {
		if x.box[proto] == nil {
			openProto++
		}
	}
	for i, limit := range limits {
		var regions, size, split int
		room := p.room(float64(len(wild)), e.form.without(d))
		roomSplit := room
		root.size(limit, root.mark, func(n *trie) {
			regions++
			items := n.covers + len(n.partial)
			f := e.form
			if len(n.partial) == 0 {
				f = f.without(d)
			}
			size += items
			room += p.room(float64(items), f)
			if protos != nil {
				open := openProto + n.openCovers
				for _, x := range n.partial {
					if x.box[proto] == nil {
						open++
					}
				}
				each := items - open // of one protocol each, or nearly
				split += each + open*len(protos)
				f = f.without(proto)
				for range protos {
					roomSplit += p.room(float64(each)/float64(len(protos))+float64(open), f)
				}
			}
		})
		budget := maxCopies*len(e.items) + 256
		try := func(elements, size int, cost, room float64, protos []spans) {
			if regions == 0 || elements > maxRegions || size > budget {
				return
			}
			cost = p.dispatch(d, float64(elements), false, len(protos)) + cost/float64(len(e.points))
			out = append(out, candidate{d, protos != nil, e.weight*cost + room + p.price*float64(size+len(wild)),
				func() *cut { return p.cutTrie(root, d, limit, wild, protos) }})
		}
		try(regions, size, plain[i], room, nil)
		if protos != nil {
			try(regions*len(protos), split, byProto[i], roomSplit, protos)
		}
	}
	return out
}

func (p *planner) cutTrie(root *trie, d dim, limit int, wild []*item, protos []spans) *cut {
	c := &cut{d: d, rest: &node{items: wild}, byProto: protos != nil}
	last := root.mark
	var lists [][]*item // wild items, then those that cover the region, then the partial ones
	root.leaves(limit, nil, func(n *trie, above [][]*item) {
		whole := len(n.partial) == 0
		if whole && n.mark == last {
			if n.mark != root.mark {
				for i := len(c.regions) - max(1, len(protos)); i < len(c.regions); i++ {
					r := &c.regions[i]
					r.ranges = normal(append(slices.Clone(r.ranges), n.r), p.geo.width[d])
				}
			}
			return
		}
		last = root.mark
		if whole {
			if n.mark == root.mark {
				return
			}
			last = n.mark
		}
		lists = append(lists[:0], wild)
		for _, cover := range above {
			if len(cover) == 0 {
				continue
			}
			inside := make([]*item, len(cover))
			for i, x := range cover {
				inside[i] = x.with(d, nil)
			}
			lists = append(lists, inside)
		}
		if !whole {
			inside := make([]*item, 0, len(n.partial))
			for _, x := range n.partial {
				if y := x.in(d, n.r); y != nil {
					inside = append(inside, y)
				}
			}
			lists = append(lists, inside)
		}
		list := merge(lists)
		if protos == nil {
			c.regions = append(c.regions, region{ranges: spans{n.r}, list: list})
			return
		}
		for _, s := range protos {
			var part []*item
			for _, x := range list {
				switch {
				case x.box[proto] == nil:
					part = append(part, x)
				case x.box[proto].contains(s[0].lo):
					part = append(part, x.with(proto, nil))
				}
			}
			c.regions = append(c.regions, region{ranges: spans{n.r}, protos: s, list: part})
		}
	})
	return c
}

// merge joins sorted lists into one.
func merge(lists [][]*item) []*item {
	switch len(lists) {
	case 0:
		return nil
	case 1:
		return lists[0]
	case 2:
	default:
		mid := len(lists) / 2
		return merge([][]*item{merge(lists[:mid]), merge(lists[mid:])})
	}
	a, b := lists[0], lists[1]
	out := make([]*item, 0, len(a)+len(b))
	for len(a) > 0 && len(b) > 0 {
		if byOrder(b[0], a[0]) < 0 {
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
	var wild, bound []*item
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
	byValue := map[num]*slice{}
	for _, s := range list {
		ranges += len(s.ranges)
		hash = hash && s.ranges.exact()
		if s.ranges.exact() {
			for _, r := range s.ranges {
				byValue[r.lo] = s
			}
		}
	}
	if ranges > maxRegions && !hash || ranges > maxHashed {
		return out
	}
	find := func(v num) *slice {
		if s := byValue[v]; s != nil {
			return s
		}
		for _, s := range list {
			if s.ranges.contains(v) {
				return s
			}
		}
		return nil
	}
	expected := p.average(e.points, func(pt *point) float64 {
		c := census{exact: true}
		for _, x := range wild {
			c.add(x, pt, 0)
		}
		if s := find(pt[d]); s != nil {
			for _, x := range s.items {
				c.add(x, pt, 1<<d)
			}
		}
		return p.leaf(&c)
	})
	cost := p.dispatch(d, float64(ranges), hash, 0) + expected
	size := total + len(list)*len(wild) + len(wild)
	f := e.form.without(d)
	room := p.room(float64(len(wild)), f)
	for _, s := range list {
		room += p.room(float64(len(s.items)+len(wild)), f)
	}
	return append(out, candidate{d, false, e.weight*cost + room + p.price*float64(size), func() *cut { return cutSlices(list, d, wild, hash) }})
}

// maxHashed is how many single values a cut may have.
const maxHashed = 16384

func cutSlices(list []*slice, d dim, wild []*item, hash bool) *cut {
	c := &cut{d: d, rest: &node{items: wild}, hash: hash}
	for _, s := range list {
		inside := make([]*item, len(s.items))
		for i, x := range s.items {
			inside[i] = x.with(d, nil)
		}
		c.regions = append(c.regions, region{ranges: s.ranges, list: merge([][]*item{wild, inside})})
	}
	return c
}
