package blocks

import (
	"cmp"
	"slices"

	"rampart/engine/ir/span"
)

// A cut by mask divides a list by the first bits of an address: a hash map has an element for each block of addresses of
// that size in which some item lies wholly. Items that are wider than a block are in the lists of the blocks they reach
// into, and in the list of the packets of no block.

// maxBlocks is how many blocks a cut by mask may have, maxSpread how many blocks an item may lie in.
const (
	maxBlocks = 32768
	maxSpread = 16
)

// masks are how many bits of an address cuts by mask look at.
func (p *planner) masks(d dim) []int {
	if p.geo.width[d] == 32 {
		return []int{8, 10, 12, 14, 16, 18, 20, 22, 24, 28, 32}
	}
	return []int{16, 20, 24, 28, 32, 36, 40, 44, 48, 56, 64, 96, 128}
}

// masking is a list divided by mask.
type masking struct {
	d    dim
	open int // bits of a block
	// wild items do not look at the dimension; wide ones look at more than a block, narrow ones lie in blocks.
	wild, wide []part
	narrow     []placed
	// ends are the last addresses of the blocks, ascending, and first where the narrow items of each begin; reach is how
	// many wide items reach into each.
	ends         []span.Value
	first, reach []int
}

// placed is an item that lies in a block, which ends at end.
type placed struct {
	end span.Value
	part
}

// mask divides a list.
func (p *planner) mask(bound, wild []part, d dim, bits int) *masking {
	m := &masking{d: d, open: p.geo.width[d] - bits, wild: wild}
	for _, x := range bound {
		if m.wider(x.box[d]) {
			m.wide = append(m.wide, x)
			continue
		}
		last := span.Value{}
		for i, r := range x.box[d] {
			end := r.Lo.Last(m.open)
			if i > 0 && end == last {
				continue
			}
			m.narrow = append(m.narrow, placed{end, x})
			last = end
		}
	}
	slices.SortStableFunc(m.narrow, func(a, b placed) int { return a.end.Compare(b.end) })
	for i := range m.narrow {
		if n := len(m.ends); n == 0 || m.ends[n-1] != m.narrow[i].end {
			m.ends = append(m.ends, m.narrow[i].end)
			m.first = append(m.first, i)
		}
	}
	m.first = append(m.first, len(m.narrow))
	m.reach = make([]int, len(m.ends)+1)
	for _, x := range m.wide {
		for _, r := range x.box[d] {
			from, to := m.between(r)
			m.reach[from]++
			m.reach[to]--
		}
	}
	for i := 1; i < len(m.reach); i++ {
		m.reach[i] += m.reach[i-1]
	}
	return m
}

// wider tells that an item does not lie in a few blocks.
func (m *masking) wider(s span.Set) bool {
	if len(s) > maxSpread {
		return true
	}
	for _, r := range s {
		if r.Lo.Last(m.open) != r.Hi.Last(m.open) {
			return true
		}
	}
	return false
}

// between are the blocks that a range reaches into.
func (m *masking) between(r span.Span) (from, to int) {
	from, _ = slices.BinarySearchFunc(m.ends, r.Lo, span.Value.Compare)
	to, _ = slices.BinarySearchFunc(m.ends, r.Hi.Last(m.open), func(a, b span.Value) int { return cmp.Or(a.Compare(b), -1) })
	return from, to
}

// of are the narrow items of a block.
func (m *masking) of(i int) []placed { return m.narrow[m.first[i]:m.first[i+1]] }

// blocks is how large a cut by mask would be.
type blocks struct {
	bits, regions, items int
	room, cost           float64
}

// blocksOf adds up the blocks of all masks. Below its last nodes the trie does not tell blocks apart; few items are left
// there, and each is taken for a block of its own.
func (e *estimator) blocksOf(t *trie, list []*blocks) {
	for len(list) > 0 {
		m := list[0]
		switch {
		case t.kids == nil:
			n := len(t.partial)
			if n == 0 && t.depth == m.bits && len(t.cover) > 0 {
				n = 1
			}
			m.add(e, n, t.covers+1)
		case t.depth == m.bits:
			m.add(e, 1, t.covers+len(t.partial))
		default:
			e.blocksOf(&t.kids[0], list)
			e.blocksOf(&t.kids[1], list)
			return
		}
		list = list[1:]
	}
}

func (m *blocks) add(e *estimator, regions, items int) {
	if regions == 0 {
		return
	}
	m.regions += regions
	m.items += regions * items
	m.room += float64(regions) * e.p.room(float64(items), e.form)
}

// masked are the cuts of an address by mask, estimated. each has, for each packet of the sample, the wild items counted.
func (e *estimator) masked(out []candidate, root *trie, d dim, wild []part, each []census) []candidate {
	p := e.p
	var list []*blocks
	for _, bits := range p.masks(d) {
		list = append(list, &blocks{bits: bits})
	}
	e.blocksOf(root, list)
	list = slices.DeleteFunc(list, func(m *blocks) bool {
		return m.regions < 2 || m.regions > maxBlocks || m.items > maxCopies*len(e.items)+256
	})
	if len(list) == 0 {
		return out
	}
	for i := range e.points {
		pt := &e.points[i]
		c, left := each[i], list
		for _, n := range root.lookup(pt[d]) {
			for _, x := range n.cover {
				c.add(x.item, pt, 1<<d)
			}
			for ; len(left) > 0 && (n.kids == nil || n.depth == left[0].bits); left = left[1:] {
				k := c
				for _, x := range n.partial {
					k.add(x.item, pt, 0)
				}
				left[0].cost += p.leaf(&k, 0.6, e.weight/float64(left[0].regions)).ns
			}
		}
	}
	bound := make([]part, 0, len(e.items)-len(wild))
	for _, x := range e.items {
		if x.box[d] != nil {
			bound = append(bound, x)
		}
	}
	for _, m := range list {
		find, _ := p.dispatch(d, float64(m.regions), true, 0, e.weight)
		cost := find + m.cost/float64(len(e.points))
		out = append(out, candidate{d: d, masked: true, estimate: e.weight*cost + m.room, make: func() *cut {
			return p.cutMask(p.mask(bound, wild, d, m.bits))
		}})
	}
	return out
}

func (p *planner) cutMask(m *masking) *cut {
	c := &cut{d: m.d, single: true, bits: p.geo.width[m.d] - m.open}
	reach := make([][]part, len(m.ends))
	size := span.Value{}.Block(m.open).Size()
	rest := make([]part, 0, len(m.wide))
	for _, x := range m.wide {
		inside := 0.0
		for _, r := range x.box[m.d] {
			from, to := m.between(r)
			for i := from; i < to; i++ {
				if n := len(reach[i]); n == 0 || reach[i][n-1].item != x.item {
					reach[i] = append(reach[i], x)
				}
			}
			inside += size * float64(to-from)
		}
		all := 0.0
		for _, r := range x.box[m.d] {
			all += r.Size()
		}
		rest = append(rest, part{x.item, x.share * max(0, 1-inside/all)})
	}
	for i, end := range m.ends {
		c.regions = append(c.regions, region{ranges: span.Set{end.Block(m.open)}, build: func(r *region) []part {
			narrow := make([]part, 0, len(m.of(i)))
			for _, x := range m.of(i) {
				narrow = append(narrow, x.part)
			}
			return p.restrict([][]part{m.wild, reach[i], narrow}, m.d, r.ranges)
		}})
	}
	covered := size * float64(len(m.ends)) / span.All(p.geo.width[m.d]).Size()
	c.leave(m.wild, covered)
	c.rest.items = merge([][]part{c.rest.items, rest})
	return c
}
