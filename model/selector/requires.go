package selector

import (
	"slices"
	"strings"
)

// Requirement is a condition that every match of a selector fulfils: the label must be present and, unless Values is nil,
// have one of them (none at all, if Values is empty and not nil: nothing matches).
type Requirement struct {
	Key    string
	Values []string
}

// Requirements are what the selector requires of single labels, sorted by label.
func (s *Selector) Requirements() []Requirement { return s.root.require(false) }

// Requires picks the requirement with the fewest values, for looking up candidates in an index. ok is false when there
// is none. Who knows how many candidates each has chooses better among Requirements.
func (s *Selector) Requires() (key string, values []string, ok bool) {
	for _, r := range s.Requirements() {
		if !ok || r.Values != nil && (values == nil || len(r.Values) < len(values)) {
			key, values, ok = r.Key, r.Values, true
		}
	}
	return key, values, ok
}

// require says which labels must be present for the node (its negation, if negated) to hold, and which values they may
// then have, sorted. It takes no longer than sorting what the node mentions, however long the selector.
func (n *node) require(negated bool) []Requirement {
	switch n.op {
	case opNot:
		return n.kids[0].require(!negated)
	case opAnd, opOr:
		return requireOf(n.kids, negated, (n.op == opAnd) != negated)
	}
	switch {
	case n.op == opEqual && !negated, n.op == opNotEqual && negated:
		return []Requirement{{n.label, []string{n.value}}}
	case n.op == opIn && !negated, n.op == opNotIn && negated:
		return []Requirement{{n.label, n.values}}
	case !negated && (n.op == opHas || n.op == opContains || n.op == opStartsWith || n.op == opEndsWith):
		return []Requirement{{n.label, nil}}
	}
	return nil
}

// requireOf combines conditions. Where they all hold, what one of them requires is required, and values intersect; where
// one holds, only what each of them requires is required, and values unite.
func requireOf(kids []*node, negated, allHold bool) []Requirement {
	var each []Requirement
	for _, k := range kids {
		r := k.require(negated)
		if len(r) == 0 && !allHold {
			return nil
		}
		each = append(each, r...)
	}
	slices.SortFunc(each, func(a, b Requirement) int { return strings.Compare(a.Key, b.Key) })
	combined := each[:0]
	for len(each) > 0 {
		same := 1
		for same < len(each) && each[same].Key == each[0].Key {
			same++
		}
		r := each[0]
		switch {
		case allHold:
			for _, other := range each[1:same] {
				r.Values = intersect(r.Values, other.Values)
			}
			combined = append(combined, r)
		case same == len(kids):
			r.Values = unite(each[:same])
			combined = append(combined, r)
		}
		each = each[same:]
	}
	return combined
}

// intersect is what two sorted lists have in common. Nil is the list of everything.
func intersect(a, b []string) []string {
	switch {
	case a == nil:
		return b
	case b == nil:
		return a
	case len(a) > len(b):
		a, b = b, a
	}
	both := []string{}
	for _, v := range a {
		if _, found := slices.BinarySearch(b, v); found {
			both = append(both, v)
		}
	}
	return both
}

// unite is the sorted union of the values, nil when one of the lists is.
func unite(each []Requirement) []string {
	all := []string{}
	for _, r := range each {
		if r.Values == nil {
			return nil
		}
		all = append(all, r.Values...)
	}
	slices.Sort(all)
	return slices.Compact(all)
}
