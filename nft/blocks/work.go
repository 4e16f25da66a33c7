package blocks

// Work is what a packet drawn from the rules goes through, on average, as far as the plan knows.
type Work struct {
	// Hash, Array and Boxes are look-ups in maps that send the packet to a region.
	Hash, Array, Boxes float64
	// HashMaps and BoxMaps are look-ups in maps that decide, Fields, Groups, Lines and Alive the work in the latter: see
	// Costs. Rules are plain rules tried.
	HashMaps, BoxMaps, Fields, Groups, Lines, Alive, Rules float64
}

// work adds what packets with a share of all do at a node.
func (p *planner) work(w *Work, n *node, share float64) {
	if n.decides() || len(n.items) == 0 || share == 0 {
		return
	}
	if n.cut == nil {
		p.leafWork(w, n, share)
		return
	}
	switch n.cut.by {
	case byHash:
		w.Hash += share
	case byArray:
		w.Array += share
	case byBoxes:
		w.Boxes += share
	}
	if n.cut.members {
		return // what its classes do is not known
	}
	all := 0.0
	for i := range n.cut.regions {
		all += shares(n.cut.regions[i].items)
	}
	all += shares(n.cut.rest.items)
	if all == 0 {
		return
	}
	for i := range n.cut.regions {
		r := &n.cut.regions[i]
		p.work(w, r.node, share*shares(r.items)/all)
	}
	p.work(w, n.cut.rest, share*shares(n.cut.rest.items)/all)
}

func (p *planner) leafWork(w *Work, n *node, share float64) {
	share /= float64(max(1, len(n.points)))
	for i := range n.points {
		c := p.census(n.items, &n.points[i])
		switch {
		case n.form == plainRules:
			w.Rules += share * c.tried
		case n.form == hashMap:
			w.HashMaps += share
		default:
			w.BoxMaps += share
			_, alive := c.order(c.used)
			w.Alive += share * alive
			for d := range dims {
				if c.used&(1<<d) != 0 {
					w.Fields += share
					w.Groups += share * groups(p.geo.width[d])
					w.Lines += share * groups(p.geo.width[d]) * (lines(c.elements) - 1)
				}
			}
		}
	}
}
