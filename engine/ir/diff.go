package ir

import (
	"cmp"
	"net/netip"
	"reflect"
	"slices"
)

// Delta is what turns one sealed program into the next, so that a backend writes only what changed. Objects are those
// of the new program, except in Removed lists. Lists are sorted as in Program. Origins do not count as changes.
type Delta struct {
	// Settings tells that Node or Options changed: a backend that bakes them into rules starts afresh.
	Settings  bool
	Sets      []SetDelta
	Policies  Changes[*Policy]
	Profiles  Changes[*Profile]
	Groups    Changes[*Group]
	Endpoints Changes[*Endpoint]
}

// Changes sorts objects by what happened to them. A changed group lists the same policies and profiles as before, and
// at least one of them has other rules.
type Changes[T any] struct{ Added, Changed, Removed []T }

// Empty tells that nothing changed.
func (c *Changes[T]) Empty() bool { return len(c.Added)+len(c.Changed)+len(c.Removed) == 0 }

// Op is what happened to an object.
type Op uint8

// The operations.
const (
	OpAdd Op = iota + 1
	OpChange
	OpRemove
)

// SetDelta is what happened to one set. For a set added or removed the member lists are all its members.
type SetDelta struct {
	Op  Op
	Set *Set
	// AddNets and DelNets are the members of a SetNets, AddPorts and DelPorts those of a SetPorts; sorted.
	AddNets, DelNets   []netip.Prefix
	AddPorts, DelPorts []PortMember
}

// Empty tells that both programs enforce the same.
func (d *Delta) Empty() bool {
	return !d.Settings && len(d.Sets) == 0 && d.Policies.Empty() && d.Profiles.Empty() && d.Groups.Empty() && d.Endpoints.Empty()
}

// Diff compares two sealed programs. A nil old program counts as empty, with other settings. Its cost is that of
// walking the object lists, and the members of sets that differ.
func Diff(old, new *Program) Delta {
	var d Delta
	if old == nil {
		old = &Program{}
		d.Settings = true
	} else {
		d.Settings = old.Node != new.Node || !reflect.DeepEqual(old.Options, new.Options)
	}
	d.Sets = diffSets(old.Sets, new.Sets)
	d.Policies = diff(old.Policies, new.Policies,
		func(a, b *Policy) int { return cmp.Compare(a.ID, b.ID) },
		func(a, b *Policy) bool { return a == b || a.Sum == b.Sum })
	d.Profiles = diff(old.Profiles, new.Profiles,
		func(a, b *Profile) int { return cmp.Compare(a.Name, b.Name) },
		func(a, b *Profile) bool { return a == b || a.Sum == b.Sum })
	d.Groups = diff(old.Groups, new.Groups,
		func(a, b *Group) int { return cmp.Compare(a.ID, b.ID) },
		sameGroup)
	d.Endpoints = diff(old.Endpoints, new.Endpoints, compareEndpoints,
		func(a, b *Endpoint) bool { return a == b || a.Sum == b.Sum })
	return d
}

// sameGroup compares groups of equal ID, which list the same names.
func sameGroup(a, b *Group) bool {
	if a == b {
		return true
	}
	for i := range a.Tiers {
		for j, p := range a.Tiers[i].Policies {
			if q := b.Tiers[i].Policies[j]; p != q && p.Sum != q.Sum {
				return false
			}
		}
	}
	for i, p := range a.Profiles {
		if q := b.Profiles[i]; p != q && p.Sum != q.Sum {
			return false
		}
	}
	return true
}

func diffSets(old, new []*Set) []SetDelta {
	var out []SetDelta
	merge(old, new, func(a, b *Set) int { return cmp.Compare(a.ID, b.ID) }, func(a, b *Set) {
		switch {
		case b == nil:
			out = append(out, SetDelta{Op: OpRemove, Set: a, DelNets: a.Nets.Slice(), DelPorts: a.Ports})
		case a == nil:
			out = append(out, SetDelta{Op: OpAdd, Set: b, AddNets: b.Nets.Slice(), AddPorts: b.Ports})
		case a != b && a.Sum != b.Sum:
			c := SetDelta{Op: OpChange, Set: b}
			c.AddNets, c.DelNets = b.Nets.Since(a.Nets)
			c.AddPorts, c.DelPorts = members(a.Ports, b.Ports, PortMember.Compare)
			out = append(out, c)
		}
	})
	return out
}

func members[T any](old, new []T, compare func(a, b T) int) (add, del []T) {
	i, j := 0, 0
	for i < len(old) && j < len(new) {
		switch c := compare(old[i], new[j]); {
		case c < 0:
			del = append(del, old[i])
			i++
		case c > 0:
			add = append(add, new[j])
			j++
		default:
			i++
			j++
		}
	}
	return slices.Concat(add, new[j:]), slices.Concat(del, old[i:])
}

func diff[T any](old, new []*T, compare func(a, b *T) int, same func(a, b *T) bool) Changes[*T] {
	var c Changes[*T]
	merge(old, new, compare, func(a, b *T) {
		switch {
		case b == nil:
			c.Removed = append(c.Removed, a)
		case a == nil:
			c.Added = append(c.Added, b)
		case !same(a, b):
			c.Changed = append(c.Changed, b)
		}
	})
	return c
}

// merge walks two sorted lists and hands over pairs of equal rank; the partner of an unmatched element is nil.
func merge[T any](old, new []*T, compare func(a, b *T) int, pair func(a, b *T)) {
	i, j := 0, 0
	for i < len(old) || j < len(new) {
		switch {
		case j == len(new):
			pair(old[i], nil)
			i++
		case i == len(old):
			pair(nil, new[j])
			j++
		default:
			switch c := compare(old[i], new[j]); {
			case c < 0:
				pair(old[i], nil)
				i++
			case c > 0:
				pair(nil, new[j])
				j++
			default:
				pair(old[i], new[j])
				i++
				j++
			}
		}
	}
}
