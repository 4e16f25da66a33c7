package classify

// width is how many packets are looked up side by side: enough that the waiting for one's memory is another's time.
const width = 128

// batch is the state of packets that go through the trees side by side. A packet by itself would spend most of its time
// waiting for memory and for branches guessed wrongly; so each step is made for all packets that need it, without
// branches, before the next.
type batch struct {
	tuples [width]tuple
	best   [width]uint32
	at     [width]ref
	// Numbers of packets: those that a tree may have a better answer for, and those that still are on their way.
	eligible, active [width]uint32
}

// find sets best for the first n tuples to the first live slot that matches, or none.
func (b *batch) find(c *Classifier, n int) {
	for i := range n {
		b.best[i&(width-1)] = c.none()
	}
	for i := range c.trees {
		tr := &c.trees[i]
		// The trees are in the order of their first slots: none has a better answer where this has not.
		k := 0
		for j := range uint32(n) {
			b.eligible[k&(width-1)] = j
			k += int((uint64(tr.first) - uint64(b.best[j&(width-1)])) >> 63)
		}
		if k == 0 {
			break
		}
		b.walk(tr, k)
		b.scan(tr, k)
	}
	if c.deaths == 0 {
		return
	}
	// Steps without branches have no room for deleted rules; those who met one go again.
	for i := range n {
		if c.dead.has(b.best[i&(width-1)]) {
			b.best[i&(width-1)] = c.find(&b.tuples[i&(width-1)])
		}
	}
}

// walk takes the first k eligible packets to their leaves.
func (b *batch) walk(tr *tree, k int) {
	if tr.root&leafBit != 0 {
		for _, j := range b.eligible[:k] {
			b.at[j&(width-1)] = tr.root
		}
		return
	}
	refs, shapes := tr.refs, tr.shapes
	root, first, active := shapes[tr.root>>32], uint32(tr.root), 0
	for _, j := range b.eligible[:k] {
		j &= width - 1
		n := refs[first+root.child(&b.tuples[j])]
		b.at[j] = n
		b.active[active&(width-1)] = j
		active += 1 - int(n>>63)
	}
	for active > 0 {
		k, active = active, 0
		for _, j := range b.active[:k] {
			j &= width - 1
			n := b.at[j]
			n = refs[uint32(n)+shapes[n>>32].child(&b.tuples[j])]
			b.at[j] = n
			b.active[active&(width-1)] = j
			active += 1 - int(n>>63)
		}
	}
}

// scan compares the first k eligible packets with the records of their leaves.
func (b *batch) scan(tr *tree, k int) {
	active := 0
	for _, j := range b.eligible[:k] {
		j &= width - 1
		b.active[active&(width-1)] = j
		active += int(b.at[j] >> 62 & 1)
	}
	recs := tr.recs
	for active > 0 {
		k, active = active, 0
		for _, j := range b.active[:k] {
			j &= width - 1
			n := b.at[j]
			b.at[j] = n + 1
			r := &recs[uint32(n)]
			slot := r.slot()
			best := min(b.best[j], slot|-uint32(r.miss(&b.tuples[j])))
			b.best[j] = best
			// Go on where another record follows and may be better.
			b.active[active&(width-1)] = j
			active += int((uint64(slot) - uint64(best)) & r.lo >> 63)
		}
	}
}
