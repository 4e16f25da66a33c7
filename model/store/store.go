package store

import (
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"sync"

	"github.com/hashicorp/go-memdb"

	"rampart/model"
)

// ErrDuplicateKey marks a bundle that defines a key twice.
var ErrDuplicateKey = errors.New("defined twice in one source")

// Store holds the resources of all sources. The zero Store is not usable; New makes one.
type Store struct {
	mu       sync.Mutex
	db       *memdb.MemDB
	revision uint64
	// sources are the claims: what each source wants to define. memdb holds the winners.
	sources  map[string]*claims
	priority []string
	changed  chan struct{}
}

// claims is what one source holds. byKey has an older object where the bundle has an equal one.
type claims struct {
	bundle *model.Bundle
	byKey  map[model.Key]model.Resource
}

// New returns an empty store. When sources define the same key, those named in priority go first, in that order, then
// the others by name.
func New(priority ...string) *Store {
	db, err := memdb.NewMemDB(schema())
	if err != nil {
		panic("store: " + err.Error())
	}
	return &Store{db: db, sources: map[string]*claims{}, priority: priority, changed: make(chan struct{})}
}

// Apply makes the bundle all that its source holds. An empty bundle removes the source. Resources that are equal to
// what the store has stay as they are. An error leaves the store unchanged. Its cost is that of the resources whose pointers
// are not those of the source's last bundle.
func (s *Store) Apply(b *model.Bundle) (Change, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	last := s.sources[b.Source]
	if last == nil {
		last = &claims{bundle: &model.Bundle{}, byKey: make(map[model.Key]model.Resource, len(b.Resources))}
	}
	old, new := differing(last.bundle.Resources, b.Resources)
	changes, err := last.changes(old, new)
	if err != nil {
		return Change{}, err
	}
	undo := last.put(changes)
	if len(last.byKey) == 0 {
		delete(s.sources, b.Source)
	} else {
		s.sources[b.Source] = &claims{b, last.byKey}
	}
	keys := slices.AppendSeq(make([]model.Key, 0, len(changes)), maps.Keys(changes))
	slices.SortFunc(keys, model.Key.Compare)
	c, err := s.settle(b, keys)
	if err != nil {
		last.put(undo)
		if s.sources[b.Source] = last; len(last.byKey) == 0 {
			delete(s.sources, b.Source)
		}
	}
	return c, err
}

// differing leaves out of two lists what both have at the same place, counted from the start or from the end.
func differing(old, new []model.Resource) (_, _ []model.Resource) {
	if len(old) == len(new) {
		var a, b []model.Resource
		for i := range old {
			if old[i] != new[i] {
				a, b = append(a, old[i]), append(b, new[i])
			}
		}
		return a, b
	}
	for len(old) > 0 && len(new) > 0 && old[0] == new[0] {
		old, new = old[1:], new[1:]
	}
	for len(old) > 0 && len(new) > 0 && old[len(old)-1] == new[len(new)-1] {
		old, new = old[:len(old)-1], new[:len(new)-1]
	}
	return old, new
}

// changes are the keys whose resource differs when old ones give way to new ones; nil stands for none.
func (c *claims) changes(old, new []model.Resource) (map[model.Key]model.Resource, error) {
	left := make(map[model.Key]bool, len(old))
	for _, r := range old {
		left[r.Key()] = true
	}
	come := make(map[model.Key]model.Resource, len(new))
	changes := make(map[model.Key]model.Resource, len(new)) // most differ, or they would be the old ones
	var errs []error
	for _, r := range new {
		k := r.Key()
		had := c.byKey[k]
		first := come[k]
		if first == nil && had != nil && !left[k] {
			first = had
		}
		if first != nil {
			errs = append(errs, fmt.Errorf("%s: %w: %s and %s", k, ErrDuplicateKey, place(first), place(r)))
			continue
		}
		come[k] = r
		if had == nil || had != r && !equal(had, r) {
			changes[k] = r
		}
	}
	for k := range left {
		if come[k] == nil {
			changes[k] = nil
		}
	}
	return changes, errors.Join(errs...)
}

// equal compares resources. A network set may have a hundred thousand nets, which reflection would take its time over.
func equal(a, b model.Resource) bool {
	x, ok := a.(*model.NetworkSet)
	y, same := b.(*model.NetworkSet)
	if !ok || !same {
		return reflect.DeepEqual(a, b)
	}
	p, q := *x, *y
	p.Spec.Nets, q.Spec.Nets = nil, nil
	return slices.Equal(x.Spec.Nets, y.Spec.Nets) && reflect.DeepEqual(&p, &q)
}

// put takes changes in, and returns those that undo them.
func (c *claims) put(changes map[model.Key]model.Resource) (undo map[model.Key]model.Resource) {
	undo = make(map[model.Key]model.Resource, len(changes))
	for k, r := range changes {
		undo[k] = c.byKey[k]
		if r == nil {
			delete(c.byKey, k)
		} else {
			c.byKey[k] = r
		}
	}
	return undo
}

// settle writes the winners of the given keys.
func (s *Store) settle(b *model.Bundle, keys []model.Key) (Change, error) {
	c := Change{Since: s.revision, Source: b.Source, BundleRevision: b.Revision}
	order := s.order()
	txn := s.db.Txn(true)
	defer txn.Abort()
	for _, k := range keys {
		winner := s.winner(order, k)
		raw, err := txn.First(table, indexID, string(k.Kind), k.Namespace, k.Name)
		if err != nil {
			return Change{}, fmt.Errorf("%s: %w", k, err)
		}
		switch {
		case winner == nil && raw == nil:
		case winner == nil:
			err = txn.Delete(table, raw)
			c.Removed = append(c.Removed, k)
		case raw == nil:
			err = txn.Insert(table, winner)
			c.Added = append(c.Added, k)
		case raw != any(winner):
			err = txn.Insert(table, winner)
			c.Updated = append(c.Updated, k)
		}
		if err != nil {
			return Change{}, fmt.Errorf("%s: %w", k, err)
		}
	}
	if !c.Empty() {
		s.revision++
	}
	c.Revision = s.revision
	txn.Commit()
	if !c.Empty() {
		close(s.changed)
		s.changed = make(chan struct{})
	}
	return c, nil
}

// order lists the sources, the one that wins first.
func (s *Store) order() []string {
	rank := func(name string) int {
		if i := slices.Index(s.priority, name); i >= 0 {
			return i
		}
		return len(s.priority)
	}
	names := slices.Sorted(maps.Keys(s.sources))
	slices.SortStableFunc(names, func(a, b string) int { return rank(a) - rank(b) })
	return names
}

func (s *Store) winner(order []string, k model.Key) model.Resource {
	for _, name := range order {
		if r := s.sources[name].byKey[k]; r != nil {
			return r
		}
	}
	return nil
}

// View returns the present snapshot.
func (s *Store) View() *View {
	s.mu.Lock()
	defer s.mu.Unlock()
	return &View{store: s, db: s.db.Snapshot(), revision: s.revision}
}

// Changed returns a channel that is closed by the next Apply that changes a resource.
func (s *Store) Changed() <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.changed
}

// ViewOf is a view of the resources alone, for tests and offline commands. Of two resources with the same key the
// first counts.
func ViewOf(resources ...model.Resource) *View {
	b := &model.Bundle{Resources: make([]model.Resource, 0, len(resources))}
	seen := make(map[model.Key]bool, len(resources))
	for _, r := range resources {
		if k := r.Key(); !seen[k] {
			seen[k] = true
			b.Resources = append(b.Resources, r)
		}
	}
	s := New()
	if _, err := s.Apply(b); err != nil {
		panic("store: " + err.Error())
	}
	return s.View()
}

func place(r model.Resource) string {
	if s := r.Source().String(); s != "" {
		return s
	}
	return "an unknown place"
}
