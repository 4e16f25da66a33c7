package ruleset

import (
	"slices"
	"strings"
)

// Delta is what turns one ruleset into another. Applied in one transaction in the order of its fields it leaves no
// reference to what is gone: rules that go, elements that go, sets, chains; then chains, sets, elements and rules that
// come.
type Delta struct {
	// Rules lists the chains that stay and whose rules change.
	Rules []RuleDelta
	// Elements lists the sets that stay and whose elements change.
	Elements         []ElementDelta
	DelSets, AddSets []*Set
	DelChains        []*Chain
	AddChains        []*Chain
}

// RuleDelta changes one chain.
type RuleDelta struct {
	Chain *Chain // as it is to be
	// Del are the positions, in the old chain, of the rules that go.
	Del []int
	// Add are the rules that come, in order.
	Add []Insertion
	// Keep pairs the positions of the rules that stay: old and new.
	Keep [][2]int
}

// Insertion is a rule that comes.
type Insertion struct {
	// At is its position in the new chain.
	At int
	// Before is the position in the old chain of the rule that stays and follows it, -1 when none does.
	Before int
}

// ElementDelta changes one set. Flush empties it first; Del is then empty and Add is all.
type ElementDelta struct {
	Set      *Set // as it is to be
	Flush    bool
	Del, Add []Element
}

// Empty tells that the rulesets are equal.
func (d *Delta) Empty() bool {
	return len(d.Rules)+len(d.Elements)+len(d.DelSets)+len(d.AddSets)+len(d.DelChains)+len(d.AddChains) == 0
}

// Diff compares two rulesets of one table. ok is false when there is no delta between them, because a base chain moved.
func Diff(old, new *Ruleset) (d *Delta, ok bool) {
	d = &Delta{}
	retyped := d.sets(old, new)
	return d, d.chains(old, new, retyped)
}

// sets compares sets and returns the names of those that must be made anew, under their old names.
func (d *Delta) sets(old, new *Ruleset) (retyped map[string]bool) {
	was, gone := counterparts(old.Sets, new.Sets, func(s *Set) string { return s.Name })
	for i, s := range new.Sets {
		o := was[i]
		switch {
		case o == s:
		case o == nil:
			d.AddSets = append(d.AddSets, s)
		case !o.SameType(s):
			if retyped == nil {
				retyped = map[string]bool{}
			}
			retyped[s.Name] = true
			d.DelSets, d.AddSets = append(d.DelSets, o), append(d.AddSets, s)
		default:
			if e := diffElements(o, s); e.Flush || len(e.Del)+len(e.Add) > 0 {
				d.Elements = append(d.Elements, e)
			}
		}
	}
	d.DelSets = append(d.DelSets, gone...)
	return retyped
}

func (d *Delta) chains(old, new *Ruleset, retyped map[string]bool) bool {
	if len(retyped) == 0 && slices.Equal(old.Chains, new.Chains) {
		return true
	}
	was, gone := counterparts(old.Chains, new.Chains, func(c *Chain) string { return c.Name })
	for i, c := range new.Chains {
		o := was[i]
		switch {
		case o == nil:
			d.AddChains = append(d.AddChains, c)
		case (o.Base == nil) != (c.Base == nil) || c.Base != nil && *o.Base != *c.Base:
			return false
		case o == c && len(retyped) == 0:
		default:
			if r := diffRules(o, c, retyped); len(r.Del)+len(r.Add) > 0 {
				d.Rules = append(d.Rules, r)
			}
		}
	}
	d.DelChains = append(d.DelChains, gone...)
	return true
}

// counterparts finds the old object of each new one's name, nil when there is none, and the old objects whose names no new
// one has, in their order. Mostly all objects keep their places, which takes no search.
func counterparts[T any](old, new []*T, name func(*T) string) (was, gone []*T) {
	if slices.EqualFunc(old, new, func(a, b *T) bool { return a == b || name(a) == name(b) }) {
		return old, nil
	}
	left := make(map[string]*T, len(old))
	for _, o := range old {
		left[name(o)] = o
	}
	was = make([]*T, len(new))
	for i, n := range new {
		was[i] = left[name(n)]
		delete(left, name(n))
	}
	return was, slices.DeleteFunc(slices.Clone(old), func(o *T) bool { return left[name(o)] == nil })
}

func diffElements(old, new *Set) ElementDelta {
	d := ElementDelta{Set: new}
	switch {
	case old.Prefixes.Len()+new.Prefixes.Len() > 0:
		add, del := new.Prefixes.Since(old.Prefixes)
		d.Add, d.Del = slices.Collect(elementsOf(slices.Values(add))), slices.Collect(elementsOf(slices.Values(del)))
	case len(old.Elements) == len(new.Elements) && (len(new.Elements) == 0 || &old.Elements[0] == &new.Elements[0]):
	case new.Interval && new.Concatenated() && !new.Disjoint:
		d.ordered(old.Elements, new.Elements)
	case new.Interval && new.Concatenated():
		d.merge(sorted(old.Elements), sorted(new.Elements))
	default:
		d.merge(old.Elements, new.Elements)
	}
	return d
}

// merge compares lists sorted by key.
func (d *ElementDelta) merge(old, new []Element) {
	// Mostly a few of many differ: what is equal at both ends is passed over quickly.
	for len(old) > 0 && len(new) > 0 && old[0].Same(&new[0]) {
		old, new = old[1:], new[1:]
	}
	for len(old) > 0 && len(new) > 0 && old[len(old)-1].Same(&new[len(new)-1]) {
		old, new = old[:len(old)-1], new[:len(new)-1]
	}
	i, j := 0, 0
	for i < len(old) || j < len(new) {
		switch {
		case j == len(new) || i < len(old) && elementOrder(old[i], new[j]) < 0:
			d.Del = append(d.Del, old[i])
			i++
		case i == len(old) || elementOrder(old[i], new[j]) > 0:
			d.Add = append(d.Add, new[j])
			j++
		default:
			if !old[i].Same(&new[j]) {
				d.Del, d.Add = append(d.Del, old[i]), append(d.Add, new[j])
			}
			i, j = i+1, j+1
		}
	}
}

func elementOrder(a, b Element) int {
	if c := strings.Compare(a.Key, b.Key); c != 0 {
		return c
	}
	return strings.Compare(a.End, b.End)
}

func sorted(list []Element) []Element {
	list = slices.Clone(list)
	slices.SortFunc(list, elementOrder)
	return list
}

// ordered compares lists in which the first of several that match wins. Elements can only be appended: a deletion would
// move those behind it to other places, and only within a block of places does the kernel keep to the order. Anything
// else means to insert all of them anew.
func (d *ElementDelta) ordered(old, new []Element) {
	for i := range old {
		if i == len(new) || !old[i].Same(&new[i]) {
			d.Flush, d.Add = true, new
			return
		}
	}
	d.Add = new[len(old):]
}

// diffRules finds the longest run of rules that may stay, after setting aside what is equal at both ends.
func diffRules(old, new *Chain, retyped map[string]bool) RuleDelta {
	d := RuleDelta{Chain: new}
	a, b := old.Rules, new.Rules
	same := func(i, j int) bool { return a[i].Equal(b[j]) && !b[j].refers(retyped) }
	head := 0
	for head < len(a) && head < len(b) && same(head, head) {
		d.Keep = append(d.Keep, [2]int{head, head})
		head++
	}
	tail := 0
	for tail < len(a)-head && tail < len(b)-head && same(len(a)-1-tail, len(b)-1-tail) {
		tail++
	}
	d.Keep = append(d.Keep, common(head, len(a)-tail, head, len(b)-tail, same)...)
	for k := tail; k > 0; k-- {
		d.Keep = append(d.Keep, [2]int{len(a) - k, len(b) - k})
	}
	d.fill(len(a), len(b))
	return d
}

// fill lists what Keep leaves.
func (d *RuleDelta) fill(olds, news int) {
	i, j := 0, 0
	for _, k := range append(slices.Clone(d.Keep), [2]int{olds, news}) {
		for ; i < k[0]; i++ {
			d.Del = append(d.Del, i)
		}
		for ; j < k[1]; j++ {
			before := k[0]
			if before == olds {
				before = -1
			}
			d.Add = append(d.Add, Insertion{At: j, Before: before})
		}
		i, j = k[0]+1, k[1]+1
	}
}

// maxCommon bounds the table of the longest common subsequence; above it all rules between the equal ends are replaced.
const maxCommon = 1 << 22

// common is the longest common subsequence of a[i0:i1] and b[j0:j1].
func common(i0, i1, j0, j1 int, same func(i, j int) bool) [][2]int {
	n, m := i1-i0, j1-j0
	if n == 0 || m == 0 || n*m > maxCommon {
		return nil
	}
	// length[i][j] is the length of the longest common subsequence of a[i0+i:i1] and b[j0+j:j1].
	length := make([]int32, (n+1)*(m+1))
	at := func(i, j int) int { return i*(m+1) + j }
	for i := n - 1; i >= 0; i-- {
		for j := m - 1; j >= 0; j-- {
			if same(i0+i, j0+j) {
				length[at(i, j)] = length[at(i+1, j+1)] + 1
			} else {
				length[at(i, j)] = max(length[at(i+1, j)], length[at(i, j+1)])
			}
		}
	}
	var pairs [][2]int
	for i, j := 0, 0; i < n && j < m; {
		switch {
		case same(i0+i, j0+j):
			pairs = append(pairs, [2]int{i0 + i, j0 + j})
			i, j = i+1, j+1
		case length[at(i+1, j)] >= length[at(i, j+1)]:
			i++
		default:
			j++
		}
	}
	return pairs
}
