package lower

import (
	"maps"
	"slices"

	"rampart/engine/ir"
	"rampart/nft/ruleset"
)

// onlyMembers lowers a program that differs from the last one in nothing but members of sets, which is what most changes
// of labels and addresses come to: then the table differs in nothing but elements. It is nil when there is more to it.
func onlyMembers(p *ir.Program, o Options) *Lowered {
	last := o.Previous
	if last == nil || last.memory == nil || !last.memory.fits(p, o) {
		return nil
	}
	m := last.memory
	if !p.SameEndpoints(m.program) && !slices.Equal(p.Endpoints, m.program.Endpoints) {
		return nil
	}
	changed, ok := otherMembers(m.program.Sets, p.Sets)
	if !ok {
		return nil
	}
	made := map[setKey]*madeSet{}
	instead := map[string]*ruleset.Set{}
	for _, s := range changed {
		for _, f := range m.fragments {
			if _, reads := f.read[s.ID]; reads {
				return nil
			}
		}
		for _, key := range formsOf(s.ID) {
			had := m.sets[key]
			if had == nil {
				continue
			}
			next := had.successor(s, key)
			if next.names() != had.names() {
				return nil
			}
			made[key] = next
			for _, set := range next.sets {
				instead[set.Name] = set
			}
		}
	}
	l := &Lowered{Names: last.Names, Logs: last.Logs, Ruleset: &ruleset.Ruleset{
		Table: last.Table, Sets: slices.Clone(last.Sets), Chains: slices.Clone(last.Chains),
	}}
	if len(instead) > 0 {
		for i, s := range l.Sets {
			if next := instead[s.Name]; next != nil {
				l.Sets[i] = next
			}
		}
	}
	memory := *m
	memory.program = p
	if len(made) > 0 {
		memory.sets = maps.Clone(m.sets)
		maps.Copy(memory.sets, made)
	}
	l.memory = &memory
	return l
}

// maxChanged is up to how many sets may have other members.
const maxChanged = 32

// otherMembers are the sets whose members differ; ok is false when the lists do not have the same sets, or many differ.
func otherMembers(old, new []*ir.Set) (changed []*ir.Set, ok bool) {
	if len(old) != len(new) {
		return nil, false
	}
	for i, s := range new {
		switch {
		case s == old[i]:
		case s.ID != old[i].ID || len(changed) == maxChanged:
			return nil, false
		case !sameSet(s, old[i]):
			changed = append(changed, s)
		}
	}
	return changed, true
}
