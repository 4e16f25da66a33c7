package blocks

import "math/bits"

// Costs are what the kernel's work takes, in nanoseconds, and how much of a packet's time memory is worth. Only their
// relations matter. Measure them with "go run ./bench/lowering -constants".
type Costs struct {
	// Rule is a plain rule that does not match; Set a rule that also looks an address up in a set.
	Rule, Set float64
	// Hash is a look-up in a hash map, Goto entering a chain.
	Hash, Goto float64
	// Map and Field are the fixed costs of a pipapo look-up and of each of its fields. A field has a group for each eight
	// bits of its width: Group is what finding a group's row of bits costs, cold, and Line reading 256 bits of it, one for
	// each element. Alive is one element that still matches after a field and must be carried to the next.
	Map, Field, Group, Line, Alive float64
	// Copy is what storing every rule of the list once more is worth.
	Copy float64
	// Byte is what a byte of the maps' tables costs the average packet: the more there are, the fewer are in the cache.
	Byte float64
	// Cut is what a look-up must cost before dividing the list is thought of, and MinMap how many entries make a map.
	Cut    float64
	MinMap int
	// MaxMap is how many elements a map may have before it is cut whatever it costs: large maps are slow to change.
	MaxMap int
}

// DefaultCosts were measured on Linux 6.18, AMD EPYC with AVX2.
func DefaultCosts() Costs {
	return Costs{Rule: 44, Set: 80, Hash: 60, Goto: 17, Map: 10, Field: 20, Group: 12, Line: 2.8, Alive: 7, Copy: 40, Byte: 25e-6, Cut: 170, MinMap: 3, MaxMap: 4096}
}

// groups is how many 8-bit groups a field of so many bits has.
func groups(width int) float64 { return float64((width + 7) / 8) }

// census counts, for one packet, in which dimensions each item of a list contains it: by the set of dimensions.
type census struct {
	count    [1 << dims]float64
	used     uint8 // dimensions that some item restricts
	items    int
	opaque   float64
	elements float64
	exact    bool // every restricted dimension consists of single values, the same dimensions in every item
	shape    uint8
}

// add counts an item; the dimensions in settled are known to contain the packet.
func (c *census) add(x *item, p *point, settled uint8) {
	used := x.bound &^ settled
	mask := uint8(1<<dims - 1)
	for m := used; m != 0; m &= m - 1 {
		d := dim(bits.TrailingZeros8(m))
		s := x.box[d]
		if !s.contains(p[d]) {
			mask &^= 1 << d
		}
		if c.exact && !x.opaque && !s.exact() {
			c.exact = false
		}
	}
	c.items++
	if x.opaque {
		if used&^mask == 0 {
			c.opaque++
		} else {
			c.opaque += 0.5
		}
		return
	}
	if c.used == 0 {
		c.shape = used
	}
	if used != c.shape {
		c.exact = false
	}
	c.used |= used
	c.count[mask]++
	c.elements += float64(x.elements)
}

func (p *planner) census(items []*item, pt *point) *census {
	c := &census{exact: true}
	for _, x := range items {
		c.add(x, pt, 0)
	}
	return c
}

// alive is how many items contain the packet in all dimensions of set.
func (c *census) alive(set uint8) float64 {
	n := 0.0
	for mask, k := range c.count {
		if k > 0 && uint8(mask)&set == set {
			n += k
		}
	}
	return n
}

// order is the order of fields that leaves the fewest elements alive, and the sum of those.
func (c *census) order(used uint8) (fields []dim, alive float64) {
	set := uint8(0)
	for set != used {
		best, least := dims, 0.0
		for d := range dims {
			if used&(1<<d) == 0 || set&(1<<d) != 0 {
				continue
			}
			if a := c.alive(set | 1<<d); best == dims || a < least {
				best, least = d, a
			}
		}
		set |= 1 << best
		fields = append(fields, best)
		if set != used {
			alive += least
		}
	}
	return fields, alive
}

// leaf is what looking through the list costs when it is not cut further.
func (p *planner) leaf(c *census) float64 {
	k := &p.costs
	n := float64(c.items)
	opaque := c.opaque * (k.Rule + k.Set) / 2
	exact := n - c.opaque
	if exact <= 0 {
		return opaque
	}
	linear := exact * k.Rule * 0.7
	if exact <= 2 {
		return opaque + linear
	}
	if c.exact {
		return opaque + k.Hash + 25*float64(max(0, bits.Len(uint(c.elements))-8))/2
	}
	lookup := k.Map
	for d := range dims {
		if c.used&(1<<d) != 0 {
			lookup += k.Field + groups(p.geo.width[d])*(k.Group+k.Line*lines(c.elements))
		}
	}
	_, alive := c.order(c.used)
	lookup += k.Alive * alive
	if c.opaque > 0 {
		// The rules that are not in the map split it.
		lookup *= 1 + min(c.opaque, 3)/2
	}
	return opaque + min(linear, lookup)
}

// table is how many bytes the look-up tables of a pipapo map take: for each group of eight bits and each of its 256
// values one bit per element, in steps of 256 bits (nft_set_pipapo.h).
func (p *planner) table(fields uint8, elements float64) float64 {
	n := 0.0
	for d := range dims {
		if fields&(1<<d) != 0 {
			n += groups(p.geo.width[d])
		}
	}
	return n * 256 * 32 * lines(elements)
}

// form is what the items of a list look at together.
type form struct {
	// used are the dimensions that some item of a map restricts, any those that some item restricts at all.
	used, any uint8
	exact     bool
}

func formOf(items []*item) form {
	f := form{exact: true}
	for _, x := range items {
		f.any |= x.bound
		if x.opaque {
			continue
		}
		f.used |= x.bound
		if f.exact {
			for _, s := range x.box {
				f.exact = f.exact && (s == nil || s.exact())
			}
		}
	}
	return f
}

// without is the form of a list that no longer looks at a dimension.
func (f form) without(d dim) form { return form{f.used &^ (1 << d), f.any &^ (1 << d), f.exact} }

// room is what the memory of a list of so many elements that is not cut further costs.
func (p *planner) room(elements float64, f form) float64 {
	bytes := 500.0
	switch {
	case elements < float64(p.costs.MinMap):
		bytes += 300 * elements
	case f.exact:
		bytes += 120 * elements
	default:
		bytes += 120*elements + p.table(f.used, elements)
	}
	return p.costs.Byte * bytes
}

func lines(elements float64) float64 { return float64(int(elements+255) / 256) }

// dispatch is what finding the chain of a region costs. protos is how many protocols a range of the field is divided by.
func (p *planner) dispatch(d dim, regions float64, hash bool, protos int) float64 {
	k := &p.costs
	if hash {
		return k.Hash + k.Goto
	}
	// The map that finds regions is used by every packet and small: its rows are in the cache.
	return k.Map + 2*k.Field + (groups(p.geo.width[d])+1)*(k.Group/4+k.Line*lines(regions)) + k.Alive*float64(max(1, protos)) + k.Goto
}
