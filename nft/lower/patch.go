package lower

import (
	"net/netip"
	"slices"
	"strings"

	"rampart/engine/ir"
	"rampart/nft/ruleset"
)

// maxPatch is up to how many members a set may differ from the one before to be patched rather than made anew.
const maxPatch = 64

// patch makes the sets of addresses of a set of the program from those of the set it was before, when few members differ.
// It is nil when that cannot be done; what it makes is what addressSets makes.
func (m *madeSet) patch(def *ir.Set, key setKey) []*ruleset.Set {
	if m == nil || m.from == nil || def == nil || m.sets[0].Interval || m.from.Selector != def.Selector {
		return nil
	}
	add, del, ok := fewMembers(m.from.Nets, def.Nets)
	if !ok {
		return nil
	}
	addHosts, addWide := parted(add, key.version)
	delHosts, delWide := parted(del, key.version)
	if len(addHosts)+len(addWide)+len(delHosts)+len(delWide) == 0 {
		return m.sets
	}
	f := addrField(key.version, false)
	hosts := m.sets[0]
	if len(addHosts)+len(delHosts) > 0 {
		next := *hosts
		next.Elements = patchHosts(f, hosts.Elements, addHosts, delHosts)
		next.Size = Size(len(next.Elements))
		hosts = &next
	}
	if len(m.sets) == 1 {
		if len(addWide) > 0 {
			return nil
		}
		return []*ruleset.Set{hosts}
	}
	wide := make([]netip.Prefix, 0, max(0, len(def.Nets)-len(hosts.Elements)))
	for _, n := range def.Nets {
		if n.Addr().Is4() == (key.version == 4) && !n.IsSingleIP() {
			wide = append(wide, n)
		}
	}
	if len(wide) == 0 || len(hosts.Elements)+len(wide) < manyPrefixes || len(hosts.Elements) < len(wide) {
		return nil
	}
	ranges := m.sets[1]
	if len(addWide)+len(delWide) > 0 {
		next := *ranges
		next.Elements = ruleset.Spans(f, wide)
		ranges = &next
	}
	return []*ruleset.Set{hosts, ranges}
}

// fewMembers compares sorted lists; ok is false when they differ in many members.
func fewMembers(old, new []netip.Prefix) (add, del []netip.Prefix, ok bool) {
	for len(old) > 0 || len(new) > 0 {
		order := 0
		switch {
		case len(old) == 0:
			order = 1
		case len(new) == 0:
			order = -1
		case old[0] != new[0]:
			order = ir.ComparePrefixes(old[0], new[0])
		}
		switch {
		case order == 0:
			old, new = old[1:], new[1:]
			continue
		case order < 0:
			del, old = append(del, old[0]), old[1:]
		default:
			add, new = append(add, new[0]), new[1:]
		}
		if len(add)+len(del) > maxPatch {
			return nil, nil, false
		}
	}
	return add, del, true
}

func patchHosts(f ruleset.Field, list []ruleset.Element, add, del []netip.Prefix) []ruleset.Element {
	come, _ := ruleset.Addrs(f, add)
	gone, _ := ruleset.Addrs(f, del)
	byKey := func(a, b ruleset.Element) int { return strings.Compare(a.Key, b.Key) }
	out := make([]ruleset.Element, 0, len(list)+len(come))
	for len(come)+len(gone) > 0 {
		insert := len(gone) == 0 || len(come) > 0 && come[0].Key < gone[0].Key
		next := &gone
		if insert {
			next = &come
		}
		e := (*next)[0]
		*next = (*next)[1:]
		at, _ := slices.BinarySearchFunc(list, e, byKey)
		out = append(out, list[:at]...)
		if list = list[at:]; insert {
			out = append(out, e)
		} else {
			list = list[1:]
		}
	}
	return append(out, list...)
}
