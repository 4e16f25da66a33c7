package selector

import "slices"

// Has is the selector has(label).
func Has(label string) *Selector { return newSelector(&node{op: opHas, label: label}) }

// Equals is the selector label == value.
func Equals(label, value string) *Selector {
	return newSelector(&node{op: opEqual, label: label, value: value})
}

// In is the selector label in { values }.
func In(label string, values ...string) *Selector {
	return newSelector(&node{op: opIn, label: label, values: set(values)})
}

// NotIn is the selector label not in { values }.
func NotIn(label string, values ...string) *Selector {
	return newSelector(&node{op: opNotIn, label: label, values: set(values)})
}

// set is a sorted copy without duplicates, never nil.
func set(values []string) []string {
	sorted := append([]string{}, values...)
	slices.Sort(sorted)
	return slices.Compact(sorted)
}

// All is the selector all().
func All() *Selector { return newSelector(&node{op: opAll}) }

// Not is the negation of s.
func Not(s *Selector) *Selector { return newSelector(&node{op: opNot, kids: []*node{s.root}}) }

// And matches what both match. A nil selector is no condition: And returns the other one. all() is dropped beside
// another condition, so that equal sets of endpoints have equal names more often.
func And(a, b *Selector) *Selector {
	switch {
	case a == nil || b != nil && a.IsAll():
		return b
	case b == nil || b.IsAll():
		return a
	}
	return newSelector(&node{op: opAnd, kids: []*node{a.root, b.root}})
}

// WithPrefix is the same selector over labels whose names begin with prefix.
func (s *Selector) WithPrefix(prefix string) *Selector {
	return s.edit(func(n *node) *node {
		if n.label == "" {
			return n
		}
		renamed := *n
		renamed.label = prefix + n.label
		return &renamed
	})
}

// Substitute replaces every all() by one selector and every global() by another. Nil leaves them as they are.
func (s *Selector) Substitute(all, global *Selector) *Selector {
	return s.edit(func(n *node) *node {
		switch {
		case n.op == opAll && all != nil:
			return all.root
		case n.op == opGlobal && global != nil:
			return global.root
		}
		return n
	})
}

func (s *Selector) edit(change func(*node) *node) *Selector {
	root := s.root.edit(change)
	if root == s.root {
		return s
	}
	return newSelector(root)
}
