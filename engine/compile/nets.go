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
		if _, had := slices.BinarySearchFunc(it.nets, n.Masked(), ir.ComparePrefixes); !had {
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

// edited is a sorted list with some members more and some less; those to add are not in it, those to delete are.
func edited(list, add, del []netip.Prefix) []netip.Prefix {
	if len(add)+len(del) == 0 {
		return list
	}
	out := make([]netip.Prefix, 0, len(list)+len(add)-len(del))
	for len(add)+len(del) > 0 {
		insert := len(del) == 0 || len(add) > 0 && ir.ComparePrefixes(add[0], del[0]) < 0
		next := &del
		if insert {
			next = &add
		}
		p := (*next)[0]
		*next = (*next)[1:]
		at, _ := slices.BinarySearchFunc(list, p, ir.ComparePrefixes)
		out = append(out, list[:at]...)
		if list = list[at:]; insert {
			out = append(out, p)
		} else {
			list = list[1:]
		}
	}
	return append(out, list...)
}

// missing are the members of a sorted list that another lacks.
func missing(list, other []netip.Prefix) []netip.Prefix {
	var out []netip.Prefix
	for _, p := range list {
		for len(other) > 0 && ir.ComparePrefixes(other[0], p) < 0 {
			other = other[1:]
		}
		if len(other) == 0 || other[0] != p {
			out = append(out, p)
		}
	}
	return out
}
