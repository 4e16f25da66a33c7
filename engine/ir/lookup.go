package ir

import (
	"cmp"
	"slices"

	"rampart/model"
)

// Set finds a set of a sealed program, nil when there is none.
func (p *Program) Set(id SetID) *Set {
	return find(p.Sets, id, func(s *Set) SetID { return s.ID })
}

// Policy finds a policy of a sealed program, nil when there is none.
func (p *Program) Policy(id PolicyID) *Policy {
	return find(p.Policies, id, func(q *Policy) PolicyID { return q.ID })
}

// Profile finds a profile of a sealed program, nil when there is none.
func (p *Program) Profile(name string) *Profile {
	return find(p.Profiles, name, func(q *Profile) string { return q.Name })
}

// Group finds a group of a sealed program, nil when there is none.
func (p *Program) Group(id GroupID) *Group {
	return find(p.Groups, id, func(g *Group) GroupID { return g.ID })
}

// Endpoint finds an endpoint of a sealed program, nil when there is none. Of one that is in force on several interfaces,
// where its groups are the same, it finds the first.
func (p *Program) Endpoint(key model.Key) *Endpoint {
	i, ok := slices.BinarySearchFunc(p.Endpoints, key, func(e *Endpoint, k model.Key) int { return e.Key.Compare(k) })
	if !ok {
		return nil
	}
	return p.Endpoints[i]
}

// State finds the state of a policy of a sealed program.
func (p *Program) State(key model.Key) (PolicyState, bool) {
	i, ok := slices.BinarySearchFunc(p.States, key, func(s PolicyState, k model.Key) int { return s.Key.Compare(k) })
	if !ok {
		return PolicyState{}, false
	}
	return p.States[i], true
}

func find[T any, K cmp.Ordered](list []*T, key K, of func(*T) K) *T {
	i, ok := slices.BinarySearchFunc(list, key, func(t *T, k K) int { return cmp.Compare(of(t), k) })
	if !ok {
		return nil
	}
	return list[i]
}
