package blocks

import "math/bits"

// Costs are what the kernel's work takes, in nanoseconds, and how much of a packet's time memory is worth. Only their
// relations matter. Measure them with "go run ./bench/lowering -constants".
type Costs struct {
	// Rule is a plain rule that does not match; Set a rule that also looks an address up in a set.
	Rule, Set float64
	// Hash is a look-up in a hash map, Goto entering a chain.
	Hash, Goto float64
	// Map and Field are the fixed costs of a pipapo look-up and of each of its fields. Line is one load of 256 bits: a
	// field has one for each eight bits of its width and each 256 elements. Alive is one element that still matches
	// after a field and must be carried to the next.
	Map, Field, Line, Alive float64
	// Copy is what storing every rule of the list once more is worth.
	Copy float64
	// Cut is what a look-up must cost before dividing the list is thought of, and MinMap how many entries make a map.
	Cut    float64
	MinMap int
}

// DefaultCosts were measured on Linux 6.18, AMD EPYC with AVX2.
func DefaultCosts() Costs {
	return Costs{Rule: 44, Set: 80, Hash: 60, Goto: 17, Map: 10, Field: 20, Line: 3, Alive: 7, Copy: 40, Cut: 170, MinMap: 3}
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

func (c *census) add(x *item, p *point, skip dim, all bool) {
	var mask, used uint8
	for d := range dims {
		s := x.box[d]
		if s == nil || d == skip && all {
			mask |= 1 << d
			continue
		}
		used |= 1 << d
		if c.exact && !s.exact() {
			c.exact = false
		}
		if s.contains(p[d]) {
			mask |= 1 << d
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
			lookup += k.Field + k.Line*groups(p.geo.width[d])*lines(c.elements)
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

func lines(elements float64) float64 { return float64(int(elements+255) / 256) }

// dispatch is what finding the chain of a region costs.
func (p *planner) dispatch(d dim, regions float64, hash bool) float64 {
	k := &p.costs
	if hash {
		return k.Hash + k.Goto
	}
	return k.Map + 2*k.Field + k.Line*lines(regions)*(groups(p.geo.width[d])+1) + k.Alive + k.Goto
}
