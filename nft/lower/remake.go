package lower

import (
	"maps"
	"slices"

	"rampart/nft/ruleset"
)

// remake lowers a program whose endpoints are those of the last one, which is what most changes of labels and addresses
// leave. Then nothing but members of sets can differ, and the fragments that were made of these: they alone are made again,
// and what they consist of takes the place of what they consisted of. It is nil when there is more to it.
func (b *Builder) remake() *Lowered {
	m, last := b.old, b.options.Previous
	if m == nil || !b.program.SameEndpoints(m.program) && !slices.Equal(b.program.Endpoints, m.program.Endpoints) {
		return nil
	}
	b.remaking = true
	x := exchange{sets: map[string]*ruleset.Set{}, gone: map[string]bool{}, chains: map[*ruleset.Chain]*ruleset.Chain{}}
	for id := range b.changed {
		for _, key := range formsOf(id) {
			had := m.sets[key]
			if had == nil {
				continue
			}
			now := b.made(key)
			if now.names() != had.names() {
				return nil // the rules that look it up are others
			}
			for _, s := range now.sets {
				x.sets[s.Name] = s // who has it looks it up by name
			}
		}
	}
	for _, f := range m.fragments.list {
		if f.build != nil && f.reads(b.changed) && b.fragments.get(f.key) == nil {
			b.make(f.key, f.from, f.build, f)
		}
	}
	next := *m
	next.program, next.names = b.program, b.allNames()
	if len(b.madeSets)+len(b.fragments.list) > 0 {
		next.sets = maps.Clone(m.sets)
		maps.Copy(next.sets, b.madeSets)
	}
	if len(b.fragments.list) > 0 {
		next.fragments.list = slices.Clone(m.fragments.list)
	}
	for _, f := range b.fragments.list {
		i, ok := m.fragments.place[f.key]
		if !ok || f.result != m.fragments.list[i].result || !slices.Equal(f.parts, m.fragments.list[i].parts) {
			return nil // what it goes to, or what goes there, is another
		}
		x.take(m.fragments.list[i], m.sets, f, b.madeSets)
		next.fragments.list[i] = f
	}
	return &Lowered{
		Ruleset: x.table(last.Ruleset, &next), Names: next.names, Logs: last.Logs || b.logs, memory: &next,
	}
}

// exchange is what changes in a table when fragments take the places of others.
type exchange struct {
	// sets take the places of those of the same names, or are new; gone are the names of those that fragments no longer have.
	sets map[string]*ruleset.Set
	gone map[string]bool
	// chains are what takes the place of chains, nil when they go; born has those that are new.
	chains map[*ruleset.Chain]*ruleset.Chain
	born   []*ruleset.Chain
}

// take notes that a fragment takes the place of another. It has sets that were made of those of the program; of the other one's
// the last lowering knows.
func (x *exchange) take(old *fragment, last map[setKey]*madeSet, now *fragment, made map[setKey]*madeSet) {
	has := map[string]bool{}
	for s := range now.allSets(made) {
		x.sets[s.Name], has[s.Name] = s, true
	}
	for s := range old.allSets(last) {
		if !has[s.Name] {
			x.gone[s.Name] = true
		}
	}
	chains := make(map[string]*ruleset.Chain, len(now.chains))
	for _, c := range now.chains {
		chains[c.Name] = c
	}
	for _, c := range old.chains {
		if next := chains[c.Name]; next != c {
			x.chains[c] = next
		}
		delete(chains, c.Name)
	}
	for _, c := range now.chains {
		if chains[c.Name] != nil {
			x.born = append(x.born, c)
		}
	}
}

// table is the last table, changed; m is what there is now.
func (x *exchange) table(last *ruleset.Ruleset, m *memory) *ruleset.Ruleset {
	if len(x.gone) > 0 {
		for _, f := range m.fragments.list {
			for s := range f.allSets(m.sets) {
				delete(x.gone, s.Name) // somebody has it still
			}
		}
		maps.DeleteFunc(m.sets, func(_ setKey, made *madeSet) bool {
			return slices.ContainsFunc(made.sets, func(s *ruleset.Set) bool { return x.gone[s.Name] })
		})
		maps.DeleteFunc(x.sets, func(name string, _ *ruleset.Set) bool { return x.gone[name] })
	}
	next := &ruleset.Ruleset{Table: last.Table, Sets: last.Sets, Chains: last.Chains}
	if len(x.sets)+len(x.gone) > 0 {
		next.Sets = inPlace(last.Sets, func(s *ruleset.Set) *ruleset.Set {
			now := x.sets[s.Name]
			switch {
			case now != nil:
				delete(x.sets, s.Name)
				return now
			case x.gone[s.Name]:
				return nil
			}
			return s
		}, func(yield func(*ruleset.Set) bool) {
			for _, name := range slices.Sorted(maps.Keys(x.sets)) {
				if !yield(x.sets[name]) {
					return
				}
			}
		})
	}
	if len(x.chains)+len(x.born) > 0 {
		next.Chains = inPlace(last.Chains, func(c *ruleset.Chain) *ruleset.Chain {
			if now, changed := x.chains[c]; changed {
				return now
			}
			return c
		}, slices.Values(x.born))
	}
	return next
}

// allSets are the sets that a fragment has in the table, whoever else has them too.
func (f *fragment) allSets(made map[setKey]*madeSet) func(yield func(*ruleset.Set) bool) {
	return func(yield func(*ruleset.Set) bool) {
		for key := range f.used {
			for _, s := range made[key].sets {
				if !yield(s) {
					return
				}
			}
		}
		for _, s := range f.sets {
			if !yield(s) {
				return
			}
		}
	}
}
