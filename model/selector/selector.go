package selector

import (
	"slices"
	"strings"
)

// Selector is a parsed label selector. The zero value is not usable; Parse, Has, Equals, In and And make one.
type Selector struct {
	root *node
	text string
}

func newSelector(root *node) *Selector {
	var b strings.Builder
	root.write(&b)
	return &Selector{root: root, text: b.String()}
}

// Matches evaluates the selector. It does not allocate.
func (s *Selector) Matches(l Labels) bool { return s.root.matches(l) }

// String is the canonical text. Selectors with the same canonical text match the same labels.
func (s *Selector) String() string { return s.text }

// Keys are the names of the labels the selector looks at, sorted, each once: only a change of one of these can change
// what Matches says.
func (s *Selector) Keys() []string {
	var keys []string
	s.root.walk(func(n *node) {
		if n.label != "" {
			keys = append(keys, n.label)
		}
	})
	slices.Sort(keys)
	return slices.Compact(keys)
}

// IsAll tells whether the whole selector is all().
func (s *Selector) IsAll() bool { return s.root.op == opAll }

// IsGlobal tells whether the whole selector is global().
func (s *Selector) IsGlobal() bool { return s.root.op == opGlobal }

// UsesGlobal tells whether global() occurs anywhere in the selector.
func (s *Selector) UsesGlobal() bool {
	found := false
	s.root.walk(func(n *node) { found = found || n.op == opGlobal })
	return found
}

func (n *node) write(b *strings.Builder) {
	switch n.op {
	case opAll:
		b.WriteString("all()")
	case opGlobal:
		b.WriteString("global()")
	case opHas:
		b.WriteString("has(" + n.label + ")")
	case opNot:
		b.WriteByte('!')
		n.kids[0].write(b)
	case opAnd, opOr:
		separator := " && "
		if n.op == opOr {
			separator = " || "
		}
		b.WriteByte('(')
		for i, k := range n.kids {
			if i > 0 {
				b.WriteString(separator)
			}
			k.write(b)
		}
		b.WriteByte(')')
	case opIn, opNotIn:
		b.WriteString(n.label + symbols[n.op] + "{")
		for i, v := range n.values {
			if i > 0 {
				b.WriteString(", ")
			}
			writeQuoted(b, v)
		}
		b.WriteByte('}')
	default:
		b.WriteString(n.label + symbols[n.op])
		writeQuoted(b, n.value)
	}
}

var symbols = map[operator]string{
	opEqual: " == ", opNotEqual: " != ", opContains: " contains ", opStartsWith: " starts with ",
	opEndsWith: " ends with ", opIn: " in ", opNotIn: " not in ",
}

// writeQuoted prefers double quotes. A value cannot hold both kinds of quote, since strings have no escapes.
func writeQuoted(b *strings.Builder, v string) {
	quote := byte('"')
	if strings.IndexByte(v, '"') >= 0 {
		quote = '\''
	}
	b.WriteByte(quote)
	b.WriteString(v)
	b.WriteByte(quote)
}
