package blocks

import (
	"math"
	"slices"

	"rampart/engine/ir"
)

// A cut by members divides a list by the sets of the program that one side's address is in. The addresses that are in the
// same sets are one region: there, an item that asks for some of these sets asks no longer, and one that asks for another
// is gone. Often the first item left decides, and the map from addresses to regions is one from addresses to verdicts.

// bucket rounds a number of members, so that estimates, and with them the form of a plan, do not follow every change.
func bucket(n int) float64 {
	if n == 0 {
		return 0
	}
	return math.Exp2(2 * math.Round(math.Log2(float64(n))/2))
}

// members estimates a cut by members of the sets that items ask for on side d.
func (e *estimator) members(out []candidate, d dim) []candidate {
	p := e.p
	var asking []part
	var ids []ir.SetID
	simple := 0
	for _, x := range e.items {
		if len(x.sets[d]) == 0 {
			continue
		}
		asking = append(asking, x)
		if x.bound&^(1<<d) == 0 && !x.hard && len(x.sets[1-d]) == 0 {
			simple++
		}
		for _, id := range x.sets[d] {
			if !slices.Contains(ids, id) {
				ids = append(ids, id)
			}
		}
	}
	if len(asking) < p.costs.MinMembers {
		return out
	}
	members, largest := 0.0, 0.0
	for _, id := range ids {
		n := bucket(len(p.geo.set(id)))
		members += n
		largest = max(largest, n)
	}
	// Addresses are in several sets, so there are fewer of them than members, and how many is not worth finding out.
	addrs := max(largest, min(members, 4*largest))
	others := float64(len(e.items) - len(asking))
	each := others + members/max(addrs, 1)*float64(len(asking))/float64(len(ids)) // items in a region
	leaf := 0.6 * each * (p.costs.Rule + p.costs.Chain/max(each, 1))
	classes := min(addrs, math.Exp2(float64(len(ids))))
	room := p.costs.Byte * (mapBytes + elementBytes*addrs + classes*(chainBytes+min(each, 16)*ruleBytes))
	if simple == len(asking) && others == 0 {
		leaf, room = 0, p.costs.Byte*(mapBytes+elementBytes*addrs)
	}
	find, _ := p.dispatch(d, addrs, true, 0, e.weight)
	return append(out, candidate{d, false, true, e.weight*(find+leaf) + room, func() *cut { return p.cutMembers(e.items, d, ids) }})
}

// class is the addresses that are in the same sets.
type class struct {
	sets   []ir.SetID
	ranges spans
}

// classes are the addresses of the sets by the sets they are in.
func (p *planner) classes(ids []ir.SetID) []*class {
	var list []part
	for _, id := range ids {
		x := &item{}
		if x.box[src] = p.geo.set(id); x.box[src] == nil {
			x.box[src] = spans{{num{}, maxNum(p.geo.width[src])}}
		}
		x.sets[src] = []ir.SetID{id}
		list = append(list, part{x.seal(), 1})
	}
	found, _ := slicesOf(list, src, math.MaxInt)
	out := make([]*class, len(found))
	for i, s := range found {
		c := &class{ranges: s.ranges}
		for _, x := range s.items {
			c.sets = append(c.sets, x.sets[src][0])
		}
		out[i] = c
	}
	return out
}

func (p *planner) cutMembers(items []part, d dim, ids []ir.SetID) *cut {
	c := &cut{d: d, single: true, members: true}
	var rest []part
	for _, x := range items {
		if len(x.sets[d]) == 0 {
			rest = append(rest, x)
		}
	}
	for _, k := range p.classes(ids) {
		c.single = c.single && k.ranges.exact()
		c.regions = append(c.regions, region{ranges: k.ranges, build: func(r *region) []part {
			var list []part
			for _, x := range items {
				switch {
				case len(x.sets[d]) == 0:
					if y := p.within(x, d, r.ranges); y.item != nil {
						list = append(list, y)
					}
				case !slices.ContainsFunc(x.sets[d], func(id ir.SetID) bool { return !slices.Contains(k.sets, id) }):
					share := x.share * float64(len(r.ranges)) / float64(max(1, len(p.geo.set(x.sets[d][0]))))
					if y := p.within(part{x.inSets(d), share}, d, r.ranges); y.item != nil {
						y.share = share
						list = append(list, y)
					}
				}
			}
			return list
		}})
	}
	c.leave(rest, 0)
	return c
}
