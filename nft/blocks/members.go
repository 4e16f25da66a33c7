package blocks

import (
	"math"
	"slices"
	"strings"

	"rampart/engine/ir"
	"rampart/engine/ir/span"
	"rampart/nft/ruleset"
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
	x.bytes = mapBytes + memberBytes*addrs + classes*(chainBytes+min(each, 16)*ruleBytes)
	if simple == asking && others == 0 {
		x = price{0, mapBytes + memberBytes*addrs}
	}
	find, _ := p.dispatch(d, addrs, true, 0, e.weight)
	x.ns += find
	joint, elements := p.joint(e.items, d)
	if joint != nil {
		y := price{p.costs.Hash + p.costs.Cold*cold(e.weight), mapBytes + memberBytes*elements}
		if p.worth(e.weight, y) < p.worth(e.weight, x) {
			x = y
		} else {
			joint = nil
		}
	}
	return append(out, candidate{d: d, members: true, estimate: p.worth(e.weight, x), make: func() *cut {
		c := p.cutMembers(e.items, d, ids)
		c.price, c.joint = x, joint
		return c
	}})
}

// joint are the fields that all items that ask for sets ask for besides, in single values, as rules for a port do. Then an
// address need not lead to the chain of its class: a map of the address together with these fields decides. When members
// change, so do elements that say accept or drop, which costs the kernel next to nothing; where a chain comes or goes, or an
// element that leads to one, it checks the whole table. elements is how many there are, roughly. It is nil where items say
// more, and where one that asks for no set would have to be asked before one that does.
func (p *planner) joint(items []part, d dim) (fields []dim, elements float64) {
	var others []*item
	shape := uint8(0)
	for _, x := range items {
		if len(x.sets[d]) == 0 {
			others = append(others, x.item)
			continue
		}
		if x.hard || len(x.sets[1-d]) > 0 || x.bound == 0 || x.bound&(1<<d) != 0 || shape != 0 && x.bound != shape || len(others) > maxOthers {
			return nil, 0
		}
		for f := range dims {
			if x.box[f] != nil && !x.box[f].Exact() {
				return nil, 0
			}
		}
		if slices.ContainsFunc(others, x.overlaps) {
			return nil, 0
		}
		shape = x.bound
		members := p.count(x.sets[d][0])
		for _, id := range x.sets[d][1:] {
			members = min(members, p.count(id))
		}
		elements += members * float64(x.elements)
	}
	if elements > float64(p.costs.MaxMap) {
		return nil, 0
	}
	for f := range dims {
		if shape&(1<<f) != 0 {
			fields = append(fields, f)
		}
	}
	return fields, elements
}

// maxOthers is how many items may come before one that asks for sets: each is compared with it.
const maxOthers = 64

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
	c := &cut{d: d, members: true, asking: map[ir.SetID][]asker{}, known: map[uint64]*node{}, says: map[uint64]ruleset.Element{},
		decided: map[uint64][]ruleset.Element{}}
	for _, x := range items {
		if len(x.sets[d]) == 0 {
			c.others = append(c.others, x)
			continue
		}
		y := x.inSets(d)
		id := x.sets[d][0]
		c.asking[id] = append(c.asking[id], asker{part{y, x.share * memberShare}, x.sets[d][1:], y.everything()})
	}
	c.leave(c.others, 0)
	p.enlist(c, p.newRoster(ids))
	return c
}

// asker is an item that asks for sets, as it is for packets that are in them.
type asker struct {
	part
	more  []ir.SetID // the sets beside the first
	final bool       // it decides
}

// enlist gives a cut by members its classes.
func (p *planner) enlist(c *cut, r *roster) {
	c.roster, c.regions, c.single = r, nil, r.entries != nil
	if c.single {
		return
	}
	for _, k := range r.classes {
		c.regions = append(c.regions, region{ranges: k.ranges, class: k})
	}
}

// inClass is the list of the packets of a class: the rules that do not ask, and those that ask for sets it is in, as far
// as the first that decides.
func (p *planner) inClass(c *cut, k *class) []part {
	list, last := p.askers(c, k)
	var others []part
	for _, x := range c.others {
		if x.order > last {
			break
		}
		others = append(others, part{x.item, x.share * memberShare})
	}
	return merge([][]part{list, others})
}

// askers are the items that ask for sets the class is in, as far as the first that decides, which is at last.
func (p *planner) askers(c *cut, k *class) (list []part, last int) {
	last = maxElements
	for _, id := range k.sets {
		for _, x := range c.asking[id] {
			if x.order > last {
				break
			}
			if slices.ContainsFunc(x.more, func(id ir.SetID) bool { return !slices.Contains(k.sets, id) }) {
				continue
			}
			list = append(list, x.part)
			if x.final {
				last = x.order
			}
		}
	}
	list = slices.DeleteFunc(list, func(x part) bool { return x.order > last })
	slices.SortFunc(list, func(a, b part) int { return byOrder(a.item, b.item) })
	return list, last
}

// decideClasses decides about the classes that have not been seen before.
func (p *planner) decideClasses(n *node, c *cut) {
	decide := func(k *class) *node {
		m := c.known[k.mark]
		if m == nil {
			list := p.inClass(c, k)
			m = p.decide(list, p.sample(list, localSize), c.below(n.way), n.depth+1)
		} else {
			m = p.refresh(m)
		}
		c.known[k.mark] = m
		return m
	}
	if c.single {
		c.by = byHash
		if c.joint != nil {
			return
		}
		for _, k := range c.roster.classes {
			decide(k)
		}
		return
	}
	for i := range c.regions {
		c.regions[i].node = decide(c.regions[i].class)
	}
	_, c.by, _ = p.find(c, 0)
}

// enroll fills the map of a cut by members with an element for each address, or takes it over from the last plan with the
// addresses changed that have moved.
func (p *planner) enroll(c *chain, k *cut, s *ruleset.Set, guard bool) {
	moved := false // a class has another chain than in the last plan
	for _, x := range k.roster.classes {
		m := k.known[x.mark]
		had, said := k.says[x.mark]
		if said && m.decides() || len(m.items) == 0 {
			continue
		}
		says := p.target(c, k, &region{class: x, node: m}, guard)
		moved = moved || said && had != says
		k.says[x.mark] = says
	}
	entries := k.roster.entries
	if k.set != nil && k.set.Name == s.Name && k.whole && !moved {
		s.Elements = k.patched(k.set.Elements, func(a span.Value) ruleset.Key { return p.key(nil, k.d, a) })
	} else {
		s.Elements = make([]ruleset.Element, 0, len(entries))
		for i := range entries {
			s.Elements = k.appendTo(s.Elements, &entries[i])
		}
	}
	k.set, k.whole = s, len(s.Elements) == len(entries)
}

// enrollJoint fills the map of a cut by members with elements for each address and the joint fields, or takes it over as
// enroll does.
func (p *planner) enrollJoint(k *cut, s *ruleset.Set) {
	for _, x := range k.roster.classes {
		if _, known := k.decided[x.mark]; !known {
			k.decided[x.mark] = p.decidedBy(k, x)
		}
	}
	if k.set != nil && k.set.Name == s.Name {
		s.Elements = k.patched(k.set.Elements, func(a span.Value) ruleset.Key { return p.key(nil, k.d, a) })
	} else {
		s.Elements = nil
		for i := range k.roster.entries {
			s.Elements = k.appendTo(s.Elements, &k.roster.entries[i])
		}
	}
	k.set = s
}

// decidedBy are the elements of an address of a class, without the address.
func (p *planner) decidedBy(k *cut, x *class) []ruleset.Element {
	var list []ruleset.Element
	seen := map[string]bool{}
	items, _ := p.askers(k, x)
	for _, y := range items {
		p.product(y.item, k.joint, func(first, _ []span.Value) {
			e := ruleset.Element{Key: p.keyOf(k.joint, first)}
			if !seen[e.Key] {
				seen[e.Key] = true
				p.say(&e, y.order)
				list = append(list, e)
			}
		})
	}
	slices.SortFunc(list, func(a, b ruleset.Element) int { return strings.Compare(a.Key, b.Key) })
	return list
}

// appendTo adds what the map says for an address, which is nothing when no rule matches there.
func (k *cut) appendTo(list []ruleset.Element, e *entry) []ruleset.Element {
	if k.joint == nil {
		if x, ok := k.element(e); ok {
			list = append(list, x)
		}
		return list
	}
	for _, x := range k.decided[e.mark] {
		x.Key = e.key + x.Key
		list = append(list, x)
	}
	return list
}

// element is what the map says for an address; ok is false when no rule matches there.
func (k *cut) element(e *entry) (x ruleset.Element, ok bool) {
	x, ok = k.says[e.mark]
	x.Key = e.key
	return x, ok
}

// patched are the elements of the last map with those of the addresses that have changed since.
func (k *cut) patched(old []ruleset.Element, key func(span.Value) ruleset.Key) []ruleset.Element {
	out := make([]ruleset.Element, 0, len(old)+len(k.roster.changed))
	for _, a := range k.roster.changed {
		key := string(key(a))
		i, _ := slices.BinarySearchFunc(old, key, func(e ruleset.Element, key string) int { return strings.Compare(e.Key, key) })
		out = append(out, old[:i]...)
		for i < len(old) && strings.HasPrefix(old[i].Key, key) {
			i++
		}
		old = old[i:]
		if i, ok := findEntry(k.roster.entries, a); ok {
			out = k.appendTo(out, &k.roster.entries[i])
		}
	}
	return append(out, old...)
}
