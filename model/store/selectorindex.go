package store

import (
	"slices"

	"rampart/model/selector"
)

// SelectorIndex finds, among many selectors, the few that given labels can match. A selector that needs a label with
// one of some values (selector.Requires) is found only by resources that have it; the others are candidates always.
//
//	labels of one resource ──► Candidates ──► selectors worth evaluating
//	labels that changed    ──► Affected   ──► those among them that mention a changed label
//
// Entries are filed by what they require. Of several conditions an entry is filed under the one that has fewest: in a
// namespace with a thousand policies, say, under another. One that no label can satisfy is counted and never visited.
//
// The zero value is an empty index. It is not safe for concurrent use.
type SelectorIndex[T any] struct {
	byValue map[string]map[string][]*SelectorEntry[T]
	byKey   map[string][]*SelectorEntry[T]
	rest    []*SelectorEntry[T]
	size    int
}

// SelectorEntry is one selector of an index with the value that stands for it.
type SelectorEntry[T any] struct {
	Selector *selector.Selector
	Value    T

	keys []string
	// required are the conditions by one of which an index files the entry.
	required []selector.Requirement
	// impossible tells that no labels match the selector.
	impossible bool
}

// NewSelectorEntry prepares a selector for an index.
func NewSelectorEntry[T any](s *selector.Selector, v T) *SelectorEntry[T] {
	e := &SelectorEntry[T]{Selector: s, Value: v, keys: s.Keys(), required: s.Requirements()}
	// Conditions on values tell resources apart better than that a label is there.
	exact := slices.DeleteFunc(slices.Clone(e.required), func(r selector.Requirement) bool { return r.Values == nil })
	if len(exact) > 0 {
		e.required = exact
	}
	for _, r := range e.required {
		e.impossible = e.impossible || r.Values != nil && len(r.Values) == 0
	}
	return e
}

// Len is the number of selectors in the index.
func (x *SelectorIndex[T]) Len() int { return x.size }

// Insert puts an entry into the index; it may be in several indexes, in each once.
func (x *SelectorIndex[T]) Insert(e *SelectorEntry[T]) {
	x.size++
	if e.impossible {
		return
	}
	if len(e.required) == 0 {
		x.rest = append(x.rest, e)
		return
	}
	best, least := 0, -1
	for i := range e.required {
		if n := x.load(&e.required[i]); least < 0 || n < least {
			best, least = i, n
		}
	}
	r := &e.required[best]
	if r.Values == nil {
		if x.byKey == nil {
			x.byKey = map[string][]*SelectorEntry[T]{}
		}
		x.byKey[r.Key] = append(x.byKey[r.Key], e)
		return
	}
	if x.byValue == nil {
		x.byValue = map[string]map[string][]*SelectorEntry[T]{}
	}
	if x.byValue[r.Key] == nil {
		x.byValue[r.Key] = map[string][]*SelectorEntry[T]{}
	}
	for _, v := range r.Values {
		x.byValue[r.Key][v] = append(x.byValue[r.Key][v], e)
	}
}

// Remove takes an entry out of the index; it must be in.
func (x *SelectorIndex[T]) Remove(e *SelectorEntry[T]) {
	x.size--
	if e.impossible {
		return
	}
	if len(e.required) == 0 {
		x.rest, _ = without(x.rest, e)
		return
	}
	for i := range e.required {
		if x.removeFrom(&e.required[i], e) {
			return
		}
	}
}

// Candidates visits every selector that can match the labels, each once, in no particular order. Selectors it leaves
// out do not match.
func (x *SelectorIndex[T]) Candidates(labels selector.Set, visit func(*SelectorEntry[T])) {
	each := func(list []*SelectorEntry[T]) {
		for _, e := range list {
			visit(e)
		}
	}
	// Walk the smaller side of the two.
	n := labels.Len()
	if len(x.byValue) < n {
		for k, values := range x.byValue {
			if v, ok := labels.Get(k); ok {
				each(values[v])
			}
		}
	} else {
		for k, v := range labels.All() {
			if values := x.byValue[k]; values != nil {
				each(values[v])
			}
		}
	}
	if len(x.byKey) < n {
		for k, list := range x.byKey {
			if _, ok := labels.Get(k); ok {
				each(list)
			}
		}
	} else {
		for k := range labels.All() {
			each(x.byKey[k])
		}
	}
	each(x.rest)
}

// Affected visits the selectors that mention one of the changed labels and can match. A selector that matched the
// labels as they were and does not match them now is not found by the labels as they are: ask for both.
func (x *SelectorIndex[T]) Affected(changed []string, labels selector.Set, visit func(*SelectorEntry[T])) {
	x.Candidates(labels, func(e *SelectorEntry[T]) {
		if slices.ContainsFunc(changed, e.Mentions) {
			visit(e)
		}
	})
}

// Mentions tells whether the selector looks at the label.
func (e *SelectorEntry[T]) Mentions(label string) bool {
	_, found := slices.BinarySearch(e.keys, label)
	return found
}

// load is how many entries are filed under a condition, and how many lists it has beyond one.
func (x *SelectorIndex[T]) load(r *selector.Requirement) int {
	if r.Values == nil {
		return len(x.byKey[r.Key])
	}
	values := x.byValue[r.Key]
	n := len(r.Values) - 1
	for _, v := range r.Values {
		n += len(values[v])
	}
	return n
}

// removeFrom tells whether the entry was filed under the condition.
func (x *SelectorIndex[T]) removeFrom(r *selector.Requirement, e *SelectorEntry[T]) (found bool) {
	if r.Values == nil {
		if x.byKey[r.Key], found = without(x.byKey[r.Key], e); len(x.byKey[r.Key]) == 0 {
			delete(x.byKey, r.Key)
		}
		return found
	}
	values := x.byValue[r.Key]
	for _, v := range r.Values {
		list, ok := without(values[v], e)
		switch {
		case !ok:
			return false // it is in all of these lists or in none
		case len(list) == 0:
			delete(values, v)
		default:
			values[v] = list
		}
	}
	if len(values) == 0 {
		delete(x.byValue, r.Key)
	}
	return true
}

// without gives up the order of the list for speed.
func without[T any](list []*SelectorEntry[T], e *SelectorEntry[T]) (rest []*SelectorEntry[T], found bool) {
	i := slices.Index(list, e)
	if i < 0 {
		return list, false
	}
	last := len(list) - 1
	list[i], list[last] = list[last], nil
	return list[:last], true
}
