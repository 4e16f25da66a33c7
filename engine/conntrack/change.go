package conntrack

import (
	"slices"

	"rampart/engine/ir"
	"rampart/model"
)

// change tells which interfaces have another policy in one program than in another. Connections elsewhere need no judging:
// their verdict is what it was.
type change struct {
	old, new *judge
	sets     map[ir.SetID]bool
	groups   map[ir.GroupID]bool // changed, or not; filled as asked
	ifaces   map[string]bool     // filled as asked
}

func newChange(old, new *judge) *change {
	c := &change{old: old, new: new, sets: map[ir.SetID]bool{}, groups: map[ir.GroupID]bool{}, ifaces: map[string]bool{}}
	d := ir.Diff(old.program, new.program)
	for _, s := range d.Sets {
		c.sets[s.Set.ID] = true
	}
	for _, list := range [][]*ir.Group{d.Groups.Added, d.Groups.Changed} {
		for _, g := range list {
			c.groups[g.ID] = true
		}
	}
	return c
}

// at tells whether the policy on an interface changed.
func (c *change) at(iface string) bool {
	if iface == "" {
		return false
	}
	changed, known := c.ifaces[iface]
	if !known {
		changed = c.compare(c.old.at(iface), c.new.at(iface))
		c.ifaces[iface] = changed
	}
	return changed
}

func (c *change) compare(a, b *ir.Endpoint) bool {
	switch {
	case a == nil || b == nil:
		return a != b
	case a.Key != b.Key || a.Sum != b.Sum:
		return true
	}
	for l := range model.Layer(model.NumLayers) {
		for _, d := range model.Directions() {
			if g := b.Group(d, l); g != nil && c.group(g) {
				return true
			}
		}
	}
	return false
}

// group tells whether a group's rules changed or the members of a set that they name.
func (c *change) group(g *ir.Group) bool {
	changed, known := c.groups[g.ID]
	if !known {
		changed = len(c.sets) > 0 && c.namesChangedSet(g)
		c.groups[g.ID] = changed
	}
	return changed
}

func (c *change) namesChangedSet(g *ir.Group) bool {
	changed := func(rules []*ir.Rule) bool {
		return slices.ContainsFunc(rules, func(r *ir.Rule) bool { return c.peer(&r.Match.Src) || c.peer(&r.Match.Dst) })
	}
	for _, t := range g.Tiers {
		for _, p := range t.Policies {
			if changed(p.Rules(g.Direction)) {
				return true
			}
		}
	}
	return slices.ContainsFunc(g.Profiles, func(p *ir.Profile) bool { return changed(p.Rules(g.Direction)) })
}

func (c *change) peer(p *ir.Peer) bool {
	for _, list := range [][]ir.SetID{p.Sets, p.NotSets, p.PortSets, p.NotPortSets} {
		if slices.ContainsFunc(list, func(id ir.SetID) bool { return c.sets[id] }) {
			return true
		}
	}
	return false
}
