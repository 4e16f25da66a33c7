package lower

import (
	"net/netip"
	"slices"

	"rampart/engine/ir"
)

// peers sorts addresses by the sets they are in. Addresses of the same sets are of one class: no rule that asks for sets
// alone tells them apart. Class 0 is that of all other addresses.
type peers struct {
	of      map[netip.Addr]int32
	classes []class
	// in has the classes whose addresses are in a set.
	in map[ir.SetID][]int32
}

// class is the addresses that are in exactly these sets.
type class struct {
	sets []ir.SetID
	// key tells classes apart, whatever others there are.
	key     string
	members int
}

// peersOf sorts the addresses of sets. The sets must hold single addresses only; their order decides the order of classes
// and of the sets of each.
func peersOf(sets []*ir.Set) *peers {
	p := &peers{of: map[netip.Addr]int32{}, classes: make([]class, 1), in: map[ir.SetID][]int32{}}
	for _, s := range sets {
		with := map[int32]int32{} // a class, and the class of its addresses that are in this set too
		for n := range s.Nets.All() {
			was := p.of[n.Addr()]
			now, ok := with[was]
			if !ok {
				now = int32(len(p.classes))
				p.classes = append(p.classes, class{sets: append(slices.Clip(p.classes[was].sets), s.ID), key: p.classes[was].key + " " + string(s.ID)})
				with[was] = now
			}
			p.of[n.Addr()] = now
		}
	}
	for _, c := range p.of {
		p.classes[c].members++
	}
	for i := range p.classes {
		if p.classes[i].members > 0 {
			for _, id := range p.classes[i].sets {
				p.in[id] = append(p.in[id], int32(i))
			}
		}
	}
	return p
}

// meet are the classes whose addresses meet a rule's conditions on sets. It must name one that they are in.
func (p *peers) meet(m *ir.Peer) []int32 {
	var list []int32
	for _, c := range p.in[m.Sets[0]] {
		in := func(id ir.SetID) bool { return slices.Contains(p.classes[c].sets, id) }
		if !slices.ContainsFunc(m.NotSets, in) && !slices.ContainsFunc(m.Sets, func(id ir.SetID) bool { return !in(id) }) {
			list = append(list, c)
		}
	}
	return list
}

// same tells that there are addresses of the classes that have been made, and of no others.
func (p *peers) same(made map[string]madeClass) bool {
	n := 0
	for i := range p.classes {
		if c := &p.classes[i]; c.members > 0 {
			if _, ok := made[c.key]; !ok {
				return false
			}
			n++
		}
	}
	return n == len(made)
}
