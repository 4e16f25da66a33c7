package blocks

// trie divides the addresses of one dimension by halves, as far as the items' borders go. Each node knows only what
// changes at it, so that building it does not multiply the items that cover everything.
type trie struct {
	r     span
	bits  int // how many bits are left below
	depth int
	// partial items have some of the node's addresses; cover items have all of them, but not all of the parent's.
	partial, cover []part
	// covers is how many items cover the node, those of its ancestors included, and mark their fingerprint.
	covers int
	mark   uint64
	// openCovers is how many of the cover items, the wild ones aside, are of any protocol.
	openCovers int
	kids       *[2]trie
}

// minPartial is where halving ends: what is left are few enough to be looked at one by one.
const minPartial = 4

// newTrie builds the trie of a dimension. wild are the items that do not restrict it.
func (p *planner) newTrie(items []part, d dim) (root *trie, wild []part) {
	root = &trie{bits: p.geo.width[d]}
	root.r = span{num{}, maxNum(root.bits)}
	for _, x := range items {
		if x.box[d] == nil {
			wild = append(wild, x)
			root.covers++
			root.mark ^= mix(x.hash)
		} else {
			root.partial = append(root.partial, x)
		}
	}
	root.split(d)
	return root, wild
}

func (t *trie) split(d dim) {
	if t.bits == 0 || len(t.partial) <= minPartial {
		return
	}
	mid := t.r.lo.low(t.bits - 1)
	halves := [2]span{{t.r.lo, mid}, {mid.next(), t.r.hi}}
	t.kids = new([2]trie)
	for i, r := range halves {
		k := &t.kids[i]
		*k = trie{r: r, bits: t.bits - 1, depth: t.depth + 1, covers: t.covers, openCovers: t.openCovers, mark: t.mark}
		for _, x := range t.partial {
			s := x.box[d]
			j := s.from(r.lo)
			switch {
			case j == len(s) || r.hi.less(s[j].lo):
			case !r.lo.less(s[j].lo) && !s[j].hi.less(r.hi):
				k.cover = append(k.cover, x)
				k.covers++
				k.mark ^= mix(x.hash)
				if x.box[proto] == nil {
					k.openCovers++
				}
			default:
				k.partial = append(k.partial, x)
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

// size calls f for each region of a cut. Equal neighbours are one region, and regions that hold what holds everywhere
// are none.
func (t *trie) size(limit int, wild uint64, f func(*trie)) {
	last := wild
	t.leaves(limit, nil, func(n *trie, _ [][]part) {
		switch {
		case len(n.partial) > 0:
			last = wild
		case n.mark == wild, n.mark == last:
			last = n.mark
			return
		default:
			last = n.mark
		}
		f(n)
	})
}

// lookup is the path from the root to the node that holds v at the finest cut.
func (t *trie) lookup(v num) []*trie {
	path := []*trie{t}
	for t.kids != nil {
		t = &t.kids[0]
		if t.r.hi.less(v) {
			t = &(*path[len(path)-1].kids)[1]
		}
		path = append(path, t)
	}
	return path
}
