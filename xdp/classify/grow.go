package classify

import (
	"hash/maphash"
	"slices"
	"unsafe"
)

// Limits of the trees. A leaf of at most leafRules is not cut further; one field is at most maxWidth bits.
const (
	leafRules = 4
	maxWidth  = 12
	maxDepth  = 16
)

// budget is what may be spent on a tree: steps of choosing cuts, and octets of the tree. Lists can be made up whose rules
// no cut separates without copying most of them; where the budget ends, leaves are long.
type budget struct{ work, octets int }

// ample is the budget of a tree of n rules that is there to stay; usual trees need a tenth of it. A step takes a few
// nanoseconds.
func ample(n int) budget { return budget{work: 32<<20 + 512*n, octets: 1<<20 + 512*n} }

// scant is the budget of a tree that is only tried.
func scant(n int) budget { return budget{work: 8<<20 + 128*n, octets: 1<<20 + 256*n} }

// share is the part of what is left of b after spent that n of total may have, as a limit for spent.
func (b budget) share(spent budget, n, total int) budget {
	return budget{spent.work + (b.work-spent.work)*n/total, spent.octets + (b.octets-spent.octets)*n/total}
}

// grower builds one tree.
type grower struct {
	boxes []box
	tree  tree
	// made finds nodes again by the hash of their rules and region, so that equal nodes are stored once.
	made   map[uint64]ref
	shapes map[shape]uint32
	seed   maphash.Seed
	counts []int32
	spent  budget
}

// growTree builds the tree of the rules in slots, ascending.
func growTree(boxes []box, slots []uint32, limit budget) tree {
	g := &grower{boxes: boxes, made: map[uint64]ref{}, shapes: map[shape]uint32{}, seed: maphash.MakeSeed()}
	if len(slots) == 0 {
		g.tree.root, g.tree.first = nothing, NoMatch
		return g.tree
	}
	g.tree.first = slots[0]
	g.tree.root = g.node(slots, everything, 0, limit)
	g.tree.refs = slices.Clip(g.tree.refs)
	g.tree.recs = slices.Clip(g.tree.recs)
	return g.tree
}

// settled marks a dimension in which all rules of a node are alike: it cannot tell them apart.
var settled = span{1, 0}

// node spends no more than up to limit, which is at least what a leaf takes.
func (g *grower) node(slots []uint32, region box, depth int, limit budget) ref {
	if len(slots) > leafRules && depth < maxDepth {
		g.tighten(slots, &region)
	} else {
		region = box{}
	}
	key := g.key(slots, &region)
	if r, ok := g.made[key]; ok {
		return r
	}
	var r ref
	if c, ok := g.choose(slots, &region, limit); ok {
		r = g.inner(slots, &region, c, depth, limit)
	} else {
		r = g.leaf(slots)
	}
	g.made[key] = r
	return r
}

// tighten shrinks the region to what the rules occupy. Packets outside match none of them, wherever they end up.
func (g *grower) tighten(slots []uint32, region *box) {
	for d := range region {
		if region[d] == settled {
			continue
		}
		first := clip(g.boxes[slots[0]][d], region[d])
		hull, same := first, true
		for _, s := range slots[1:] {
			c := clip(g.boxes[s][d], region[d])
			same = same && c == first
			hull = span{min(hull.lo, c.lo), max(hull.hi, c.hi)}
		}
		if same {
			hull = settled
		}
		region[d] = hull
	}
}

func clip(s, r span) span { return span{max(s.lo, r.lo), min(s.hi, r.hi)} }

func (g *grower) key(slots []uint32, region *box) uint64 {
	var h maphash.Hash
	h.SetSeed(g.seed)
	h.Write(unsafe.Slice((*byte)(unsafe.Pointer(&slots[0])), 4*len(slots)))
	h.Write(unsafe.Slice((*byte)(unsafe.Pointer(region)), unsafe.Sizeof(*region)))
	return h.Sum64()
}

func (g *grower) inner(slots []uint32, region *box, c cut, depth int, limit budget) ref {
	children, copies := g.distribute(slots, region, c)
	first := len(g.tree.refs)
	g.tree.refs = append(g.tree.refs, make([]ref, len(children))...)
	g.spent.octets += len(children) * refSize
	for i, child := range children {
		r := nothing
		if len(child) > 0 {
			r = g.node(child, c.region(region, uint32(i)), depth+1, limit.share(g.spent, len(child), copies))
			copies -= len(child)
		}
		g.tree.refs[first+i] = r
	}
	return innerRef(uint32(first), g.shape(c.shape()))
}

func (g *grower) shape(s shape) uint32 {
	i, ok := g.shapes[s]
	if !ok {
		i = uint32(len(g.tree.shapes))
		g.shapes[s] = i
		g.tree.shapes = append(g.tree.shapes, s)
		g.spent.octets += shapeSize
	}
	return i
}

// distribute lists the rules of each child, ascending, and tells how many they are together.
func (g *grower) distribute(slots []uint32, region *box, c cut) (children [][]uint32, copies int) {
	children = make([][]uint32, c.a.size()*c.b.size())
	for _, s := range slots {
		alo, ahi := c.a.children(&g.boxes[s], region)
		blo, bhi := c.b.children(&g.boxes[s], region)
		copies += int(ahi-alo+1) * int(bhi-blo+1)
		for i := alo; i <= ahi; i++ {
			for j := blo; j <= bhi; j++ {
				k := i<<c.b.width | j
				children[k] = append(children[k], s)
			}
		}
	}
	return children, copies
}

func (g *grower) leaf(slots []uint32) ref {
	r := leafRef(uint32(len(g.tree.recs)))
	for i, s := range slots {
		g.tree.recs = append(g.tree.recs, newRecord(&g.boxes[s], s, i < len(slots)-1))
	}
	g.spent.octets += len(slots) * recordSize
	return r
}
