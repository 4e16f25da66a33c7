package store

import (
	"fmt"
	"slices"

	"rampart/model"
)

// Conflict is a key that more than one source defines.
type Conflict struct {
	Key model.Key
	// Winner and Loser are sources; the winner's resource is in force.
	Winner, Loser string
	// WinnerOrigin and LoserOrigin say where each wrote it.
	WinnerOrigin, LoserOrigin model.Origin
}

// String is a sentence for people, without a full stop.
func (c Conflict) String() string {
	at := func(o model.Origin) string {
		if s := o.String(); s != "" {
			return " (" + s + ")"
		}
		return ""
	}
	return fmt.Sprintf("%s of source %s%s is ignored: source %s%s defines it too and comes first",
		c.Key, c.Loser, at(c.LoserOrigin), c.Winner, at(c.WinnerOrigin))
}

// Conflicts lists the claims that lost, by key.
func (s *Store) Conflicts() []Conflict {
	s.mu.Lock()
	defer s.mu.Unlock()
	order := s.order()
	var out []Conflict
	for i, loser := range order {
		if i == 0 {
			continue
		}
		for k, r := range s.sources[loser].byKey {
			for _, winner := range order[:i] {
				if w := s.sources[winner].byKey[k]; w != nil {
					out = append(out, Conflict{
						Key: k, Winner: winner, Loser: loser, WinnerOrigin: w.Source(), LoserOrigin: r.Source(),
					})
					break
				}
			}
		}
	}
	slices.SortStableFunc(out, func(a, b Conflict) int { return a.Key.Compare(b.Key) })
	return out
}

// Sources lists the sources and the revision of each one's bundle, the one that wins conflicts first.
func (s *Store) Sources() []SourceState {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []SourceState
	for _, name := range s.order() {
		c := s.sources[name]
		out = append(out, SourceState{Name: name, Revision: c.bundle.Revision, Resources: len(c.byKey)})
	}
	return out
}

// SourceState is what the store knows of a source.
type SourceState struct {
	Name, Revision string
	Resources      int
}
