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
	asking, simple := 0, 0
	var ids []ir.SetID
	known := map[ir.SetID]bool{}
	for _, x := range e.items {
		if len(x.sets[d]) == 0 {
			continue
		}
		asking++
		if x.bound&^(1<<d) == 0 && !x.hard && len(x.sets[1-d]) == 0 {
			simple++
		}
		for _, id := range x.sets[d] {
			if !known[id] {
				known[id] = true
				ids = append(ids, id)
			}
		}
	}
	if asking < p.costs.MinMembers {
		return out
	}
	members, largest := 0.0, 0.0
	for _, id := range ids {
		n := p.count(id)
		members += n
		largest = max(largest, n)
	}
	// Addresses are in several sets, so there are fewer of them than members, and how many is not worth finding out.
	addrs := max(largest, min(members, 4*largest))
	others := float64(len(e.items) - asking)
	each := others + members/max(addrs, 1)*float64(asking)/float64(len(ids)) // items in a region
	x := price{0.6 * each * (p.costs.Rule + p.costs.Chain/max(each, 1)), 0}
	classes := min(addrs, math.Exp2(float64(len(ids))))
	x.bytes = mapBytes + elementBytes*addrs + classes*(chainBytes+min(each, 16)*ruleBytes)
	if simple == asking && others == 0 {
		x = price{0, mapBytes + elementBytes*addrs}
	}
	find, _ := p.dispatch(d, addrs, true, 0, e.weight)
	x.ns += find
	return append(out, candidate{d, false, true, p.worth(e.weight, x), func() *cut {
		c := p.cutMembers(e.items, d, ids)
		c.price = x
		return c
	}})
}

// count is how many members a set has in the family, roughly.
func (p *planner) count(id ir.SetID) float64 {
	n, ok := p.counts[id]
	if !ok {
		k := 0
		for range p.ofFamily(p.in.Sets(id)) {
			k++
		}
		n = bucket(k)
		p.counts[id] = n
	}
	return n
}

// memberShare is which part of the packets of a rule for a set is supposed to come from one of its classes. It is no use
// to know better: then what is decided for one class would depend on the size of others.
const memberShare = 1.0 / 16

func (p *planner) cutMembers(items []part, d dim, ids []ir.SetID) *cut {
	c := &cut{d: d, members: true}
	var rest []part
	c.asking = map[ir.SetID][]part{}
	for _, x := range items {
		if len(x.sets[d]) == 0 {
			rest = append(rest, x)
			continue
		}
		c.asking[x.sets[d][0]] = append(c.asking[x.sets[d][0]], x)
	}
	c.others = rest
	c.leave(rest, 0)
	p.enlist(c, p.newRoster(ids))
	return c
}

// enlist makes the regions of a cut by members: its classes.
func (p *planner) enlist(c *cut, r *roster) {
	c.roster, c.regions, c.single = r, nil, r.entries != nil
	for _, k := range r.ordered() {
		c.regions = append(c.regions, region{ranges: k.ranges, class: k, build: func(r *region) []part { return p.inClass(c, k) }})
	}
}

// inClass is the list of the packets of a class: the rules that do not ask, and those that ask for sets it is in.
func (p *planner) inClass(c *cut, k *class) []part {
	var lists [][]part
	for _, id := range k.sets {
		var list []part
		for _, x := range c.asking[id] {
			if !slices.ContainsFunc(x.sets[c.d], func(id ir.SetID) bool { return !slices.Contains(k.sets, id) }) {
				list = append(list, part{x.inSets(c.d), x.share * memberShare})
			}
		}
		if len(list) > 0 {
			lists = append(lists, list)
		}
	}
	var others []part
	for _, x := range c.others {
		others = append(others, part{x.item, x.share * memberShare})
	}
	return merge(append(lists, others))
}
