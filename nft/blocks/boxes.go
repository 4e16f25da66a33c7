package blocks

import (
	"slices"

	"rampart/engine/ir/span"
	"rampart/nft/ruleset"
)

// boxes adds pipapo maps: concatenated ranges, of which the kernel finds the first inserted that matches, as far as that
// goes: see placing. Mostly it is one map.
//
// The kernel refuses an element when its first or its last corner lies in an element that is there (nft_pipapo_insert,
// pipapo_get on start and end). Such an element loses what the other takes from it anyway.
func (p *planner) boxes(c *chain, items []*item, points []point) {
	fields := fieldsOf(items)
	if len(points) > 0 {
		k := census{exact: true}
		for i := range points {
			for _, x := range items {
				k.add(x, &points[i], 0)
			}
		}
		used := uint8(0)
		for _, d := range fields {
			used |= 1 << d
		}
		fields, _ = k.order(used)
	}
	if len(fields) == 1 {
		// A second field makes the map a pipapo map, which a search of sorted ranges does not match in speed.
		if fields[0] == proto {
			fields = append(fields, src)
		} else {
			fields = append(fields, proto)
		}
	}
	if c.guard && !slices.Contains(fields, sport) && !slices.Contains(fields, dport) && len(fields) < int(dims) {
		fields = append(fields, dport)
	}
	var m packing
	for _, x := range items {
		p.product(x, fields, func(first, last []span.Value) {
			m.insert(box{slices.Clone(first), slices.Clone(last)}, x.order)
		})
	}
	if (slices.Contains(fields, sport) || slices.Contains(fields, dport)) && slices.ContainsFunc(items, (*item).portless) {
		p.ports = true
		c.guard = true
	}
	levels, disjoint := m.levels(p.geo.width[fields[len(fields)-1]])
	for _, level := range levels {
		s := p.newMap(c, fields, true)
		s.Disjoint = disjoint
		for _, b := range level {
			e := ruleset.Element{Key: p.keyOf(fields, b.first), End: p.keyOf(fields, b.last)}
			p.say(&e, b.order)
			s.Elements = append(s.Elements, e)
		}
		nameByContent(s)
		p.ask(c, s, fields, [2]int{})
		p.plan.Report.Boxes++
	}
}

// box is a range in each field.
type box struct{ first, last []span.Value }

func (b box) contains(v []span.Value) bool {
	for i, x := range v {
		if x.Less(b.first[i]) || b.last[i].Less(x) {
			return false
		}
	}
	return true
}

// packing collects the boxes of pipapo maps, in order.
type packing struct {
	in    []ordered
	index corners
}

// ordered is a box and the entry it stands for.
type ordered struct {
	box
	order int
}

func (m *packing) insert(b box, order int) {
	for _, i := range m.index.near(b.first[0], b.last[0]) {
		o := m.in[i]
		if !o.contains(b.first) && !o.contains(b.last) {
			continue
		}
		for _, rest := range b.without(o.box) {
			m.insert(rest, order)
		}
		return
	}
	m.index.add(b.first[0], b.last[0], len(m.in))
	m.in = append(m.in, ordered{b, order})
}

// without are disjoint boxes that make up b without o.
func (b box) without(o box) []box {
	var out []box
	cur := box{slices.Clone(b.first), slices.Clone(b.last)}
	for i := range b.first {
		if cur.first[i].Less(o.first[i]) {
			below := box{slices.Clone(cur.first), slices.Clone(cur.last)}
			below.last[i] = o.first[i].Prev()
			out = append(out, below)
			cur.first[i] = o.first[i]
		}
		if o.last[i].Less(cur.last[i]) {
			above := box{slices.Clone(cur.first), slices.Clone(cur.last)}
			above.first[i] = o.last[i].Next()
			out = append(out, above)
			cur.last[i] = o.last[i]
		}
	}
	return out
}

// corners finds the boxes whose first field may contain a value: by prefix, from the whole field down.
type corners struct {
	byPrefix map[prefixKey][]int
	sizes    []int // prefix sizes in use, in bits that are open
}

type prefixKey struct {
	value span.Value
	size  int
}

// add files a box under the smallest prefix that has its whole range.
func (c *corners) add(lo, hi span.Value, i int) {
	if c.byPrefix == nil {
		c.byPrefix = map[prefixKey][]int{}
	}
	size := 0
	for lo.Last(size) != hi.Last(size) {
		size++
	}
	k := prefixKey{lo.Last(size), size}
	c.byPrefix[k] = append(c.byPrefix[k], i)
	if !slices.Contains(c.sizes, size) {
		c.sizes = append(c.sizes, size)
		slices.Sort(c.sizes)
	}
}

// near are the boxes that may contain lo or hi, in order of insertion.
func (c *corners) near(lo, hi span.Value) []int {
	var out []int
	for _, size := range c.sizes {
		a, b := lo.Last(size), hi.Last(size)
		out = append(out, c.byPrefix[prefixKey{a, size}]...)
		if a != b {
			out = append(out, c.byPrefix[prefixKey{b, size}]...)
		}
	}
	slices.Sort(out)
	return out
}
