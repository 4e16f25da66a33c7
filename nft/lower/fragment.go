package lower

import (
	"maps"
	"slices"
	"strings"

	"rampart/engine/ir"
	"rampart/model"
	"rampart/nft/ruleset"
)

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
	// parts are the keys of the fragments it was made with; result is what making it returned.
	parts  []string
	result string
	// build makes it; nil unless it reads members.
	build func(*Builder) string
	// state is what its maker wants to find again; old is the fragment it takes the place of, while it is being made, and
	// continued tells that names are taken over from there.
	state     any
	old       *fragment
	continued bool
}

// fragments are those of one table, each after its parts.
type fragments struct {
	list  []*fragment
	place map[string]int
}

func (l *fragments) get(key string) *fragment {
	if i, ok := l.place[key]; ok {
		return l.list[i]
	}
	return nil
}

func (l *fragments) add(f *fragment) {
	l.place[f.key] = len(l.list)
	l.list = append(l.list, f)
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

// Continue takes the names of the fragment over from the last time, for a maker that makes it anew from State and goes
// over none of its rules. It does nothing and returns false when the sets that the rules look up have changed their names.
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
	f.continued, f.names, f.logs = true, maps.Clone(f.old.names), f.old.logs
	b.logs = b.logs || f.logs
	return true
}

// continued adds the sets of the old fragment that rules of the new one ask for: the rules are the same, though not all of
// them may be there any more.
func (b *Builder) continued(f *fragment) {
	asked := map[string]bool{}
	for _, c := range f.chains {
		for _, r := range c.Rules {
			for _, st := range r.Statements {
				if l, ok := st.(ruleset.Lookup); ok {
					asked[l.Set] = true
				}
			}
		}
	}
	for key := range f.old.used {
		if slices.ContainsFunc(b.made(key).sets, func(s *ruleset.Set) bool { return asked[s.Name] }) {
			b.use(key)
		}
	}
	for _, s := range f.old.sets {
		if strings.HasPrefix(s.Name, listPrefix) && asked[s.Name] {
			b.AddSet(s)
		}
	}
	for _, u := range f.old.unions {
		if asked[u.name()] {
			b.PortUnion(u.ids, u.version)
		}
	}
}

// Fragment makes a part of the table by calling build, or takes it from the last lowering. It may when from is equal, and
// when the sets of the program that build looked at (AddressSets, PortSet, Members) still have the same names or members.
// from must stand for everything else that build depends on, except the program's options. key must be unique in the
// table; a second call with the same key in one lowering is the same fragment. build may make further fragments; they are
// parts of this one.
//
// build may be called in a later lowering too, with the Builder of that, when members have changed and nothing else: it
// must not use another Builder that it happens to know.
func (b *Builder) Fragment(key string, from any, build func(*Builder)) {
	b.part(b.fragment(key, from, func(b *Builder) string { build(b); return "" }))
}

// part notes that the fragment being made needs another.
func (b *Builder) part(f *fragment) {
	if b.recording != nil {
		b.recording.parts = append(b.recording.parts, f.key)
	}
}

func (b *Builder) fragment(key string, from any, build func(*Builder) string) *fragment {
	if f := b.fragments.get(key); f != nil {
		return f // made or taken over already, perhaps from an equal object; its chains must not be left to two fragments
	}
	var old *fragment
	if b.old != nil {
		if old = b.old.fragments.get(key); old != nil && old.from != from {
			old = nil
		}
	}
	if old != nil && b.holds(old) {
		b.replay(old)
		return old
	}
	return b.make(key, from, build, old)
}

// make makes a fragment, in place of an old one if there is one.
func (b *Builder) make(key string, from any, build func(*Builder) string, old *fragment) *fragment {
	f := &fragment{key: key, from: from, old: old, names: map[model.RuleID]string{}, used: map[setKey]string{}, read: map[ir.SetID]bool{}}
	around := b.recording
	b.recording = f
	f.result = build(b)
	if f.continued {
		b.continued(f)
	}
	b.recording = around
	if f.old = nil; len(f.read) > 0 {
		f.build = build
	}
	b.fragments.add(f)
	maps.Copy(b.fresh, f.names)
	return f
}

// holds tells whether what a fragment and its parts took from sets of the program is still so.
func (b *Builder) holds(f *fragment) bool {
	switch b.fragments.get(f.key) {
	case f:
		return true // taken over already
	case nil:
	default:
		return false // made anew already
	}
	if held, ok := b.held[f]; ok {
		return held
	}
	b.held[f] = b.check(f)
	return b.held[f]
}

func (b *Builder) check(f *fragment) bool {
	if len(b.changed) > 0 {
		for key, name := range f.used {
			if b.changed[key.id] && b.made(key).names() != name {
				return false
			}
		}
		if f.reads(b.changed) {
			return false
		}
	}
	for _, key := range f.parts {
		if !b.holds(b.old.fragments.get(key)) {
			return false
		}
	}
	return true
}

// reads tells that the members of some of these sets went into maps of the fragment.
func (f *fragment) reads(sets map[ir.SetID]bool) bool {
	if len(sets) < len(f.read) {
		for id := range sets {
			if f.read[id] {
				return true
			}
		}
		return false
	}
	for id := range f.read {
		if sets[id] {
			return true
		}
	}
	return false
}

// replay puts a fragment and its parts into the table.
func (b *Builder) replay(f *fragment) {
	if b.remaking || b.fragments.get(f.key) == f {
		return
	}
	for _, key := range f.parts {
		b.replay(b.old.fragments.get(key))
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
	b.fragments.add(f)
}

// Members is a set of the program, nil when there is none, for who puts its members into maps.
func (b *Builder) Members(id ir.SetID) *ir.Set {
	if b.recording != nil {
		b.recording.read[id] = true
	}
	return setOf(b.program, id)
}
