package selector

import "slices"

// Requirement is a condition that every match of a selector fulfils: the label must be present and, unless Values is nil,
// have one of them (none at all, if Values is empty and not nil: nothing matches).
type Requirement struct {
	Key    string
	Values []string
}

// Requirements are what the selector requires of single labels, sorted by label.
func (s *Selector) Requirements() []Requirement {
	var all []Requirement
	for _, k := range s.Keys() {
		if values, must := s.root.require(k, false); must {
			all = append(all, Requirement{k, values})
		}
	}
	return all
}

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

// require says whether the label must be present for the node (its negation, if negated) to hold, and which values it
// may then have, nil for any.
func (n *node) require(label string, negated bool) (values []string, must bool) {
	switch n.op {
	case opNot:
		return n.kids[0].require(label, !negated)
	case opAnd, opOr:
		if (n.op == opAnd) != negated {
			return n.requireAll(label, negated)
		}
		return n.requireAny(label, negated)
	}
	if n.label != label {
		return nil, false
	}
	switch {
	case n.op == opEqual && !negated, n.op == opNotEqual && negated:
		return []string{n.value}, true
	case n.op == opIn && !negated, n.op == opNotIn && negated:
		return n.values, true
	case negated:
		return nil, false
	}
	return nil, n.op == opHas || n.op == opContains || n.op == opStartsWith || n.op == opEndsWith
}

// requireAll combines conditions that all hold: what one of them requires is required, and values intersect.
func (n *node) requireAll(label string, negated bool) (values []string, must bool) {
	for _, k := range n.kids {
		v, ok := k.require(label, negated)
		switch {
		case !ok:
		case values == nil:
			values = v
		case v != nil:
			values = slices.DeleteFunc(slices.Clone(values), func(x string) bool { return !slices.Contains(v, x) })
		}
		must = must || ok
	}
	return values, must
}

// requireAny combines conditions of which one holds: required is only what all of them require, and values unite.
func (n *node) requireAny(label string, negated bool) (values []string, must bool) {
	anyValue := false
	union := []string{}
	for _, k := range n.kids {
		v, ok := k.require(label, negated)
		if !ok {
			return nil, false
		}
		anyValue = anyValue || v == nil
		union = append(union, v...)
	}
	if anyValue {
		return nil, true
	}
	slices.Sort(union)
	return slices.Compact(union), true
}
