package store

import (
	"iter"

	"github.com/hashicorp/go-memdb"

	"rampart/model"
)

// View is one immutable snapshot of the store. Iterations are in the order of keys unless they say otherwise.
type View struct {
	store    *Store
	db       *memdb.MemDB
	revision uint64
}

// Revision counts the changes of the store; equal revisions of one store are equal views.
func (v *View) Revision() uint64 { return v.revision }

// After tells whether the change is what leads from an older view to this one: both are of one store, and the change
// begins and ends at their revisions. An empty change leads from a view to its equal.
func (v *View) After(old *View, c *Change) bool {
	if v.store != old.store {
		return false
	}
	if c.Empty() && v.revision == old.revision {
		return true
	}
	return c.Since == old.revision && c.Revision == v.revision
}

// Get finds a resource by its key, nil when there is none.
func (v *View) Get(key model.Key) model.Resource {
	raw, err := v.db.Txn(false).First(table, indexID, string(key.Kind), key.Namespace, key.Name)
	if err != nil || raw == nil {
		return nil
	}
	return raw.(model.Resource)
}

// All iterates over every resource.
func (v *View) All() iter.Seq[model.Resource] { return v.iterate(indexID + prefixOf) }

// Kind iterates over the resources of one kind.
func (v *View) Kind(k model.Kind) iter.Seq[model.Resource] {
	return v.iterate(indexID+prefixOf, string(k))
}

// KindIn iterates over the resources of one kind in one namespace.
func (v *View) KindIn(k model.Kind, namespace string) iter.Seq[model.Resource] {
	return v.iterate(indexID+prefixOf, string(k), namespace)
}

// iterate walks an index. The schema and the callers in this file are fixed, so memdb has nothing to refuse.
func (v *View) iterate(index string, args ...any) iter.Seq[model.Resource] {
	return func(yield func(model.Resource) bool) {
		it, err := v.db.Txn(false).Get(table, index, args...)
		if err != nil {
			panic("store: " + err.Error())
		}
		for raw := it.Next(); raw != nil; raw = it.Next() {
			if !yield(raw.(model.Resource)) {
				return
			}
		}
	}
}

// Watch returns a channel that is closed when the resource at the key is added, replaced or removed after this view.
// It may also close when a resource with a similar key changes.
func (v *View) Watch(key model.Key) <-chan struct{} {
	return v.watch(string(key.Kind), key.Namespace, key.Name)
}

// WatchKind returns a channel that is closed when any resource of the kind changes after this view. It may also close
// when another kind changes.
func (v *View) WatchKind(k model.Kind) <-chan struct{} { return v.watch(string(k)) }

func (v *View) watch(words ...any) <-chan struct{} {
	it, err := v.db.Txn(false).Get(table, indexID+prefixOf, words...)
	if err != nil {
		panic("store: " + err.Error())
	}
	return it.WatchCh()
}
