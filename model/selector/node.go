package selector

import (
	"slices"
	"strings"
)

// Labels is what a selector is evaluated against.
type Labels interface {
	// Get returns the value of a label and whether the label is present.
	Get(name string) (value string, present bool)
}

// Map is the simplest Labels.
type Map map[string]string

// Get implements Labels.
func (m Map) Get(name string) (string, bool) {
	v, ok := m[name]
	return v, ok
}

type operator uint8

const (
	opAll operator = iota
	opGlobal
	opHas
	opEqual
	opNotEqual
	opContains
	opStartsWith
	opEndsWith
	opIn
	opNotIn
	opNot
	opAnd
	opOr
)

// node is one node of the syntax tree. Nodes are shared between selectors and never changed.
type node struct {
	op operator
	// label is the label name of has() and of comparisons.
	label string
	// value is the operand of a comparison with one string, values, sorted and unique, that of "in" and "not in".
	value  string
	values []string
	// kids are the operands of !, && and ||: one, or at least two.
	kids []*node
}

func (n *node) matches(l Labels) bool {
	switch n.op {
	case opAll, opGlobal:
		return true
	case opNot:
		return !n.kids[0].matches(l)
	case opAnd:
		for _, k := range n.kids {
			if !k.matches(l) {
				return false
			}
		}
		return true
	case opOr:
		for _, k := range n.kids {
			if k.matches(l) {
				return true
			}
		}
		return false
	}
	value, present := l.Get(n.label)
	if !present {
		return n.op == opNotEqual || n.op == opNotIn
	}
	switch n.op {
	case opHas:
		return true
	case opEqual:
		return value == n.value
	case opNotEqual:
		return value != n.value
	case opContains:
		return strings.Contains(value, n.value)
	case opStartsWith:
		return strings.HasPrefix(value, n.value)
	case opEndsWith:
		return strings.HasSuffix(value, n.value)
	case opIn, opNotIn:
		_, found := slices.BinarySearch(n.values, value)
		return found == (n.op == opIn)
	}
	panic("selector: unknown operator")
}

// edit returns a copy of the tree in which every leaf is replaced by what change makes of it. Subtrees that stay the
// same are shared.
func (n *node) edit(change func(leaf *node) *node) *node {
	if len(n.kids) == 0 {
		return change(n)
	}
	kids := make([]*node, len(n.kids))
	same := true
	for i, k := range n.kids {
		kids[i] = k.edit(change)
		same = same && kids[i] == k
	}
	if same {
		return n
	}
	return &node{op: n.op, kids: kids}
}

// walk calls visit for every leaf, in the order of the text.
func (n *node) walk(visit func(leaf *node)) {
	if len(n.kids) == 0 {
		visit(n)
	}
	for _, k := range n.kids {
		k.walk(visit)
	}
}
