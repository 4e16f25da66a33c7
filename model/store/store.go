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

// claims is what one source holds.
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
// what the store has stay as they are. An error leaves the store unchanged.
func (s *Store) Apply(b *model.Bundle) (Change, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	last := s.sources[b.Source]
	if last == nil {
		last = &claims{}
	}
	next := &claims{bundle: b, byKey: make(map[model.Key]model.Resource, len(b.Resources))}
	keys := map[model.Key]struct{}{}
	kept := 0
	var errs []error
	for _, r := range b.Resources {
		k := r.Key()
		if first, ok := next.byKey[k]; ok {
			errs = append(errs, fmt.Errorf("%s: %w: %s and %s", k, ErrDuplicateKey, place(first), place(r)))
			continue
		}
		old := last.byKey[k]
		if old != nil {
			kept++
		}
		if old != nil && (old == r || reflect.DeepEqual(old, r)) {
			r = old
		} else {
			keys[k] = struct{}{}
		}
		next.byKey[k] = r
	}
	if len(errs) > 0 {
		return Change{}, errors.Join(errs...)
	}
	if kept < len(last.byKey) {
		for k := range last.byKey {
			if next.byKey[k] == nil {
				keys[k] = struct{}{}
			}
		}
	}
	if len(next.byKey) == 0 {
		delete(s.sources, b.Source)
	} else {
		s.sources[b.Source] = next
	}
	c, err := s.settle(b, slices.SortedFunc(maps.Keys(keys), model.Key.Compare))
	if err != nil {
		if last.bundle == nil {
			delete(s.sources, b.Source)
		} else {
			s.sources[b.Source] = last
		}
	}
	return c, err
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
