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
// The zero value is an empty index. It is not safe for concurrent use.
type SelectorIndex[T any] struct {
	all bucket[T]
	// mentions sorts the same entries by the labels they look at. It is built when it is first asked for: who matches
	// everything once never does.
	mentions map[string]*bucket[T]
}

// SelectorEntry is one selector of an index with the value that stands for it.
type SelectorEntry[T any] struct {
	Selector *selector.Selector
	Value    T

	keys     []string
	required requirement
}

// requirement is what selector.Requires says.
type requirement struct {
	key    string
	values []string
	ok     bool
}

// NewSelectorEntry prepares a selector for an index.
func NewSelectorEntry[T any](s *selector.Selector, v T) *SelectorEntry[T] {
	e := &SelectorEntry[T]{Selector: s, Value: v, keys: s.Keys()}
	e.required.key, e.required.values, e.required.ok = s.Requires()
	return e
}

// Len is the number of selectors in the index.
func (x *SelectorIndex[T]) Len() int { return x.all.size }

// Insert puts an entry into the index; it may be in several indexes, in each once.
func (x *SelectorIndex[T]) Insert(e *SelectorEntry[T]) {
	x.all.add(e)
	if x.mentions != nil && !e.impossible() {
		x.mention(e)
	}
}

func (x *SelectorIndex[T]) mention(e *SelectorEntry[T]) {
	for _, k := range e.keys {
		if x.mentions[k] == nil {
			x.mentions[k] = &bucket[T]{}
		}
		x.mentions[k].add(e)
	}
}

// Remove takes an entry out of the index; it must be in.
func (x *SelectorIndex[T]) Remove(e *SelectorEntry[T]) {
	x.all.remove(e)
	if x.mentions == nil || e.impossible() {
		return
	}
	for _, k := range e.keys {
		b := x.mentions[k]
		b.remove(e)
		if b.size == 0 {
			delete(x.mentions, k)
		}
	}
}

// Candidates visits every selector that can match the labels, each once, in no particular order. Selectors it leaves
// out do not match.
func (x *SelectorIndex[T]) Candidates(labels selector.Map, visit func(*SelectorEntry[T])) {
	x.all.visit(labels, visit)
}

// Affected visits the selectors that mention one of the changed labels and can match. A selector that matched the
// labels as they were and does not match them now is not found by the labels as they are: ask for both.
func (x *SelectorIndex[T]) Affected(changed []string, labels selector.Map, visit func(*SelectorEntry[T])) {
	if x.mentions == nil {
		x.mentions = map[string]*bucket[T]{}
		x.all.each(x.mention)
	}
	for i, k := range changed {
		b := x.mentions[k]
		if b == nil {
			continue
		}
		b.visit(labels, func(e *SelectorEntry[T]) {
			for _, earlier := range changed[:i] {
				if e.Mentions(earlier) {
					return
				}
			}
			visit(e)
		})
	}
}

// impossible tells that no labels match the selector.
func (e *SelectorEntry[T]) impossible() bool {
	return e.required.ok && e.required.values != nil && len(e.required.values) == 0
}

// Mentions tells whether the selector looks at the label.
func (e *SelectorEntry[T]) Mentions(label string) bool {
	_, found := slices.BinarySearch(e.keys, label)
	return found
}

// bucket sorts entries by what they require. An entry that no label can satisfy is counted and never visited.
type bucket[T any] struct {
	byValue map[string]map[string][]*SelectorEntry[T]
	byKey   map[string][]*SelectorEntry[T]
	rest    []*SelectorEntry[T]
	size    int
}

func (b *bucket[T]) add(e *SelectorEntry[T]) {
	b.size++
	r := &e.required
	switch {
	case !r.ok:
		b.rest = append(b.rest, e)
	case r.values == nil:
		if b.byKey == nil {
			b.byKey = map[string][]*SelectorEntry[T]{}
		}
		b.byKey[r.key] = append(b.byKey[r.key], e)
	default:
		if b.byValue == nil {
			b.byValue = map[string]map[string][]*SelectorEntry[T]{}
		}
		if b.byValue[r.key] == nil {
			b.byValue[r.key] = map[string][]*SelectorEntry[T]{}
		}
		for _, v := range r.values {
			b.byValue[r.key][v] = append(b.byValue[r.key][v], e)
		}
	}
}

// each visits every entry, once.
func (b *bucket[T]) each(visit func(*SelectorEntry[T])) {
	seen := map[*SelectorEntry[T]]bool{}
	once := func(list []*SelectorEntry[T]) {
		for _, e := range list {
			if len(e.required.values) > 1 {
				if seen[e] {
					continue
				}
				seen[e] = true
			}
			visit(e)
		}
	}
	for _, values := range b.byValue {
		for _, list := range values {
			once(list)
		}
	}
	for _, list := range b.byKey {
		once(list)
	}
	once(b.rest)
}

func (b *bucket[T]) remove(e *SelectorEntry[T]) {
	b.size--
	r := &e.required
	switch {
	case !r.ok:
		b.rest = without(b.rest, e)
	case r.values == nil:
		if b.byKey[r.key] = without(b.byKey[r.key], e); len(b.byKey[r.key]) == 0 {
			delete(b.byKey, r.key)
		}
	default:
		values := b.byValue[r.key]
		for _, v := range r.values {
			if values[v] = without(values[v], e); len(values[v]) == 0 {
				delete(values, v)
			}
		}
		if len(values) == 0 {
			delete(b.byValue, r.key)
		}
	}
}

// without gives up the order of the list for speed.
func without[T any](list []*SelectorEntry[T], e *SelectorEntry[T]) []*SelectorEntry[T] {
	i := slices.Index(list, e)
	last := len(list) - 1
	list[i], list[last] = list[last], nil
	return list[:last]
}

func (b *bucket[T]) visit(labels selector.Map, visit func(*SelectorEntry[T])) {
	each := func(list []*SelectorEntry[T]) {
		for _, e := range list {
			visit(e)
		}
	}
	// Walk the smaller side of the two.
	if len(b.byValue) < len(labels) {
		for k, values := range b.byValue {
			if v, ok := labels[k]; ok {
				each(values[v])
			}
		}
	} else {
		for k, v := range labels {
			if values := b.byValue[k]; values != nil {
				each(values[v])
			}
		}
	}
	if len(b.byKey) < len(labels) {
		for k, list := range b.byKey {
			if _, ok := labels[k]; ok {
				each(list)
			}
		}
	} else {
		for k := range labels {
			each(b.byKey[k])
		}
	}
	each(b.rest)
}
