package blocks

import (
	"slices"
)

// A cut divides a list by one dimension: each region has a chain of its own, or a verdict when its first rule decides
// everything there, and what is everywhere stays behind.
type cut struct {
	d       dim
	regions []region
	rest    []*item
	// hash tells that the regions are single values.
	hash bool
}

// Bounds of a cut. More regions than maxRegions make the map that finds them slow; copies of items multiply at each
// level, so each cut may at most multiply them by maxCopies.
const (
	maxRegions = 2048
	maxCopies  = 48
	// maxLeaf is how many elements a map may have before it is cut whatever it costs: big maps are slow to change.
	maxLeaf = 4096
)

// choose returns the best cut of a list, nil when it is best looked through as it is. weight is the share of packets
// that come here.
func (p *planner) choose(items []*item, points []point, weight float64) *cut {
	if len(items) < 2 || len(points) == 0 {
		return nil
	}
	whole := p.average(points, func(pt *point) float64 {
		c := census{exact: true}
		for _, x := range items {
			c.add(x, pt, dims, false)
		}
		return p.leaf(&c)
	})
	if whole <= p.costs.Cut {
		return nil
	}
	weight = max(weight, 1.0/sampleSize)
	best := weight*whole + p.price*float64(len(items))
	if n := elements(items); n > maxLeaf {
		best += weight * float64(n) / 4
	}
	var found func() *cut
	try := func(cost float64, make func() *cut) {
		if cost < best {
			best, found = cost, make
		}
	}
	for d := range dims {
		if !slices.ContainsFunc(items, func(x *item) bool { return x.box[d] != nil }) {
			continue
		}
		if d == src || d == dst {
			p.tryTrie(items, d, points, weight, try)
		} else {
			p.trySlices(items, d, points, weight, try)
		}
	}
	if found == nil {
		return nil
	}
	return found()
}

func elements(items []*item) int {
	n := 0
	for _, x := range items {
		n = min(maxElements, n+x.elements)
	}
	return n
}

func (p *planner) average(points []point, f func(*point) float64) float64 {
	sum := 0.0
	for i := range points {
		sum += f(&points[i])
	}
	return sum / float64(len(points))
}

// tryTrie estimates the cuts of an address by how many partial items a region may keep.
func (p *planner) tryTrie(items []*item, d dim, points []point, weight float64, try func(float64, func() *cut)) {
	root, wild := p.newTrie(items, d)
	if root.kids == nil {
		return
	}
	var limits []int
	for limit := minPartial; limit < len(root.partial); limit *= 2 {
		limits = append(limits, limit)
	}
	expected := make([]float64, len(limits))
	for i := range points {
		pt := &points[i]
		all := census{exact: true}
		for _, x := range wild {
			all.add(x, pt, dims, false)
		}
		stopped := 0 // limits not yet reached, from the largest
		for _, n := range root.lookup(pt[d]) {
			for _, x := range n.cover {
				all.add(x, pt, d, true)
			}
			for stopped < len(limits) && n.stop(limits[len(limits)-1-stopped]) {
				c := all
				for _, x := range n.partial {
					c.add(x, pt, dims, false)
				}
				expected[len(limits)-1-stopped] += p.leaf(&c)
				stopped++
			}
		}
	}
	for i, limit := range limits {
		regions, size := root.size(limit, root.mark)
		if regions == 0 || regions > maxRegions || size > maxCopies*len(items)+256 {
			continue
		}
		cost := p.dispatch(d, float64(regions), false) + expected[i]/float64(len(points))
		size += len(wild)
		try(weight*cost+p.price*float64(size), func() *cut { return p.cutTrie(root, d, limit, wild) })
	}
}

func (p *planner) cutTrie(root *trie, d dim, limit int, wild []*item) *cut {
	c := &cut{d: d, rest: wild}
	last := root.mark
	root.leaves(limit, nil, func(n *trie, cover []*item) {
		whole := len(n.partial) == 0
		if whole && n.mark == root.mark {
			last = root.mark
			return
		}
		if whole && n.mark == last {
			r := &c.regions[len(c.regions)-1]
			r.ranges = normal(append(r.ranges, n.r), p.geo.width[d])
			return
		}
		last = root.mark
		if whole {
			last = n.mark
		}
		list := make([]*item, 0, len(wild)+len(cover)+len(n.partial))
		list = append(list, wild...)
		for _, x := range cover {
			y, _ := x.in(d, n.r)
			list = append(list, y)
		}
		for _, x := range n.partial {
			if y, _ := x.in(d, n.r); y != nil {
				list = append(list, y)
			}
		}
		slices.SortFunc(list, byOrder)
		c.regions = append(c.regions, region{ranges: spans{n.r}, items: list})
	})
	return c
}

// trySlices estimates the cut of a port or the protocol at every border.
func (p *planner) trySlices(items []*item, d dim, points []point, weight float64, try func(float64, func() *cut)) {
	var wild, bound []*item
	for _, x := range items {
		if x.box[d] == nil {
			wild = append(wild, x)
		} else {
			bound = append(bound, x)
		}
	}
	budget := maxCopies*len(items) + 256
	list, total := slicesOf(bound, d, budget)
	if list == nil || total+len(list)*len(wild) > budget {
		return
	}
	ranges, hash := 0, true
	for _, s := range list {
		ranges += len(s.ranges)
		hash = hash && s.ranges.exact()
	}
	if ranges > maxRegions {
		return
	}
	expected := p.average(points, func(pt *point) float64 {
		c := census{exact: true}
		for _, x := range wild {
			c.add(x, pt, dims, false)
		}
		for _, s := range list {
			if s.ranges.contains(pt[d]) {
				for _, x := range s.items {
					c.add(x, pt, d, true)
				}
				break
			}
		}
		return p.leaf(&c)
	})
	cost := p.dispatch(d, float64(ranges), hash) + expected
	size := total + len(list)*len(wild) + len(wild)
	try(weight*cost+p.price*float64(size), func() *cut { return cutSlices(list, d, wild, hash) })
}

func cutSlices(list []*slice, d dim, wild []*item, hash bool) *cut {
	c := &cut{d: d, rest: wild, hash: hash}
	for _, s := range list {
		items := slices.Clone(wild)
		for _, x := range s.items {
			y := *x
			y.box[d] = nil
			items = append(items, y.seal())
		}
		slices.SortFunc(items, byOrder)
		c.regions = append(c.regions, region{ranges: s.ranges, items: items})
	}
	return c
}
