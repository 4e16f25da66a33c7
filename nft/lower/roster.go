package lower

import (
	"cmp"
	"slices"

	"rampart/engine/ir"
	"rampart/nft/ruleset"
)

// roster has the endpoints of a program by interface. There may be ten thousand of them in half a dozen maps, and most
// changes concern one, so a roster and the maps made from it are carried over from one lowering to the next.
type roster struct {
	// endpoints has one per interface, the first by key, sorted by interface; keys are the keys of their elements.
	endpoints []*ir.Endpoint
	keys      []string
	kinds     kinds
	// doubles tells that endpoints were left out because their interface has another.
	doubles bool
	// version changes with the interfaces, the kinds of endpoints and the addresses they may use, not with their policies.
	version *version
}

// version is a value that equals only itself; an empty struct would not do.
type version struct{ _ byte }

func newRoster(endpoints []*ir.Endpoint, isPrefixed func(string) bool) *roster {
	list := slices.DeleteFunc(slices.Clone(endpoints), func(e *ir.Endpoint) bool { return !named(e) })
	slices.SortStableFunc(list, byInterface)
	n := len(list)
	list = slices.CompactFunc(list, func(x, y *ir.Endpoint) bool { return x.Interface == y.Interface })
	r := &roster{endpoints: list, keys: make([]string, len(list)), doubles: len(list) < n, version: &version{}}
	r.kinds = newKinds(len(list))
	for i, e := range list {
		r.keys[i] = interfaceKey(e)
		r.kinds.add(e, isPrefixed(e.Interface))
	}
	return r
}

// named tells that the endpoint has an interface of its own.
func named(e *ir.Endpoint) bool { return e.Interface != "" && e.Interface != "*" }

func byInterface(x, y *ir.Endpoint) int { return cmp.Compare(x.Interface, y.Interface) }

func interfaceKey(e *ir.Endpoint) string { return ruleset.Key{}.Interface(e.Interface).String() }

// roster sorts the program's endpoints, or changes the last lowering's roster.
func (b *Builder) roster() *roster {
	if b.old != nil {
		if r := b.old.roster.next(b.old.program.Endpoints, b.program.Endpoints, b.prefixed); r != nil {
			return r
		}
	}
	return newRoster(b.program.Endpoints, b.prefixed)
}

// next is the roster of a later program. It is nil when it is as easily made anew.
func (r *roster) next(old, new []*ir.Endpoint, isPrefixed func(string) bool) *roster {
	c, ok := compareEndpoints(old, new)
	if !ok || r.doubles {
		return nil
	}
	if len(c.gone)+len(c.added) == 0 {
		return r
	}
	if !c.moved {
		return r.patched(c.added, isPrefixed)
	}
	slices.SortFunc(c.added, byInterface)
	next := &roster{
		endpoints: make([]*ir.Endpoint, 0, len(r.endpoints)+len(c.added)), keys: make([]string, 0, len(r.endpoints)+len(c.added)),
		version: &version{},
	}
	var known bool
	next.kinds, known = r.kinds.successor(len(r.endpoints) + len(c.added))
	take := func(e *ir.Endpoint, key string, kind int32) bool {
		if n := len(next.endpoints); n > 0 && next.endpoints[n-1].Interface == e.Interface {
			return false
		}
		next.endpoints, next.keys = append(next.endpoints, e), append(next.keys, key)
		if kind < 0 {
			next.kinds.add(e, isPrefixed(e.Interface))
		} else {
			next.kinds.addKnown(kind)
		}
		return true
	}
	j := 0
	for i, e := range r.endpoints {
		for ; j < len(c.added) && c.added[j].Interface < e.Interface; j++ {
			if !take(c.added[j], interfaceKey(c.added[j]), -1) {
				return nil
			}
		}
		kind := int32(-1)
		if known {
			kind = r.kinds.of[i]
		}
		if !c.gone[e] && !take(e, r.keys[i], kind) {
			return nil
		}
	}
	for _, e := range c.added[j:] {
		if !take(e, interfaceKey(e), -1) {
			return nil
		}
	}
	return next
}

// patched is the roster with other versions of some endpoints, at the interfaces where they were.
func (r *roster) patched(list []*ir.Endpoint, isPrefixed func(string) bool) *roster {
	next := *r
	next.endpoints = slices.Clone(r.endpoints)
	next.kinds = r.kinds.clone()
	for _, e := range list {
		if i, ok := slices.BinarySearchFunc(r.endpoints, e, byInterface); ok {
			next.endpoints[i] = e
			next.kinds.replace(i, e, isPrefixed(e.Interface))
		}
	}
	if slices.ContainsFunc(next.kinds.list, func(k kind) bool { return k.count == 0 }) {
		kinds := newKinds(len(next.endpoints)) // what the others stood for can go
		for _, e := range next.endpoints {
			kinds.add(e, isPrefixed(e.Interface))
		}
		next.kinds = kinds
	}
	return &next
}

// endpointChanges are the differences between two lists of endpoints. An endpoint that changed is gone and added.
type endpointChanges struct {
	gone  map[*ir.Endpoint]bool
	added []*ir.Endpoint
	// moved tells that interfaces, kinds or addresses differ, not only policies.
	moved bool
}

// compareEndpoints compares lists sorted by key and interface. ok is false when they are not, or differ in much.
func compareEndpoints(old, new []*ir.Endpoint) (c endpointChanges, ok bool) {
	c.gone = map[*ir.Endpoint]bool{}
	i, j := 0, 0
	for i < len(old) || j < len(new) {
		if i < len(old) && j < len(new) && old[i] == new[j] {
			i, j = i+1, j+1
			continue
		}
		if len(c.gone)+len(c.added) > 100+len(new)/8 {
			return c, false
		}
		if i > 0 && i < len(old) && placeOrder(old[i-1], old[i]) >= 0 || j > 0 && j < len(new) && placeOrder(new[j-1], new[j]) >= 0 {
			return c, false
		}
		order := 0
		switch {
		case i == len(old):
			order = 1
		case j == len(new):
			order = -1
		default:
			order = placeOrder(old[i], new[j])
		}
		switch {
		case order < 0:
			c.drop(old[i])
			i++
			continue
		case order > 0:
			c.add(new[j])
			j++
			continue
		}
		if o, n := old[i], new[j]; named(o) {
			moved := c.moved || o.Workload != n.Workload || !slices.Equal(o.Addrs, n.Addrs) || !slices.Equal(o.SpoofAllowed, n.SpoofAllowed)
			c.drop(o)
			c.add(n)
			c.moved = moved
		}
		i, j = i+1, j+1
	}
	return c, true
}

func placeOrder(x, y *ir.Endpoint) int {
	if c := x.Key.Compare(y.Key); c != 0 {
		return c
	}
	return byInterface(x, y)
}

func (c *endpointChanges) drop(e *ir.Endpoint) {
	if named(e) {
		c.gone[e], c.moved = true, true
	}
}

func (c *endpointChanges) add(e *ir.Endpoint) {
	if named(e) {
		c.added, c.moved = append(c.added, e), true
	}
}

// mapped makes the map from interfaces to verdicts; endpoints of kinds whose verdict is Continue are left out, and without any
// there is no map. old is the map as it was last time, nil when there was none; if it is the same still, it is returned.
func (r *roster) mapped(name string, f ruleset.Field, old *ruleset.Set, verdict func(*kind) ruleset.Verdict) *ruleset.Set {
	verdicts := make([]ruleset.Verdict, len(r.kinds.list))
	for i := range r.kinds.list {
		if k := &r.kinds.list[i]; k.count > 0 {
			verdicts[i] = verdict(k)
		}
	}
	var had []ruleset.Element
	if old != nil {
		had = old.Elements
	}
	// The first n elements of list are right. It is the old map's until the first difference, then a copy.
	list, n, copied := had, 0, false
	for i, k := range r.kinds.of {
		v := verdicts[k]
		if v.Kind == ruleset.Continue {
			continue
		}
		same := n < len(list) && list[n].Key == r.keys[i]
		if !same || list[n].Verdict != v {
			if !copied {
				list, copied = append(make([]ruleset.Element, 0, len(r.endpoints)), list...), true
			}
			if !same {
				list = append(list[:n], ruleset.Element{})
			}
			list[n] = ruleset.Element{Key: r.keys[i], Verdict: v}
		}
		n++
	}
	switch {
	case n == 0:
		return nil
	case !copied && n == len(had):
		return old
	}
	list = list[:n:n]
	return &ruleset.Set{Name: name, Fields: []ruleset.Field{f}, Verdicts: true, Size: Size(len(list)), Elements: list}
}

// oldMap is a map of the last lowering.
func (b *Builder) oldMap(name string) *ruleset.Set {
	if b.old == nil {
		return nil
	}
	return b.old.maps[name]
}
