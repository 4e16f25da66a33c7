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
	fragments map[string]*fragment
	groups    map[groupKey]*fragment
	roster    *roster
	maps      map[string]*ruleset.Set
	names     map[model.RuleID]string
	peopled   versions
}

// recall takes over the memory of an earlier lowering if its settings were the same.
func (b *Builder) recall(previous *Lowered) {
	if previous != nil && previous.memory != nil && previous.memory.fits(b.program, b.options) {
		b.old = previous.memory
		b.changed = changedSets(b.old.program.Sets, b.program.Sets)
	}
}

// changedSets compares lists sorted by ID.
func changedSets(old, new []*ir.Set) map[ir.SetID]bool {
	changed := map[ir.SetID]bool{}
	for len(old) > 0 || len(new) > 0 {
		switch {
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

// def is a set of the program, nil when there is none.
func (b *Builder) def(id ir.SetID) *ir.Set {
	sets := b.program.Sets
	if i, ok := slices.BinarySearchFunc(sets, id, func(s *ir.Set, id ir.SetID) int { return cmp.Compare(s.ID, id) }); ok {
		return sets[i]
	}
	return nil
}

// fits tells that a program is lowered with the settings of the last one.
func (m *memory) fits(p *ir.Program, o Options) bool {
	return m.options.Table == o.Table && m.options.Mark == o.Mark && m.options.Snaplen == o.Snaplen && crowded(m.program) == crowded(p) && m.peopled == peopled(p) &&
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
		m = had.successor(b.def(key.id), key)
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

// fragment is a part of the table that was made in one piece: a chain or a few, and the sets and maps they alone use.
type fragment struct {
	key    string
	from   any
	chains []*ruleset.Chain
	sets   []*ruleset.Set
	names  map[model.RuleID]string
	logs   bool
	// used are the sets of the program that rules name; read those whose members went into maps.
	used map[setKey]string
	read map[ir.SetID]bool
	// unions are the sets made of the members of several.
	unions []union
	// parts are the fragments it was made with; result is what making it returned.
	parts  []*fragment
	result string
	// state is what its maker wants to find again; old is the fragment it takes the place of, while it is being made.
	state any
	old   *fragment
}

// State is what the maker of the fragment being made left with SetState the last time it was made from the same thing,
// nil when it is made for the first time.
func (b *Builder) State() any {
	if b.recording == nil || b.recording.old == nil {
		return nil
	}
	return b.recording.old.state
}

// SetState leaves something for the next time this fragment is made from the same thing.
func (b *Builder) SetState(state any) {
	if b.recording != nil {
		b.recording.state = state
	}
}

// Continue takes the names and parts of the fragment over from the last time, for a maker that makes it anew from State
// and goes over none of its rules. It does nothing and returns false when the sets that the rules look up have changed
// their names.
func (b *Builder) Continue() bool {
	f := b.recording
	if f == nil || f.old == nil {
		return false
	}
	for key, name := range f.old.used {
		if b.made(key).names() != name {
			return false
		}
	}
	for _, p := range f.old.parts {
		if !b.holds(p) {
			return false
		}
	}
	for _, p := range f.old.parts {
		b.replay(p)
	}
	f.names, f.used, f.parts, f.logs = maps.Clone(f.old.names), maps.Clone(f.old.used), f.old.parts, f.old.logs
	for key := range f.used {
		for _, s := range b.made(key).sets {
			b.addSet(s)
		}
	}
	b.logs = b.logs || f.logs
	for _, s := range f.old.sets {
		if strings.HasPrefix(s.Name, listPrefix) { // the rules are the same, so are their lists
			b.AddSet(s)
		}
	}
	for _, u := range f.old.unions {
		b.PortUnion(u.ids, u.version)
	}
	return true
}

// Fragment makes a part of the table by calling build, or takes it from the last lowering. It may when from is equal, and
// when the sets of the program that build looked at (AddressSets, PortSet, Members) still have the same names or members.
// from must stand for everything else that build depends on, except the program's options. key must be unique in the
// table; a second call with the same key in one lowering is the same fragment. build may make further fragments; they are
// parts of this one.
func (b *Builder) Fragment(key string, from any, build func()) {
	f := b.fragments[key]
	if f == nil {
		var old *fragment
		if b.old != nil {
			old = b.old.fragments[key]
		}
		f = b.fragment(old, key, from, func() string { build(); return "" })
	}
	b.part(f)
}

// part notes that the fragment being made needs another.
func (b *Builder) part(f *fragment) {
	if b.recording != nil {
		b.recording.parts = append(b.recording.parts, f)
	}
}

func (b *Builder) fragment(old *fragment, key string, from any, build func() string) *fragment {
	if f := b.fragments[key]; f != nil {
		return f // made or taken over already, perhaps from an equal object; its chains must not be left to two fragments
	}
	if old != nil && old.from == from && b.holds(old) {
		b.replay(old)
		return old
	}
	f := &fragment{key: key, from: from, names: map[model.RuleID]string{}, used: map[setKey]string{}, read: map[ir.SetID]bool{}}
	if old != nil && old.from == from {
		f.old = old
	}
	around := b.recording
	b.recording = f
	f.result = build()
	b.recording = around
	f.old = nil
	b.fragments[key] = f
	maps.Copy(b.fresh, f.names)
	return f
}

// holds tells whether what a fragment and its parts took from sets of the program is still so.
func (b *Builder) holds(f *fragment) bool {
	if b.fragments[f.key] == f {
		return true // taken over already
	}
	if held, ok := b.held[f]; ok {
		return held
	}
	b.held[f] = b.check(f)
	return b.held[f]
}

func (b *Builder) check(f *fragment) bool {
	if b.fragments[f.key] != nil {
		return false // made anew already
	}
	if len(b.changed) > 0 {
		for key, name := range f.used {
			if b.changed[key.id] && b.made(key).names() != name {
				return false
			}
		}
		for id := range f.read {
			if b.changed[id] {
				return false
			}
		}
	}
	for _, p := range f.parts {
		if !b.holds(p) {
			return false
		}
	}
	return true
}

// replay puts a fragment and its parts into the table.
func (b *Builder) replay(f *fragment) {
	if b.fragments[f.key] == f {
		return
	}
	for _, p := range f.parts {
		b.replay(p)
	}
	for _, c := range f.chains {
		b.chains[c.Name] = c
		b.rs.Chains = append(b.rs.Chains, c)
	}
	for key := range f.used {
		for _, s := range b.made(key).sets {
			b.addSet(s)
		}
	}
	for _, s := range f.sets {
		b.addSet(s)
	}
	b.logs = b.logs || f.logs
	b.fragments[f.key] = f
}

// Members is a set of the program, nil when there is none, for who puts its members into maps.
func (b *Builder) Members(id ir.SetID) *ir.Set {
	if b.recording != nil {
		b.recording.read[id] = true
	}
	return b.def(id)
}

// allNames are the names of all counters. Most lowerings change none, so the last map is handed on; it may hold names
// that are gone, until they are as many as those in use.
func (b *Builder) allNames() map[model.RuleID]string {
	if b.old != nil && len(b.old.names) <= 2*b.size()+1000 {
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
	for _, f := range b.fragments {
		maps.Copy(names, f.names)
	}
	return names
}

func (b *Builder) size() int {
	n := len(b.fresh)
	for _, f := range b.fragments {
		n += len(f.names)
	}
	return n
}
