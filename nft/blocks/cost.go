package blocks

import (
	"math"
	"math/bits"
)

// Costs are what the kernel's work takes, in nanoseconds, and how much of a packet's time memory is worth. Only their
// relations matter. Fit them to what "go run ./bench/lowering -fit" prints.
//
// What a look-up costs depends above all on whether its memory is in the cache, and that on how much there is: a pipapo
// map of five fields takes 0.3 µs when it is the only one, and 1.9 µs when it is one of a thousand that packets meet at
// random. Hence two prices for the same work, and a price for memory.
type Costs struct {
	// Rule is a plain rule that does not match, Set one that looks an address up in a set besides. Chain is entering a
	// chain that was not just used.
	Rule, Set, Chain float64
	// Hash is a look-up in a hash map. Array and Step are one in a sorted array: at all, and for each halving.
	Hash, Array, Step float64
	// Map and Field are the fixed costs of a pipapo look-up and of each of its fields. A field has a group for each eight
	// bits of its width; Line is reading 256 bits of a group's row, one for each element, and Alive an element that still
	// matches after a field and must be carried to the next.
	Map, Field, Line, Alive float64
	// Group is finding the row of a pipapo group that is not in the cache, Cold finding anything else that is not: the
	// bucket of a hash map, the tables of a field.
	Group, Cold float64
	// Byte is what a byte of rules and maps costs the average packet, by driving others out of the cache: see crowded.
	Byte float64
	// Copy is what storing every item of the list once more is worth besides.
	Copy float64
	// Cut is what a look-up must cost before dividing the list is thought of, and MinMap how many entries make a map.
	Cut    float64
	MinMap int
	// Short is how many rules a list may have to stay a list of plain rules.
	Short int
	// ShortOfSets is the same where the program has very many sets.
	ShortOfSets int
	// Together is from how many short lists on, each of an endpoint of its own or a few, what they say of single ports is
	// looked up in maps for all of them together.
	Together int
	// MinMembers is how many rules must ask for sets before addresses are sorted by the sets they are in.
	MinMembers int
	// MaxMap is how many elements a map may have before it is cut whatever it costs: large maps are slow to change.
	MaxMap int
	// MinParted is how many items a list must have to be parted: see part.
	MinParted int
}

// DefaultCosts were measured on Linux 6.18, AMD EPYC with AVX2.
func DefaultCosts() Costs {
	return Costs{
		Rule: 45, Set: 90, Chain: 60, Hash: 60, Array: 200, Step: 25, Map: 20, Field: 15, Line: 4, Alive: 7.5, Group: 17, Cold: 40,
		Byte: 40e-6, Cut: 300, MinMap: 3, Short: 12, ShortOfSets: 3, MinMembers: 4, MaxMap: 4096, MinParted: 500,
		Together: 64,
	}
}

// crowded is how many entries a list has when it fills the cache whatever is done. A byte more costs no more than a packet's
// reads being from memory, which in longer lists they are: each doubling halves what it is worth, in steps, so that a small
// change of a list does not move all its cuts.
const crowded = 10000

// of are the costs for a list of so many entries.
func (c Costs) of(entries int) Costs {
	for ; entries >= 2*crowded; entries /= 2 {
		c.Byte /= 2
	}
	return c
}

// Plain are the costs by which every list stays a list of plain rules.
func (c Costs) Plain() Costs {
	c.MinMap, c.Cut = math.MaxInt, math.Inf(1)
	return c
}

// Bytes of kernel memory, roughly: a rule of four conditions, an element of a map, a chain with its name, a map.
const (
	ruleBytes    = 320
	elementBytes = 120
	chainBytes   = 400
	mapBytes     = 1000
	// memberBytes stands for an element that comes and goes with the members of sets, once for each list: what it costs when
	// it does so is worth more than its memory.
	memberBytes = 1500
)

// cold is how much of what a map needs is not in the cache when this share of packets comes to it.
func cold(weight float64) float64 {
	if weight >= 0.2 {
		return 0.8
	}
	return 1
}

// groups is how many 8-bit groups a field of so many bits has.
func groups(width int) float64 { return float64((width + 7) / 8) }

// census counts, for one packet, in which dimensions each item of a list contains it: by the set of dimensions.
type census struct {
	count [1 << dims]float64
	used  uint8 // dimensions that some item restricts
	items int
	// opaques are the opaque items, opaque how many of them a packet has to look at closely.
	opaques int
	opaque  float64
	// tried is how many items were counted up to the first that contains the packet, when they are counted in order.
	tried    float64
	hit      bool
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
		if !s.Contains(p[d]) {
			mask &^= 1 << d
		}
		if c.exact && !x.opaque && !s.Exact() {
			c.exact = false
		}
	}
	c.items++
	if !c.hit {
		c.tried++
		c.hit = used&^mask == 0 && !x.opaque
	}
	if x.opaque {
		c.opaques++
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

func (p *planner) census(items []part, pt *point) *census {
	c := &census{exact: true}
	for _, x := range items {
		c.add(x.item, pt, 0)
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

// form is how a list is looked through.
type form uint8

const (
	plainRules form = iota
	hashMap
	boxMap
)

// price is what a form of looking through a list costs a packet, and its memory.
type price struct{ ns, bytes float64 }

func (p *planner) worth(weight float64, x price) float64 { return weight*x.ns + p.costs.Byte*x.bytes }

// plain is the price of plain rules, of which so many are tried.
func (p *planner) plain(c *census, tried float64) price {
	return price{tried * p.costs.Rule, ruleBytes * float64(c.items)}
}

// lookup is the price of one map for the list.
func (p *planner) lookup(c *census, weight float64) (price, form) {
	k := &p.costs
	cold := cold(weight)
	if c.exact {
		return price{k.Hash + k.Cold*cold + 12*float64(max(0, bits.Len(uint(c.elements))-8)), mapBytes + elementBytes*c.elements}, hashMap
	}
	ns := k.Map
	for d := range dims {
		if c.used&(1<<d) != 0 {
			ns += k.Field + k.Cold*cold + groups(p.geo.width[d])*(k.Group*cold+k.Line*(lines(c.elements)-1))
		}
	}
	_, alive := c.order(c.used)
	ns += k.Alive * alive
	if n := lines(c.elements); n > 1 && c.count[1<<dims-1] > 1 {
		// Boxes that overlap keep their order only within a block of a map, so it will be several maps: see levels.
		ns *= 1 + (n-1)/2
	}
	return price{ns, mapBytes + elementBytes*c.elements + p.table(c.used, c.elements)}, boxMap
}

// leaf is the best price of looking through a list that is not cut further. tried is how many plain rules a packet would
// try, as a share of the list.
func (p *planner) leaf(c *census, tried, weight float64) price {
	exact := float64(c.items) - float64(c.opaques)
	best := p.plain(c, tried*float64(c.items))
	best.ns += c.opaque * p.costs.Set
	best.bytes += chainBytes
	if exact >= float64(p.costs.MinMap) {
		m, _ := p.lookup(c, weight)
		if c.opaques > 0 {
			// The rules that are not in the map split it.
			m.ns = m.ns*(1+min(float64(c.opaques), 3)/2) + c.opaque*(p.costs.Rule+p.costs.Set)
			m.bytes += ruleBytes * float64(c.opaques)
		}
		m.bytes += chainBytes
		if p.worth(weight, m) < p.worth(weight, best) {
			best = m
		}
	}
	return best
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

// outline is what the items of a list look at together.
type outline struct {
	// used are the dimensions that some item of a map restricts, any those that some item restricts at all.
	used, any uint8
	exact     bool
}

func outlineOf(items []part) outline {
	f := outline{exact: true}
	for _, x := range items {
		f.any |= x.bound
		if x.opaque {
			continue
		}
		f.used |= x.bound
		if f.exact {
			for _, s := range x.box {
				f.exact = f.exact && (s == nil || s.Exact())
			}
		}
	}
	return f
}

// without is the outline of a list that no longer looks at a dimension.
func (f outline) without(d dim) outline {
	return outline{f.used &^ (1 << d), f.any &^ (1 << d), f.exact}
}

// room is the memory of a region with so many items, before it is known how they will be looked through.
func (p *planner) room(items float64, f outline) float64 {
	m := mapBytes + elementBytes*items
	if !f.exact {
		m += p.table(f.used, items)
	}
	return p.costs.Byte * (chainBytes + min(m, ruleBytes*items))
}

func lines(elements float64) float64 { return float64(int(elements+255) / 256) }

// finder is how the region of a packet is found.
type finder uint8

const (
	byHash finder = iota
	byArray
	byBoxes
)

// dispatch is what finding a region among so many ranges costs, and the best way to find it. single tells that the ranges
// are single values, protos by how many protocols each is divided.
func (p *planner) dispatch(d dim, ranges float64, single bool, protos int, weight float64) (float64, finder) {
	k := &p.costs
	cold := cold(weight)
	if single {
		return k.Hash + k.Cold*cold + k.Chain, byHash
	}
	boxes := k.Map + 2*(k.Field+k.Cold*cold) + (groups(p.geo.width[d])+1)*(k.Group*cold+k.Line/2*(lines(ranges)-1)) + k.Alive*float64(max(1, protos)) + k.Chain
	if protos > 0 {
		return boxes, byBoxes
	}
	if array := k.Array + k.Step*float64(bits.Len(uint(ranges))) + k.Cold*cold + k.Chain; array <= boxes {
		return array, byArray
	}
	return boxes, byBoxes
}
