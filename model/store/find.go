package store

import (
	"cmp"
	"iter"
	"net/netip"
	"slices"

	"rampart/model"
)

// The look-ups of this file go through all resources.

// Named iterates over the resources with a name, of any kind and namespace.
func (v *View) Named(name string) iter.Seq[model.Resource] {
	return v.where(func(r model.Resource) bool { return r.Key().Name == name })
}

// Namespaced iterates over the resources in a namespace, of any kind.
func (v *View) Namespaced(namespace string) iter.Seq[model.Resource] {
	return v.where(func(r model.Resource) bool { return namespace != "" && r.Key().Namespace == namespace })
}

// Labelled iterates over the resources that carry a label themselves (inherited labels do not count), by value.
func (v *View) Labelled(key string) iter.Seq[model.Resource] {
	found := slices.Collect(v.where(func(r model.Resource) bool { _, ok := r.Meta().Labels[key]; return ok }))
	slices.SortStableFunc(found, func(a, b model.Resource) int { return cmp.Compare(a.Meta().Labels[key], b.Meta().Labels[key]) })
	return slices.Values(found)
}

// LabelledAs iterates over the resources that carry a label with a value themselves.
func (v *View) LabelledAs(key, value string) iter.Seq[model.Resource] {
	return v.where(func(r model.Resource) bool { w, ok := r.Meta().Labels[key]; return ok && w == value })
}

// Holding iterates over the endpoints that have an address and the network sets with a net around it, longest prefix
// first; one comes as often as it has such prefixes.
func (v *View) Holding(a netip.Addr) iter.Seq[model.Resource] {
	a = a.WithZone("")
	type hit struct {
		r    model.Resource
		bits int
	}
	var hits []hit
	for r := range v.All() {
		seen := map[netip.Prefix]bool{}
		for p := range Prefixes(r) {
			if p.Contains(a) && !seen[p] {
				seen[p] = true
				hits = append(hits, hit{r, p.Bits()})
			}
		}
	}
	slices.SortStableFunc(hits, func(x, y hit) int { return y.bits - x.bits })
	return func(yield func(model.Resource) bool) {
		for _, h := range hits {
			if !yield(h.r) {
				return
			}
		}
	}
}

func (v *View) where(wanted func(model.Resource) bool) iter.Seq[model.Resource] {
	return func(yield func(model.Resource) bool) {
		for r := range v.All() {
			if wanted(r) && !yield(r) {
				return
			}
		}
	}
}
