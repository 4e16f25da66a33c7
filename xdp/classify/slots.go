package classify

// slotSet is a set of slots; nil is empty.
type slotSet []uint64

func (b slotSet) has(i uint32) bool {
	w := int(i >> 6)
	return w < len(b) && b[w]>>(i&63)&1 != 0
}

// with returns a copy that also holds i, for n slots.
func (b slotSet) with(i uint32, n int) slotSet {
	c := make(slotSet, (n+63)/64)
	copy(c, b)
	c[i>>6] |= 1 << (i & 63)
	return c
}
