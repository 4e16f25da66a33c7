package lower

import (
	"maps"
	"slices"

	"rampart/engine/ir"
	"rampart/model"
)

// kind is what endpoints have in common that are treated alike at every stage. There are as many as there are different
// lists of policies, seldom more than some hundreds, so verdicts are worked out per kind.
type kind struct {
	// example is one of the endpoints, or was one.
	example *ir.Endpoint
	// prefixed tells that the interface's name is that of a workload.
	prefixed bool
	// count is how many endpoints of the roster are of this kind.
	count int
}

type kindKey struct {
	workload, prefixed bool
	ingress, egress    [model.NumLayers]*ir.Group
}

// kinds sorts the endpoints of one roster.
type kinds struct {
	list  []kind
	index map[kindKey]int32
	// of has the kind of each endpoint, by its place in the roster.
	of []int32
}

func newKinds(n int) kinds { return kinds{index: map[kindKey]int32{}, of: make([]int32, 0, n)} }

// successor has the same kinds without any endpoints. Kinds of which there were none are left out, so that what they
// stood for can go; then known is nil, else it has the place of each kind of old.
func (k *kinds) successor(n int) (next kinds, known bool) {
	for i := range k.list {
		if k.list[i].count == 0 {
			return newKinds(n), false
		}
	}
	next = kinds{list: append([]kind(nil), k.list...), index: maps.Clone(k.index), of: make([]int32, 0, n)}
	for i := range next.list {
		next.list[i].count = 0
	}
	return next, true
}

// add takes in the next endpoint of the roster.
func (k *kinds) add(e *ir.Endpoint, prefixed bool) { k.addKnown(k.find(e, prefixed)) }

// find is the place of an endpoint's kind, which may be new.
func (k *kinds) find(e *ir.Endpoint, prefixed bool) int32 {
	key := kindKey{e.Workload, prefixed, e.Ingress, e.Egress}
	i, ok := k.index[key]
	if !ok {
		i = int32(len(k.list))
		k.index[key] = i
		k.list = append(k.list, kind{example: e, prefixed: key.prefixed})
	}
	return i
}

func (k *kinds) clone() kinds {
	return kinds{list: slices.Clone(k.list), index: maps.Clone(k.index), of: slices.Clone(k.of)}
}

// replace puts an endpoint at a place in the roster where another was.
func (k *kinds) replace(at int, e *ir.Endpoint, prefixed bool) {
	k.list[k.of[at]].count--
	k.of[at] = k.find(e, prefixed)
	k.list[k.of[at]].count++
}

// addKnown takes in the next endpoint of the roster, whose kind is known.
func (k *kinds) addKnown(i int32) {
	k.list[i].count++
	k.of = append(k.of, i)
}
