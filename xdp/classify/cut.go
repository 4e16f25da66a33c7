package classify

import "math/bits"

// cut is how a node tells its children apart: bit fields of one or two dimensions.
type cut struct{ a, b dimCut }

// dimCut takes width bits of a dimension, from bit shift of the dimension up. Width 0 cuts nothing.
type dimCut struct{ dim, shift, width uint32 }

// shape is the cut as nodes have it: b's bits number the children, a's are above them.
func (c cut) shape() shape {
	aWord, aTurn, aMask := c.a.run(c.b.width)
	bWord, bTurn, bMask := c.b.run(0)
	return shape{aWord: aWord, aTurn: aTurn, aMask: aMask, bWord: bWord, bTurn: bTurn, bMask: bMask}
}

// run tells how a tuple's word is turned and masked so that the bits begin at bit at.
func (d dimCut) run(at uint32) (word, turn uint8, mask uint32) {
	return uint8(place[d.dim].word), uint8(64-place[d.dim].shift-d.shift+at) & 63, (1<<d.width - 1) << at
}

func (d dimCut) size() int { return 1 << d.width }

// base is the number of the cell that child 0 covers. The region lies inside one aligned block of cells.
func (d dimCut) base(region *box) uint32 { return region[d.dim].lo >> d.shift &^ (1<<d.width - 1) }

// children is the range of children that the part of b inside the region reaches.
func (d dimCut) children(b, region *box) (lo, hi uint32) {
	if d.width == 0 {
		return 0, 0
	}
	s, base := clip(b[d.dim], region[d.dim]), d.base(region)
	return s.lo>>d.shift - base, s.hi>>d.shift - base
}

// region is the part of r that child i covers.
func (c cut) region(r *box, i uint32) box {
	out := *r
	c.a.narrow(&out, i>>c.b.width)
	c.b.narrow(&out, i&(1<<c.b.width-1))
	return out
}

func (d dimCut) narrow(b *box, i uint32) {
	if d.width == 0 {
		return
	}
	cell := d.base(b) | i
	b[d.dim] = clip(span{cell << d.shift, cell<<d.shift | (1<<d.shift - 1)}, b[d.dim])
}

// choose picks the cut whose children are smallest as a random rule sees them, among those that copy rules to few
// children. ok is false where no cut helps. It spends half of the work up to limit at most.
func (g *grower) choose(slots []uint32, region *box, limit budget) (best cut, ok bool) {
	if *region == (box{}) {
		return best, false
	}
	n := float64(len(slots))
	bestCost := n
	cells := max(16, min(1<<18, 8*len(slots)))
	half := g.spent.work + (limit.work-g.spent.work)/2
	var firsts []dimCut // the best of each dimension, to be paired
	for d := range uint32(numDims) {
		if region[d] == settled {
			continue
		}
		differ := uint32(bits.Len32(region[d].lo ^ region[d].hi))
		dimBest, dimCost := dimCut{}, n
		for w := uint32(1); w <= min(differ, maxWidth) && g.spent.work < half; w++ {
			if 1<<w > cells {
				break
			}
			c := dimCut{d, differ - w, w}
			cost, fits := g.cost(slots, region, cut{a: c}, limit)
			if !fits {
				break
			}
			if cost < dimCost*0.97 {
				dimBest, dimCost = c, cost
			}
		}
		if dimBest.width == 0 {
			continue
		}
		firsts = append(firsts, dimBest)
		if dimCost < bestCost {
			best, bestCost, ok = cut{a: dimBest}, dimCost, true
		}
	}
	for i, a := range firsts {
		for _, b := range firsts[i+1:] {
			for wa := uint32(1); wa <= a.width; wa++ {
				for wb := uint32(1); wb <= b.width; wb++ {
					if 1<<(wa+wb) > cells || wa+wb < max(a.width, b.width) || g.spent.work >= half {
						continue
					}
					c := cut{dimCut{a.dim, a.shift + a.width - wa, wa}, dimCut{b.dim, b.shift + b.width - wb, wb}}
					if cost, fits := g.cost(slots, region, c, limit); fits && cost < bestCost*0.97 {
						best, bestCost, ok = c, cost, true
					}
				}
			}
		}
	}
	return best, ok && bestCost < n*0.95
}

// cost is the mean number of rules in the child of a random copy of a rule; fits tells whether there are few copies, and
// room for them if every child became a leaf.
func (g *grower) cost(slots []uint32, region *box, c cut, limit budget) (mean float64, fits bool) {
	wa, wb := c.a.size(), c.b.size()
	// A difference array in two dimensions: one border row and column more than cells.
	stride := wb + 1
	need := (wa + 1) * stride
	if cap(g.counts) < need {
		g.counts = make([]int32, need)
	}
	counts := g.counts[:need]
	clear(counts)
	copies := 0
	most := min(g.copies(len(slots)), (limit.octets-g.spent.octets-wa*wb*refSize-shapeSize)/recordSize)
	g.spent.work += need + len(slots)
	for _, s := range slots {
		alo, ahi := c.a.children(&g.boxes[s], region)
		blo, bhi := c.b.children(&g.boxes[s], region)
		copies += int(ahi-alo+1) * int(bhi-blo+1)
		if copies > most {
			return 0, false
		}
		counts[int(alo)*stride+int(blo)]++
		counts[int(alo)*stride+int(bhi)+1]--
		counts[int(ahi+1)*stride+int(blo)]--
		counts[int(ahi+1)*stride+int(bhi)+1]++
	}
	var squares float64
	for i := range wa {
		row := counts[i*stride : (i+1)*stride]
		if i > 0 {
			above := counts[(i-1)*stride : i*stride]
			for j := range row {
				row[j] += above[j]
			}
		}
		sum := int32(0)
		for _, x := range row[:wb] {
			sum += x
			squares += float64(sum) * float64(sum)
		}
	}
	return squares / float64(copies), true
}

// copies bounds how often a node's rules may be copied to children: small nodes may grow more.
func (g *grower) copies(n int) int {
	if n <= 64 {
		return 6*n + 16
	}
	return 2 * n
}
