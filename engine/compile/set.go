package compile

import (
	"cmp"
	"maps"
	"net/netip"
	"slices"

	"rampart/engine/ir"
)

// set is a set of the program and where its members come from.
type set struct {
	definition
	refs   int
	from   *selection // nil for a set that is always empty
	nets   members[netip.Prefix]
	ports  members[ir.PortMember]
	dirty  bool
	fresh  bool // has no members yet, whatever from matches
	sealed *ir.Set
}

// sets holds the sets that the policies and profiles in groups refer to.
type sets struct {
	byID map[ir.SetID]*set
	// fresh sets wait for their members; dirty ones for settle.
	fresh, dirty []*set
	// sorted are all of them, by ID; stale when a set came or went.
	sorted []*set
	stale  bool
}

// holdSet counts one more reference to the set.
func (c *Compiler) holdSet(d definition) {
	s := c.sets.byID[d.id]
	if s == nil {
		s = &set{definition: d}
		c.sets.byID[d.id] = s
		c.sets.touch(s)
		c.sets.stale = true
		if !d.empty {
			s.from = c.selections.hold(d.selector, d.text)
			s.from.sets = append(s.from.sets, s)
			s.fresh = true
			c.sets.fresh = append(c.sets.fresh, s)
		}
	}
	s.refs++
}

func (c *Compiler) releaseSet(d definition) {
	s := c.sets.byID[d.id]
	s.refs--
	if s.refs > 0 {
		return
	}
	delete(c.sets.byID, d.id)
	c.sets.stale = true
	if s.from != nil {
		i := slices.Index(s.from.sets, s)
		s.from.sets = slices.Delete(s.from.sets, i, i+1)
		c.selections.release(s.from)
	}
}

func (t *sets) touch(s *set) {
	if !s.dirty {
		s.dirty = true
		t.dirty = append(t.dirty, s)
	}
}

// settle publishes the set if its members are others now.
func (s *set) settle() {
	var had ir.Set
	if s.sealed != nil {
		had = *s.sealed
	}
	nets, netsGone := s.nets.settle(ir.ComparePrefixes, had.Nets.Contains)
	ports, portsGone := s.ports.settle(ir.PortMember.Compare, func(m ir.PortMember) bool {
		_, ok := slices.BinarySearchFunc(had.Ports, m, ir.PortMember.Compare)
		return ok
	})
	if s.sealed != nil && len(nets)+len(netsGone)+len(ports)+len(portsGone) == 0 {
		return
	}
	s.sealed = &ir.Set{
		ID: s.id, Kind: s.kind, Selector: s.text, PortName: s.portName, Protocol: s.protocol,
		Nets: had.Nets.Edit(nets, netsGone), Ports: edited(had.Ports, ports, portsGone, ir.PortMember.Compare),
	}
	ir.SealSet(s.sealed)
}

// settle publishes the sets that changed and lists all.
func (t *sets) settle() []*ir.Set {
	for _, s := range t.dirty {
		s.dirty = false
		s.settle()
	}
	t.dirty = nil
	if t.stale {
		t.stale = false
		t.sorted = slices.SortedFunc(maps.Values(t.byID), func(a, b *set) int { return cmp.Compare(a.id, b.id) })
	}
	list := make([]*ir.Set, len(t.sorted))
	for i, s := range t.sorted {
		list[i] = s.sealed
	}
	return list
}

// contribute adds what an item gives to a set, or takes it away.
func (c *Compiler) contribute(it *item, s *set, remove bool) {
	if s.kind == ir.SetNets {
		if it.nets.Len() == 0 {
			return
		}
		if remove {
			s.nets.del = slices.AppendSeq(s.nets.del, it.nets.All())
		} else {
			s.nets.add = slices.AppendSeq(s.nets.add, it.nets.All())
		}
		c.sets.touch(s)
		return
	}
	for _, p := range it.ports {
		if p.name != s.portName || s.protocol != 0 && p.protocol != s.protocol {
			continue
		}
		for n := range it.nets.All() {
			m := ir.PortMember{Addr: n.Addr(), Protocol: p.protocol, Port: p.port}
			if remove {
				s.ports.del = append(s.ports.del, m)
			} else {
				s.ports.add = append(s.ports.add, m)
			}
		}
		c.sets.touch(s)
	}
}
