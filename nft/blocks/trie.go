package blocks

import "rampart/engine/ir/span"

// trie divides the addresses of one dimension by halves, as far as the items' borders go. Each node knows only what
// changes at it, so that building it does not multiply the items that cover everything.
type trie struct {
	r     span.Span
	bits  int // how many bits are left below
	depth int
	// partial items have some of the node's addresses; cover items have all of them, but not all of the parent's.
	partial, cover []part
	// covers is how many items cover the node, those of its ancestors included, and mark their fingerprint.
	covers int
	mark   uint64
	// openCovers and openPartial are how many of the items that cover the node, the wild ones aside, and of the partial
	// ones are of any protocol.
	openCovers, openPartial int
	kids                    *[2]trie
}

// minPartial is where halving ends: what is left are few enough to be looked at one by one.
const minPartial = 4

// newTrie builds the trie of a dimension. wild are the items that do not restrict it.
func (p *planner) newTrie(items []part, d dim) (root *trie, wild []part) {
	root = &trie{bits: p.geo.width[d]}
	root.r = span.All(root.bits)
	for _, x := range items {
		if x.box[d] == nil {
			wild = append(wild, x)
			root.covers++
			root.mark ^= mix(x.hash)
		} else {
			root.partial = append(root.partial, x)
			if x.box[proto] == nil {
				root.openPartial++
			}
		}
	}
	root.split(d)
	return root, wild
}

func (t *trie) split(d dim) {
	if t.bits == 0 || len(t.partial) <= minPartial {
		return
	}
	mid := t.r.Lo.Last(t.bits - 1)
	halves := [2]span.Span{{Lo: t.r.Lo, Hi: mid}, {Lo: mid.Next(), Hi: t.r.Hi}}
	t.kids = new([2]trie)
	for i, r := range halves {
		k := &t.kids[i]
		*k = trie{r: r, bits: t.bits - 1, depth: t.depth + 1, covers: t.covers, openCovers: t.openCovers, mark: t.mark}
		for _, x := range t.partial {
			s := x.box[d]
			j := s.From(r.Lo)
			switch {
			case j == len(s) || r.Hi.Less(s[j].Lo):
			case !r.Lo.Less(s[j].Lo) && !s[j].Hi.Less(r.Hi):
				k.cover = append(k.cover, x)
				k.covers++
				k.mark ^= mix(x.hash)
				if x.box[proto] == nil {
					k.openCovers++
				}
			default:
				k.partial = append(k.partial, x)
				if x.box[proto] == nil {
					k.openPartial++
				}
			}
		}
		k.split(d)
	}
}

// stop tells whether a cut that leaves at most limit partial items in a region ends at the node.
func (t *trie) stop(limit int) bool { return t.kids == nil || len(t.partial) <= limit }

// leaves calls f for every node at which a cut with the limit ends, in ascending order, with the lists of the items that
// cover it, from the top down.
func (t *trie) leaves(limit int, above [][]part, f func(t *trie, covers [][]part)) {
	above = append(above[:len(above):len(above)], t.cover)
	if t.stop(limit) {
		f(t, above)
		return
	}
	t.kids[0].leaves(limit, above, f)
	t.kids[1].leaves(limit, above, f)
}

// extent is how large a cut would be: its regions, the items in them, and the worth of their memory; and the same when
// each region is divided by protocol.
type extent struct {
	regions, items, split int
	room, splitRoom       float64
	last                  uint64 // the fingerprint of the region before
}

// measure adds up the extents of the cuts with all limits at once. A node ends the cuts whose limit it meets and its
// parent does not. Equal neighbours are one region, and regions that hold what holds everywhere are none.
func (t *trie) measure(limits []int, out []extent, parent int, wild uint64, add func(t *trie, x *extent)) {
	for i := len(limits) - 1; i >= 0 && t.stop(limits[i]); i-- {
		if limits[i] >= parent {
			continue
		}
		x := &out[i]
		switch {
		case len(t.partial) > 0:
			x.last = wild
		case t.mark == wild, t.mark == x.last:
			x.last = t.mark
			continue
		default:
			x.last = t.mark
		}
		add(t, x)
	}
	if t.kids != nil && limits[0] < len(t.partial) {
		t.kids[0].measure(limits, out, len(t.partial), wild, add)
		t.kids[1].measure(limits, out, len(t.partial), wild, add)
	}
}

// lookup is the path from the root to the node that holds v at the finest cut.
func (t *trie) lookup(v span.Value) []*trie {
	path := []*trie{t}
	for t.kids != nil {
		t = &t.kids[0]
		if t.r.Hi.Less(v) {
			t = &(*path[len(path)-1].kids)[1]
		}
		path = append(path, t)
	}
	return path
}
