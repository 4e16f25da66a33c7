package selector

import "slices"

// Requires names a condition that every match fulfils, for looking up candidates in an index: the label key must be
// present and, unless values is nil, have one of the values (none at all, if values is empty and not nil: nothing
// matches). Of several such conditions it picks the one with the fewest values. ok is false when there is none.
func (s *Selector) Requires() (key string, values []string, ok bool) {
	for _, k := range s.Keys() {
		v, must := s.root.require(k, false)
		if !must {
			continue
		}
		if !ok || v != nil && (values == nil || len(v) < len(values)) {
			key, values, ok = k, v, true
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
