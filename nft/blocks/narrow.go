package blocks

import (
	"cmp"
	"maps"
	"slices"

	"rampart/engine/ir/span"
)

// Rules for traffic between two networks are narrow in both addresses. One look-up finds those for a packet: a hash map of
// pairs, the first bits of the source beside the first bits of the destination. Rules that are wider than a pair of blocks
// reach into far too many pairs to be copied into all, so a packet that the chain of its pair has not decided comes back
// and goes on with the wide rules alone. A wide rule is in a pair's list only where it comes before a rule of the list that
// may match the same packet.
//
// The same is done with one address, where rules narrow in the other no longer are among the wide ones: see part.

// Narrow rules are looked up first when they are for minNarrow of the packets at least, and again when what is left has as
// many; maxNarrow is how often. The list of a block, or of a pair, should not have more than a few rules: maxListed for the
// average packet, and not more than maxBefore wide ones for each narrow one, maxEach in any; where there are more, smaller blocks
// are tried, maxTried sizes in all.
const (
	minNarrow = 0.2
	maxNarrow = 2
	maxListed = 30
	maxBefore = 6
	maxEach   = 1000
	maxTried  = 4
)

// pair is a block of sources and one of destinations, each by its last address. An address that is not looked at has one
// block.
type pair [2]span.Value

func comparePairs(a, b pair) int { return cmp.Or(a[0].Compare(b[0]), a[1].Compare(b[1])) }

// narrow cuts a list by its narrow rules, nil when that does not pay. Rules that log must not be met twice.
func (p *planner) narrow(n *node) *cut {
	w := n.way
	if len(n.items) < p.costs.MinParted || w.len() > 0 || w.inner || w.narrow == maxNarrow {
		return nil
	}
	if slices.ContainsFunc(n.items, func(x part) bool { return x.silent }) {
		return nil
	}
	var choices [][2]int
	if w.parted == [2]bool{} {
		for _, a := range p.masks(src) {
			for _, b := range p.masks(dst) {
				choices = append(choices, [2]int{a, b})
			}
		}
	} else {
		for _, a := range p.masks(src) {
			choices = append(choices, [2]int{a, 0})
		}
		for _, b := range p.masks(dst) {
			choices = append(choices, [2]int{0, b})
		}
	}
	for range maxTried {
		bits, ok := p.narrowBits(n.items, choices)
		if !ok {
			break
		}
		if c := p.cutNarrow(n.items, bits); c != nil {
			return c
		}
		choices = slices.DeleteFunc(choices, func(x [2]int) bool { return x[0] <= bits[0] && x[1] <= bits[1] })
	}
	return nil
}

// narrowBits chooses how many bits of the addresses are looked up: those by which packets save most.
func (p *planner) narrowBits(items []part, choices [][2]int) (bits [2]int, ok bool) {
	open := [2][]int{p.openBits(items, src), p.openBits(items, dst)}
	all := shares(items)
	top := 0.0
	type list struct {
		rules int
		share float64
	}
	for _, choice := range choices {
		free := p.freeOf(choice)
		var narrow []int
		share := 0.0
		for i, x := range items {
			if !x.opaque && open[0][i] <= free[0] && open[1][i] <= free[1] {
				narrow = append(narrow, i)
				share += x.share
			}
		}
		if share < minNarrow*all || share*maxListed <= top {
			continue
		}
		lists := make(map[pair]list, len(narrow))
		for _, i := range narrow {
			keys := p.pairsOf(items[i].item, free)
			for _, k := range keys {
				l := lists[k]
				lists[k] = list{l.rules + 1, l.share + items[i].share/float64(len(keys))}
			}
		}
		score := 0.0
		for _, l := range lists {
			score += l.share * float64(maxListed-l.rules)
		}
		// Others that are in a block by chance lose a few rules' time.
		covered := float64(len(lists))
		for d, f := range free {
			covered *= span.Value{}.Block(f).Size() / span.All(p.geo.width[d]).Size()
		}
		score -= (all - share) * covered * maxListed / 3
		if len(lists) <= maxBlocks && score > top {
			top, bits, ok = score, choice, true
		}
	}
	return bits, ok
}

// freeOf is how many bits of the addresses are not looked up.
func (p *planner) freeOf(bits [2]int) [2]int {
	return [2]int{p.geo.width[src] - bits[0], p.geo.width[dst] - bits[1]}
}

// openBits is how many bits the smallest block around each range of an item has, for each item; all there are when it does
// not lie in a few blocks.
func (p *planner) openBits(items []part, d dim) []int {
	open := make([]int, len(items))
	for i, x := range items {
		s := x.box[d]
		if s == nil || len(s) > maxSpread {
			open[i] = p.geo.width[d]
			continue
		}
		for _, r := range s {
			open[i] = max(open[i], differ(r.Lo, r.Hi))
		}
	}
	return open
}

// pairsOf are the pairs that an item lies in, of so many free bits; none when these are many or it is wider.
func (p *planner) pairsOf(x *item, free [2]int) (out []pair) {
	from, to := p.blocksOf(x, src, free), p.blocksOf(x, dst, free)
	if len(from)*len(to) > maxSpread {
		return nil
	}
	for _, a := range from {
		for _, b := range to {
			out = append(out, pair{a, b})
		}
	}
	return out
}

// blocksOf are the blocks that an item's addresses on one side lie in.
func (p *planner) blocksOf(x *item, d dim, free [2]int) (out []span.Value) {
	s := x.box[d]
	switch {
	case free[d] == p.geo.width[d]:
		return []span.Value{span.Max(free[d])}
	case len(s) > maxSpread:
		return nil
	}
	for _, r := range s {
		end := r.Lo.Last(free[d])
		if end != r.Hi.Last(free[d]) {
			return nil
		}
		if n := len(out); n == 0 || out[n-1] != end {
			out = append(out, end)
		}
	}
	return out
}

// cutNarrow makes the cut, nil when wide rules are in too many of the lists.
func (p *planner) cutNarrow(items []part, bits [2]int) *cut {
	free := p.freeOf(bits)
	wide := wideItems{bySrc: map[span.Value][]part{}, byDst: map[span.Value][]part{}}
	narrow := map[pair][]part{}
	for _, x := range items {
		keys := p.pairsOf(x.item, free)
		if x.opaque || len(keys) == 0 {
			wide.add(p, x, free)
			continue
		}
		for _, k := range keys {
			narrow[k] = append(narrow[k], p.inPair(x, k, free))
		}
	}
	c := &cut{d: src, bits: bits[0], single: true, back: true, rest: &node{items: wide.all}}
	if c.dstBits = bits[1]; c.bits == 0 {
		c.d, c.bits, c.dstBits = dst, c.dstBits, 0
	}
	before := 0
	for _, k := range slices.SortedFunc(maps.Keys(narrow), comparePairs) {
		list := narrow[k]
		n := len(list)
		for _, x := range slices.Backward(wide.before(k, list[n-1].order)) {
			if !slices.ContainsFunc(list, func(y part) bool { return x.order < y.order && x.overlaps(y.item) }) {
				continue
			}
			if y := p.inPair(x, k, free); y.item != nil {
				list = append(list, y)
			}
			if len(list)-n > maxEach {
				return nil
			}
		}
		if before += len(list) - n; before > maxBefore*len(items) {
			return nil
		}
		slices.SortFunc(list, func(a, b part) int { return byOrder(a.item, b.item) })
		r := region{ranges: span.Set{k[c.d].Block(free[c.d])}, items: list}
		if c.dstBits > 0 {
			r.dsts = span.Set{k[dst].Block(free[dst])}
		}
		c.regions = append(c.regions, r)
	}
	return c
}

// inPair is the part of an item that is in a pair of blocks.
func (p *planner) inPair(x part, k pair, free [2]int) part {
	for d := src; d <= dst && x.item != nil; d++ {
		if free[d] < p.geo.width[d] {
			x = p.within(x, d, span.Set{k[d].Block(free[d])})
		}
	}
	return x
}

// wideItems finds the items that may reach into a pair. Some are narrow in one of the addresses.
type wideItems struct {
	all, open    []part
	bySrc, byDst map[span.Value][]part
}

func (w *wideItems) add(p *planner, x part, free [2]int) {
	w.all = append(w.all, x)
	for d, by := range []map[span.Value][]part{w.bySrc, w.byDst} {
		if free[d] == p.geo.width[d] {
			continue
		}
		if blocks := p.blocksOf(x.item, dim(d), free); blocks != nil {
			for _, a := range blocks {
				by[a] = append(by[a], x)
			}
			return
		}
	}
	w.open = append(w.open, x)
}

// before are the items that may reach into a pair and come before an entry.
func (w *wideItems) before(k pair, order int) []part {
	var lists [][]part
	for _, list := range [][]part{w.open, w.bySrc[k[src]], w.byDst[k[dst]]} {
		if n, _ := slices.BinarySearchFunc(list, order, func(x part, order int) int { return x.order - order }); n > 0 {
			lists = append(lists, list[:n])
		}
	}
	return merge(lists)
}
