package compile

import (
	"net/netip"
	"slices"

	"rampart/engine/ir"
	"rampart/model"
)

// maxNear is up to how many nets a version of a network set may differ from the one before to be compared net by net.
const maxNear = 16

// near compares a network set, which may have a hundred thousand nets, with the version before it, in the order they are
// written in. add and del are sorted and say how the item's nets change; ok is false when more than a few differ.
func (it *item) near(r model.Resource) (add, del []netip.Prefix, ok bool) {
	before, _ := it.resource.(*model.NetworkSet)
	now, _ := r.(*model.NetworkSet)
	if before == nil || now == nil {
		return nil, nil, false
	}
	old, new := before.Spec.Nets, now.Spec.Nets
	for len(old) > 0 && len(new) > 0 && old[0] == new[0] {
		old, new = old[1:], new[1:]
	}
	for len(old) > 0 && len(new) > 0 && old[len(old)-1] == new[len(new)-1] {
		old, new = old[:len(old)-1], new[:len(new)-1]
	}
	if len(old)+len(new) > maxNear {
		return nil, nil, false
	}
	for _, n := range new {
		if !n.IsValid() {
			continue
		}
		if !it.nets.Contains(n.Masked()) {
			add = append(add, n.Masked())
		}
	}
	for _, n := range old {
		if n.IsValid() && !slices.ContainsFunc(now.Spec.Nets, func(m model.Net) bool {
			return m.IsValid() && m.Bits() == n.Bits() && n.Contains(m.Addr())
		}) {
			del = append(del, n.Masked())
		}
	}
	return sortedOnce(add), sortedOnce(del), true
}

func sortedOnce(list []netip.Prefix) []netip.Prefix {
	slices.SortFunc(list, ir.ComparePrefixes)
	return slices.Compact(list)
}
