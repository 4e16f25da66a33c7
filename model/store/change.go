package store

import (
	"maps"
	"slices"

	"rampart/model"
)

// Change is what one Apply made different. The lists are sorted and disjoint.
type Change struct {
	// Since and Revision are the store's revisions before and after.
	Since, Revision uint64
	// Source and BundleRevision are those of the bundle applied.
	Source, BundleRevision  string
	Added, Updated, Removed []model.Key
}

// Empty tells that nothing changed.
func (c *Change) Empty() bool { return len(c.Added)+len(c.Updated)+len(c.Removed) == 0 }

// Len is the number of keys that changed.
func (c *Change) Len() int { return len(c.Added) + len(c.Updated) + len(c.Removed) }

// Then is the change that both make one after the other; next must begin where c ends.
func (c Change) Then(next Change) Change {
	const added, updated, removed = 1, 2, 3
	state := make(map[model.Key]int, c.Len()+next.Len())
	for i, list := range [...][]model.Key{c.Added, c.Updated, c.Removed} {
		for _, k := range list {
			state[k] = i + 1
		}
	}
	for _, k := range next.Added {
		if state[k] == removed {
			state[k] = updated
		} else {
			state[k] = added
		}
	}
	for _, k := range next.Updated {
		if state[k] != added {
			state[k] = updated
		}
	}
	for _, k := range next.Removed {
		if state[k] == added {
			delete(state, k)
		} else {
			state[k] = removed
		}
	}
	out := Change{Since: c.Since, Revision: next.Revision, Source: next.Source, BundleRevision: next.BundleRevision}
	for _, k := range slices.SortedFunc(maps.Keys(state), model.Key.Compare) {
		switch state[k] {
		case added:
			out.Added = append(out.Added, k)
		case updated:
			out.Updated = append(out.Updated, k)
		case removed:
			out.Removed = append(out.Removed, k)
		}
	}
	return out
}
