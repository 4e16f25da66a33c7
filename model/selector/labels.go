package selector

import (
	"cmp"
	"iter"
	"slices"
)

// Set is Labels that are known in full.
type Set interface {
	Labels
	// Len is how many there are.
	Len() int
	// All goes through them, in no particular order.
	All() iter.Seq2[string, string]
}

// Len implements Set.
func (m Map) Len() int { return len(m) }

// All implements Set.
func (m Map) All() iter.Seq2[string, string] {
	return func(yield func(string, string) bool) {
		for k, v := range m {
			if !yield(k, v) {
				return
			}
		}
	}
}

// List is a Set that takes a quarter of the memory of a Map: the labels sorted by name, each name once.
type List []Label

// Label is a name and a value.
type Label struct{ Name, Value string }

// ListOf is the list of the labels in a map.
func ListOf(m Map) List {
	l := make(List, 0, len(m))
	for k, v := range m {
		l = append(l, Label{k, v})
	}
	slices.SortFunc(l, func(a, b Label) int { return cmp.Compare(a.Name, b.Name) })
	return l
}

// Get implements Labels.
func (l List) Get(name string) (string, bool) {
	const few = 8
	if len(l) <= few {
		for i := range l {
			if l[i].Name == name {
				return l[i].Value, true
			}
		}
		return "", false
	}
	i, found := slices.BinarySearchFunc(l, name, func(a Label, name string) int { return cmp.Compare(a.Name, name) })
	if !found {
		return "", false
	}
	return l[i].Value, true
}

// Len implements Set.
func (l List) Len() int { return len(l) }

// All implements Set.
func (l List) All() iter.Seq2[string, string] {
	return func(yield func(string, string) bool) {
		for i := range l {
			if !yield(l[i].Name, l[i].Value) {
				return
			}
		}
	}
}
