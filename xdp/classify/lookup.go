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
// keys. The classifier is an IPv4 one. It does not allocate and may run in many goroutines.
func (c *Classifier) Lookup4(keys []Key4, out []uint32) {
	out = out[:len(keys)]
	for i := range keys {
		k := &keys[i]
		ports := uint32(k.SrcPort)<<16 | uint32(k.DstPort)
		best := c.find(&tuple{k.Src, k.Dst, ports, uint32(k.Protocol)})
		if len(c.overlay) > 0 {
			out[i] = c.overlaid(best, &packet{u128{lo: uint64(k.Src)}, u128{lo: uint64(k.Dst)}, ports, k.Protocol})
		} else {
			out[i] = c.value(best)
		}
	}
}

// Lookup6 is Lookup4 for IPv6.
func (c *Classifier) Lookup6(keys []Key6, out []uint32) {
	out = out[:len(keys)]
	for i := range keys {
		k := &keys[i]
		src := u128{binary.BigEndian.Uint64(k.Src[:8]), binary.BigEndian.Uint64(k.Src[8:])}
		dst := u128{binary.BigEndian.Uint64(k.Dst[:8]), binary.BigEndian.Uint64(k.Dst[8:])}
		ports := uint32(k.SrcPort)<<16 | uint32(k.DstPort)
		best := c.find(&tuple{c.src.rank(src), c.dst.rank(dst), ports, uint32(k.Protocol)})
		if len(c.overlay) > 0 {
			out[i] = c.overlaid(best, &packet{src, dst, ports, k.Protocol})
		} else {
			out[i] = c.value(best)
		}
	}
}

// find is the first live slot that matches, or NoMatch.
func (c *Classifier) find(t *tuple) uint32 {
	best := uint32(NoMatch)
	for i := range c.trees {
		tr := &c.trees[i]
		if tr.first >= best {
			break // the trees are in the order of their first slots
		}
		best = tr.scan(tr.walk(t), t, best, c.dead)
	}
	return best
}

func (c *Classifier) value(slot uint32) uint32 {
	if slot == NoMatch {
		return NoMatch
	}
	return c.values[slot]
}
