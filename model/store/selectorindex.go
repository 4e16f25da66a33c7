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

	keys []string
	// required are the conditions by one of which an index files the entry.
	required []selector.Requirement
	// repeated tells that it may be filed under several values.
	repeated bool
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
		e.repeated = e.repeated || len(r.Values) > 1
		e.impossible = e.impossible || r.Values != nil && len(r.Values) == 0
	}
	return e
}

// Len is the number of selectors in the index.
func (x *SelectorIndex[T]) Len() int { return x.all.size }

// Insert puts an entry into the index; it may be in several indexes, in each once.
func (x *SelectorIndex[T]) Insert(e *SelectorEntry[T]) {
	x.all.add(e)
	if x.mentions != nil && !e.impossible {
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
	if x.mentions == nil || e.impossible {
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
func (x *SelectorIndex[T]) Candidates(labels selector.Set, visit func(*SelectorEntry[T])) {
	x.all.visit(labels, visit)
}

// Affected visits the selectors that mention one of the changed labels and can match. A selector that matched the
// labels as they were and does not match them now is not found by the labels as they are: ask for both.
func (x *SelectorIndex[T]) Affected(changed []string, labels selector.Set, visit func(*SelectorEntry[T])) {
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

// Mentions tells whether the selector looks at the label.
func (e *SelectorEntry[T]) Mentions(label string) bool {
	_, found := slices.BinarySearch(e.keys, label)
	return found
}

// bucket sorts entries by what they require. Of several conditions it takes the one that fewest entries are filed under:
// in a namespace with a thousand policies, say, the other one. An entry that no label can satisfy is counted and never
// visited.
type bucket[T any] struct {
	byValue map[string]map[string][]*SelectorEntry[T]
	byKey   map[string][]*SelectorEntry[T]
	rest    []*SelectorEntry[T]
	size    int
}

func (b *bucket[T]) add(e *SelectorEntry[T]) {
	b.size++
	if e.impossible {
		return
	}
	if len(e.required) == 0 {
		b.rest = append(b.rest, e)
		return
	}
	best, least := 0, -1
	for i := range e.required {
		if n := b.load(&e.required[i]); least < 0 || n < least {
			best, least = i, n
		}
	}
	r := &e.required[best]
	if r.Values == nil {
		if b.byKey == nil {
			b.byKey = map[string][]*SelectorEntry[T]{}
		}
		b.byKey[r.Key] = append(b.byKey[r.Key], e)
		return
	}
	if b.byValue == nil {
		b.byValue = map[string]map[string][]*SelectorEntry[T]{}
	}
	if b.byValue[r.Key] == nil {
		b.byValue[r.Key] = map[string][]*SelectorEntry[T]{}
	}
	for _, v := range r.Values {
		b.byValue[r.Key][v] = append(b.byValue[r.Key][v], e)
	}
}

// load is how many entries are filed under a condition, and how many lists it has beyond one.
func (b *bucket[T]) load(r *selector.Requirement) int {
	if r.Values == nil {
		return len(b.byKey[r.Key])
	}
	values := b.byValue[r.Key]
	n := len(r.Values) - 1
	for _, v := range r.Values {
		n += len(values[v])
	}
	return n
}

// each visits every entry, once.
func (b *bucket[T]) each(visit func(*SelectorEntry[T])) {
	seen := map[*SelectorEntry[T]]bool{}
	once := func(list []*SelectorEntry[T]) {
		for _, e := range list {
			if e.repeated {
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
	if e.impossible {
		return
	}
	if len(e.required) == 0 {
		b.rest, _ = without(b.rest, e)
		return
	}
	for i := range e.required {
		if b.removeFrom(&e.required[i], e) {
			return
		}
	}
}

// removeFrom tells whether the entry was filed under the condition.
func (b *bucket[T]) removeFrom(r *selector.Requirement, e *SelectorEntry[T]) (found bool) {
	if r.Values == nil {
		if b.byKey[r.Key], found = without(b.byKey[r.Key], e); len(b.byKey[r.Key]) == 0 {
			delete(b.byKey, r.Key)
		}
		return found
	}
	values := b.byValue[r.Key]
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
		delete(b.byValue, r.Key)
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

func (b *bucket[T]) visit(labels selector.Set, visit func(*SelectorEntry[T])) {
	each := func(list []*SelectorEntry[T]) {
		for _, e := range list {
			visit(e)
		}
	}
	// Walk the smaller side of the two.
	n := labels.Len()
	if len(b.byValue) < n {
		for k, values := range b.byValue {
			if v, ok := labels.Get(k); ok {
				each(values[v])
			}
		}
	} else {
		for k, v := range labels.All() {
			if values := b.byValue[k]; values != nil {
				each(values[v])
			}
		}
	}
	if len(b.byKey) < n {
		for k, list := range b.byKey {
			if _, ok := labels.Get(k); ok {
				each(list)
			}
		}
	} else {
		for k := range labels.All() {
			each(b.byKey[k])
		}
	}
	each(b.rest)
}
