package blocks

import (
	"cmp"
	"slices"

	"rampart/engine/ir/span"
)

// Rules for traffic between two networks are narrow in both addresses. One look-up finds those for a packet: a hash map of
// pairs, the first bits of the source beside the first bits of the destination. Rules that are wider than a pair of blocks
// reach into far too many pairs to be copied into all, so a packet that the chain of its pair has not decided comes back
// and goes on with the wide rules alone. A wide rule is in a pair's list only where it comes before a rule of the list that
// may match the same packet.

// Pairs are looked up first when they are for minPaired of the packets at least, and again when what is left has as many;
// maxPairings is how often. A pair's list should not have more than a few rules: maxPaired, for the average packet, and not
// more than maxBefore wide ones for each narrow one.
const (
	minPaired   = 0.2
	maxPairings = 2
	maxPaired   = 30
	maxBefore   = 1
)

// pair is a block of sources and one of destinations, each by its last address.
type pair [2]span.Value

func comparePairs(a, b pair) int { return cmp.Or(a[0].Compare(b[0]), a[1].Compare(b[1])) }

// pair cuts a list by pairs, nil when that does not pay. Rules that log must not be met twice.
func (p *planner) pair(n *node) *cut {
	w := n.way
	if len(n.items) < p.costs.MinParted || w.len() > 0 || w.parted != [2]bool{} || w.inner || w.pairings == maxPairings {
		return nil
	}
	if slices.ContainsFunc(n.items, func(x part) bool { return x.silent }) {
		return nil
	}
	bits, ok := p.pairBits(n.items)
	if !ok {
		return nil
	}
	return p.cutPairs(n.items, bits)
}

// pairBits chooses how many bits of each address are looked up: those by which a packet saves most.
func (p *planner) pairBits(items []part) (bits [2]int, ok bool) {
	open := [2][]int{p.openBits(items, src), p.openBits(items, dst)}
	all := shares(items)
	top := 0.0
	type list struct {
		rules int
		share float64
	}
	for _, a := range p.masks(src) {
		for _, b := range p.masks(dst) {
			free := [2]int{p.geo.width[src] - a, p.geo.width[dst] - b}
			var narrow []int
			share := 0.0
			for i, x := range items {
				if !x.opaque && open[0][i] <= free[0] && open[1][i] <= free[1] && len(x.box[src])*len(x.box[dst]) <= maxSpread {
					narrow = append(narrow, i)
					share += x.share
				}
			}
			if share < minPaired*all {
				break // smaller blocks have fewer
			}
			if share*maxPaired <= top {
				continue
			}
			lists := make(map[pair]list, len(narrow))
			for _, i := range narrow {
				x := items[i]
				blocks := float64(len(x.box[src]) * len(x.box[dst]))
				for _, r := range x.box[src] {
					for _, s := range x.box[dst] {
						k := pair{r.Lo.Last(free[0]), s.Lo.Last(free[1])}
						l := lists[k]
						lists[k] = list{l.rules + 1, l.share + x.share/blocks}
					}
				}
			}
			score := 0.0
			for _, l := range lists {
				score += l.share * float64(maxPaired-l.rules)
			}
			if len(lists) <= maxBlocks && score > top {
				top, bits, ok = score, [2]int{a, b}, true
			}
		}
	}
	return bits, ok
}

// openBits is how many bits the smallest block around each range of an item has, for each item; more than there are when it
// does not lie in a few blocks.
func (p *planner) openBits(items []part, d dim) []int {
	open := make([]int, len(items))
	for i, x := range items {
		s := x.box[d]
		if s == nil || len(s) > maxSpread {
			open[i] = p.geo.width[d] + 1
		}
		for _, r := range s {
			open[i] = max(open[i], differ(r.Lo, r.Hi))
		}
	}
	return open
}

// cutPairs makes the cut, nil when wide rules are in too many of the pairs' lists.
func (p *planner) cutPairs(items []part, bits [2]int) *cut {
	free := [2]int{p.geo.width[src] - bits[0], p.geo.width[dst] - bits[1]}
	var wide wideItems
	narrow := map[pair][]part{}
	for _, x := range items {
		from, to := blocksOf(x.box[src], free[0]), blocksOf(x.box[dst], free[1])
		if x.opaque || from == nil || to == nil || len(from)*len(to) > maxSpread {
			wide.add(x, from, to)
			continue
		}
		for _, a := range from {
			for _, b := range to {
				k := pair{a, b}
				narrow[k] = append(narrow[k], p.inPair(x, k, free))
			}
		}
	}
	keys := make([]pair, 0, len(narrow))
	for k := range narrow {
		keys = append(keys, k)
	}
	slices.SortFunc(keys, comparePairs)
	c := &cut{d: src, pairs: bits, single: true, rest: &node{items: wide.all}}
	before := 0
	for _, k := range keys {
		list := narrow[k]
		n := len(list)
		candidates := wide.of(k)
		for i := len(candidates) - 1; i >= 0; i-- {
			x := candidates[i]
			if !slices.ContainsFunc(list, func(y part) bool { return x.order < y.order && x.overlaps(y.item) }) {
				continue
			}
			if y := p.inPair(x, k, free); y.item != nil {
				list = append(list, y)
			}
		}
		if before += len(list) - n; before > maxBefore*len(items) {
			return nil
		}
		slices.SortFunc(list, func(a, b part) int { return byOrder(a.item, b.item) })
		c.regions = append(c.regions, region{ranges: span.Set{k[0].Block(free[0])}, dsts: span.Set{k[1].Block(free[1])}, items: list})
	}
	return c
}

// inPair is the part of an item that is in a pair of blocks.
func (p *planner) inPair(x part, k pair, free [2]int) part {
	if x = p.within(x, src, span.Set{k[0].Block(free[0])}); x.item != nil {
		x = p.within(x, dst, span.Set{k[1].Block(free[1])})
	}
	return x
}

// blocksOf are the blocks that a set of addresses lies in, nil when these are many or it is not in blocks.
func blocksOf(s span.Set, free int) []span.Value {
	if len(s) > maxSpread {
		return nil
	}
	var out []span.Value
	for _, r := range s {
		end := r.Lo.Last(free)
		if end != r.Hi.Last(free) {
			return nil
		}
		if n := len(out); n == 0 || out[n-1] != end {
			out = append(out, end)
		}
	}
	return out
}

// wideItems finds the items that may reach into a pair.
type wideItems struct {
	all, open    []part // open are wide in both addresses
	bySrc, byDst map[span.Value][]part
}

func (w *wideItems) add(x part, from, to []span.Value) {
	if w.bySrc == nil {
		w.bySrc, w.byDst = map[span.Value][]part{}, map[span.Value][]part{}
	}
	w.all = append(w.all, x)
	switch {
	case from != nil:
		for _, a := range from {
			w.bySrc[a] = append(w.bySrc[a], x)
		}
	case to != nil:
		for _, b := range to {
			w.byDst[b] = append(w.byDst[b], x)
		}
	default:
		w.open = append(w.open, x)
	}
}

func (w *wideItems) of(k pair) []part { return merge([][]part{w.open, w.bySrc[k[0]], w.byDst[k[1]]}) }
