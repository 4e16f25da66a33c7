package classify

import "encoding/binary"

// Key4 is an IPv4 packet's five-tuple in host byte order; for ICMP the ports are type and code.
type Key4 struct {
	Src, Dst         uint32
	SrcPort, DstPort uint16
	Protocol         uint8
}

// Key6 is an IPv6 packet's five-tuple; addresses in network byte order.
type Key6 struct {
	Src, Dst         [16]byte
	SrcPort, DstPort uint16
	Protocol         uint8
}

// Lookup4 writes to out[i] the Value of the first rule that matches keys[i], or NoMatch. out is at least as long as
// keys; the more keys at once the faster, up to a few hundred. The classifier is an IPv4 one. It does not allocate and
// may run in many goroutines.
func (c *Classifier) Lookup4(keys []Key4, out []uint32) {
	out = out[:len(keys)]
	if len(keys) < fewKeys {
		for i := range keys {
			t := keys[i].tuple()
			out[i] = c.answer4(&keys[i], &t, c.find(&t))
		}
		return
	}
	var b batch
	for len(keys) > 0 {
		n := min(len(keys), width)
		for i := range keys[:n] {
			b.tuples[i&(width-1)] = keys[i].tuple()
		}
		b.find(c, n)
		if c.Pending() == 0 {
			for i := range out[:n] {
				out[i] = c.value(b.best[i&(width-1)])
			}
		} else {
			for i := range out[:n] {
				out[i] = c.answer4(&keys[i], &b.tuples[i&(width-1)], b.best[i&(width-1)])
			}
		}
		keys, out = keys[n:], out[n:]
	}
}

// Lookup6 is Lookup4 for IPv6.
func (c *Classifier) Lookup6(keys []Key6, out []uint32) {
	out = out[:len(keys)]
	if len(keys) < fewKeys {
		for i := range keys {
			k := &keys[i]
			t := k.tuple(c.src.rank(number6(&k.Src)), c.dst.rank(number6(&k.Dst)))
			out[i] = c.answer6(&keys[i], &t, c.find(&t))
		}
		return
	}
	var b batch
	var addrs [width]u128
	for len(keys) > 0 {
		n := min(len(keys), width)
		// The ranks are found in the places of numbers, which are not needed yet.
		src, dst := &b.eligible, &b.active
		for i := range keys[:n] {
			addrs[i&(width-1)] = number6(&keys[i].Src)
		}
		c.src.search(&addrs, src, n)
		for i := range keys[:n] {
			addrs[i&(width-1)] = number6(&keys[i].Dst)
		}
		c.dst.search(&addrs, dst, n)
		for i := range keys[:n] {
			b.tuples[i&(width-1)] = keys[i].tuple(src[i&(width-1)], dst[i&(width-1)])
		}
		b.find(c, n)
		for i := range out[:n] {
			out[i] = c.answer6(&keys[i], &b.tuples[i&(width-1)], b.best[i&(width-1)])
		}
		keys, out = keys[n:], out[n:]
	}
}

// fewKeys: fewer are looked up one by one, which begins sooner.
const fewKeys = 4

func (k *Key4) tuple() tuple {
	return tuple{uint64(k.Src)<<32 | uint64(k.Dst), rest(uint32(k.SrcPort), uint32(k.DstPort), uint32(k.Protocol))}
}

func (k *Key6) tuple(src, dst uint32) tuple {
	return tuple{uint64(src)<<32 | uint64(dst), rest(uint32(k.SrcPort), uint32(k.DstPort), uint32(k.Protocol))}
}

func number6(a *[16]byte) u128 {
	return u128{binary.BigEndian.Uint64(a[:8]), binary.BigEndian.Uint64(a[8:])}
}

// answer4 is the value for a packet whose first live slot is best: the overlay may know better.
func (c *Classifier) answer4(k *Key4, t *tuple, best uint32) uint32 {
	if len(c.overlay) == 0 {
		return c.value(best)
	}
	row := c.sieve.rows(t, c.src.scale, c.dst.scale)
	if row == (sieveRow{}) {
		return c.value(best)
	}
	p := packet{u128{lo: uint64(k.Src)}, u128{lo: uint64(k.Dst)}, k.SrcPort, k.DstPort, k.Protocol}
	return c.overlaid(best, &row, &p)
}

func (c *Classifier) answer6(k *Key6, t *tuple, best uint32) uint32 {
	if len(c.overlay) == 0 {
		return c.value(best)
	}
	row := c.sieve.rows(t, c.src.scale, c.dst.scale)
	if row == (sieveRow{}) {
		return c.value(best)
	}
	return c.overlaid(best, &row, &packet{number6(&k.Src), number6(&k.Dst), k.SrcPort, k.DstPort, k.Protocol})
}

// find is the first live slot that matches, or the one after the last.
func (c *Classifier) find(t *tuple) uint32 {
	best := c.none()
	var w work
	for i := range c.trees {
		tr := &c.trees[i]
		if tr.first >= best {
			break // the trees are in the order of their first slots
		}
		best = tr.find(t, best, c.dead, &w)
	}
	return best
}

// none is the slot of packets that no rule matches: the one after the last.
func (c *Classifier) none() uint32 { return uint32(len(c.rules)) }

func (c *Classifier) value(slot uint32) uint32 { return c.values[slot] }
