package classify

// width is how many packets are looked up side by side: enough that the waiting for one's memory is another's time.
const width = 64

// batch is the state of packets that go through the trees side by side. A packet by itself would spend most of its time
// waiting for memory and for branches guessed wrongly; so each step is made for all packets that need it, without
// branches, before the next.
type batch struct {
	tuples [width]tuple
	best   [width]uint32
	at     [width]ref
	active [width]uint32
	landed [width]uint32
}

// find sets best for the first n tuples to the first live slot that matches, or NoMatch.
func (b *batch) find(c *Classifier, n int) {
	for i := range n {
		b.best[i&(width-1)] = NoMatch
	}
	for i := range c.trees {
		tr := &c.trees[i]
		k := 0
		for j := range uint32(n) {
			b.active[k&(width-1)] = j
			b.at[j&(width-1)] = tr.root
			// The trees are in the order of their first slots: none has a better answer where this has not.
			k += int((uint64(tr.first) - uint64(b.best[j&(width-1)])) >> 63)
		}
		if k == 0 {
			break
		}
		b.scan(tr, b.walk(tr, k))
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

// walk takes the first k active packets to their leaves and lists in active those whose leaf has records.
func (b *batch) walk(tr *tree, k int) int {
	refs, found := tr.refs, 0
	if tr.root&leafBit != 0 {
		return k
	}
	for k > 0 {
		next := 0
		for _, j := range b.active[:k] {
			j &= width - 1
			t := &b.tuples[j]
			n := b.at[j]
			x := (t[n>>32&3] >> (n >> 34 & 31)) & (1<<(n>>39&15) - 1)
			y := (t[n>>43&3] >> (n >> 45 & 31)) & (1<<(n>>50&15) - 1)
			n = refs[uint32(n)+(x<<(n>>50&15)|y)]
			b.at[j] = n
			leaf := int(n >> 63)
			b.landed[found&(width-1)] = j
			found += leaf & int((n>>32&0xffff+0xffff)>>16)
			b.active[next&(width-1)] = j
			next += 1 - leaf
		}
		k = next
	}
	b.active = b.landed
	return found
}

// scan compares the first k active packets with the records of their leaves.
func (b *batch) scan(tr *tree, k int) {
	recs := tr.recs
	for k > 0 {
		next := 0
		for _, j := range b.active[:k] {
			j &= width - 1
			t := &b.tuples[j]
			n := b.at[j]
			r := &recs[uint32(n)]
			miss := uint64(r.dstSpan) - uint64(t[1]-r.dst)
			miss |= uint64(r.srcSpan) - uint64(t[0]-r.src)
			miss |= uint64(r.dport>>16) - uint64(uint16(t[2])-uint16(r.dport))
			miss |= uint64(r.sport>>16) - uint64(uint16(t[2]>>16)-uint16(r.sport))
			miss |= uint64(r.proto>>8) - uint64(uint8(t[3])-uint8(r.proto))
			hit := uint32(miss>>63) - 1 // all ones where the record matches
			best := min(b.best[j], r.slot|^hit)
			b.best[j] = best
			n = n + 1 - 1<<32
			b.at[j] = n
			b.active[next&(width-1)] = j
			// Go on where this was not the last record and the next may still be better.
			more := uint64(n>>32&0xffff+0xffff) >> 16
			next += int((uint64(r.slot) - uint64(best)) >> 63 & more)
		}
		k = next
	}
}
