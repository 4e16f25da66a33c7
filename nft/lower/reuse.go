package lower

import (
	"cmp"
	"maps"
	"reflect"
	"slices"
	"strings"

	"rampart/engine/ir"
	"rampart/model"
	"rampart/nft/ruleset"
)

// memory is what a lowering keeps for the next one of the same table: finished objects and what they were made from.
type memory struct {
	program   *ir.Program
	options   Options
	sets      map[setKey]*madeSet
	fragments fragments
	roster    *roster
	maps      map[string]*ruleset.Set
	names     map[model.RuleID]string
	peopled   versions
}

// recall takes over the memory of an earlier lowering if its settings were the same.
func (b *Builder) recall(previous *Lowered) {
	if previous == nil || previous.memory == nil || !previous.memory.fits(b.program, b.options) {
		return
	}
	m := previous.memory
	changed, peopled := changedSets(m.program.Sets, b.program.Sets), m.peopled
	for id := range changed {
		peopled.people(setOf(m.program, id), -1)
		peopled.people(setOf(b.program, id), 1)
	}
	for version := range peopled {
		if (peopled[version] == 0) != (m.peopled[version] == 0) {
			return
		}
	}
	b.old, b.changed, b.peopled = m, changed, peopled
}

// changedSets compares lists sorted by ID.
func changedSets(old, new []*ir.Set) map[ir.SetID]bool {
	changed := map[ir.SetID]bool{}
	for len(old) > 0 || len(new) > 0 {
		switch {
		case len(old) > 0 && len(new) > 0 && old[0] == new[0]: // as most are, and need not be looked at
			old, new = old[1:], new[1:]
		case len(old) > 0 && len(new) > 0 && old[0].ID == new[0].ID:
			if !sameSet(old[0], new[0]) {
				changed[new[0].ID] = true
			}
			old, new = old[1:], new[1:]
		case len(new) == 0 || len(old) > 0 && old[0].ID < new[0].ID:
			changed[old[0].ID], old = true, old[1:]
		default:
			changed[new[0].ID], new = true, new[1:]
		}
	}
	return changed
}

// setOf is a set of a program, nil when there is none.
func setOf(p *ir.Program, id ir.SetID) *ir.Set {
	sets := p.Sets
	if i, ok := slices.BinarySearchFunc(sets, id, func(s *ir.Set, id ir.SetID) int { return cmp.Compare(s.ID, id) }); ok {
		return sets[i]
	}
	return nil
}

// fits tells that a program is lowered with the settings of the last one.
func (m *memory) fits(p *ir.Program, o Options) bool {
	return m.options.Table == o.Table && m.options.Mark == o.Mark && m.options.Snaplen == o.Snaplen && crowded(m.program) == crowded(p) &&
		(m.program == p || reflect.DeepEqual(m.program.Options, p.Options))
}

// setKey names a set of the program in one family.
type setKey struct {
	id      ir.SetID
	version uint8
	ports   bool
	few     bool // see Builder.AddressSets
}

// formsOf are all names of a set.
func formsOf(id ir.SetID) []setKey {
	var list []setKey
	for _, version := range []uint8{4, 6} {
		list = append(list, setKey{id, version, false, false}, setKey{id, version, false, true}, setKey{id, version, true, false})
	}
	return list
}

// madeSet is a set of the program, lowered.
type madeSet struct {
	from *ir.Set // nil when the program lacks it
	// sets are one, or for many prefixes some, each with the bits it is looked up with.
	sets []*ruleset.Set
	bits []int
	// lengths are the prefixes that sets were made of, rest those in an array of intervals.
	lengths, rest byLength
}

// names are those of the sets, separated by blanks.
func (m *madeSet) names() string {
	if len(m.sets) == 1 {
		return m.sets[0].Name
	}
	words := make([]string, len(m.sets))
	for i, s := range m.sets {
		words[i] = s.Name
	}
	return strings.Join(words, " ")
}

// made lowers a set of the program, or takes the one of the last lowering when nothing about it has changed. It does not
// add it to the table.
func (b *Builder) made(key setKey) *madeSet {
	if m := b.madeSets[key]; m != nil {
		return m
	}
	var had *madeSet
	if b.old != nil {
		had = b.old.sets[key]
	}
	m := had
	if had == nil || b.changed[key.id] {
		m = had.successor(setOf(b.program, key.id), key)
	}
	b.madeSets[key] = m
	return m
}

// successor is a set of the program, lowered, given what it was the last time; had may be nil.
func (had *madeSet) successor(def *ir.Set, key setKey) *madeSet {
	if had != nil && sameSet(had.from, def) {
		return had
	}
	if key.ports {
		return &madeSet{from: def, sets: []*ruleset.Set{portSet(def, key)}}
	}
	return had.addresses(def, key)
}

func sameSet(a, b *ir.Set) bool {
	return a == b || a != nil && b != nil && a.Sum != 0 && a.Sum == b.Sum
}

// allNames are the names of all counters. Most lowerings change none, so the last map is handed on; it may hold names
// that are gone, until they are as many as those in use.
func (b *Builder) allNames() map[model.RuleID]string {
	if b.old != nil && (b.remaking || len(b.old.names) <= 2*b.size()+1000) {
		names, cloned := b.old.names, false
		for id, name := range b.fresh {
			if had, ok := names[id]; ok && had == name {
				continue
			}
			if !cloned {
				names, cloned = maps.Clone(names), true
			}
			names[id] = name
		}
		return names
	}
	names := maps.Clone(b.fresh)
	for _, f := range b.fragments.list {
		maps.Copy(names, f.names)
	}
	return names
}

func (b *Builder) size() int {
	n := len(b.fresh)
	for _, f := range b.fragments.list {
		n += len(f.names)
	}
	return n
}
