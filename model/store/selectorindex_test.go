package store_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"rampart/model/selector"
	"rampart/model/store"
)

var indexed = []string{
	"all()", "!all()", "a == '1'", "a == '2'", "a in {'1', '2'}", "a in {}", "has(a)", "!has(a)", "a != '1'", "a not in {'1'}",
	"a == '1' && b == '2'", "a == '1' || b == '2'", "a == '1' && b != '2'", "has(a) && has(b)", "a contains '1'",
	"(a == '1' || a == '2') && has(c)", "!(a != '1')", "b starts with '2' && c ends with '1'", "a == '1' && a == '2'", "c == ''",
}

// TestSelectorIndexFindsAll compares the index with evaluating every selector, on random labels and changes, while
// selectors come and go.
func TestSelectorIndexFindsAll(t *testing.T) {
	rng := rand.New(rand.NewPCG(7, 7))
	labels := func() selector.Map {
		out := selector.Map{}
		for _, k := range []string{"a", "b", "c", "d"} {
			if rng.IntN(2) == 0 {
				out[k] = []string{"", "1", "2", "12"}[rng.IntN(4)]
			}
		}
		return out
	}
	var x store.SelectorIndex[string]
	in := map[string]*store.SelectorEntry[string]{}
	for range 3000 {
		text := indexed[rng.IntN(len(indexed))]
		if e := in[text]; e != nil {
			x.Remove(e)
			delete(in, text)
		} else {
			in[text] = store.NewSelectorEntry(selector.MustParse(text), text)
			x.Insert(in[text])
		}
		if x.Len() != len(in) {
			t.Fatalf("index of %d says %d", len(in), x.Len())
		}
		old, now := labels(), labels()
		var changed []string
		for _, k := range []string{"a", "b", "c", "d"} {
			v, had := old[k]
			w, has := now[k]
			if had != has || v != w {
				changed = append(changed, k)
			}
		}
		found := map[string]int{}
		x.Candidates(now, func(e *store.SelectorEntry[string]) { found[e.Value]++ })
		affected := map[string]int{}
		x.Affected(changed, now, func(e *store.SelectorEntry[string]) { affected[e.Value]++ })
		for text, e := range in {
			matches := e.Selector.Matches(now)
			if matches && found[text] != 1 {
				t.Fatalf("%s matches %v and is found %d times", text, now, found[text])
			}
			if matches && !e.Selector.Matches(old) && affected[text] != 1 {
				t.Fatalf("%s begins to match from %v to %v and is found %d times", text, old, now, affected[text])
			}
			mentions := slices.ContainsFunc(changed, e.Mentions)
			if affected[text] > 0 && !mentions {
				t.Fatalf("%s is affected by %v", text, changed)
			}
		}
	}
}

// TestSelectorIndexIsSelective guards what the index is for: a label change looks at the selectors for the new value,
// not at all that mention the label.
func TestSelectorIndexIsSelective(t *testing.T) {
	var x store.SelectorIndex[int]
	for i := range 1000 {
		app := fmt.Sprint("app", i)
		x.Insert(store.NewSelectorEntry(selector.MustParse("app == '"+app+"' && tier == 'x'"), i))
		x.Insert(store.NewSelectorEntry(selector.MustParse("has(has-"+app+")"), i))
	}
	visits := 0
	count := func(*store.SelectorEntry[int]) { visits++ }
	x.Affected([]string{"app"}, selector.Map{"app": "app42", "tier": "y", "zone": "1"}, count)
	if visits != 1 {
		t.Errorf("a change of app looks at %d of 2000 selectors, want 1", visits)
	}
	visits = 0
	x.Affected([]string{"zone"}, selector.Map{"app": "app42", "tier": "x", "zone": "2"}, count)
	if visits != 0 {
		t.Errorf("a change of a label nobody mentions looks at %d selectors", visits)
	}
}
