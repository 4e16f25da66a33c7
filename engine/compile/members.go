package compile

import (
	"slices"
)

// members is a multiset whose distinct elements are published as a sorted list: several endpoints may hold the same
// address, and it leaves a set with the last of them. Changes are collected and take effect in settle.
type members[M comparable] struct {
	// list is published: it is never written to, only replaced.
	list []M
	// extra counts what each element occurs beyond once.
	extra    map[M]int
	add, del []M
}

// settle applies the collected changes and tells whether the list is another one now.
func (m *members[M]) settle(compare func(a, b M) int) bool {
	if len(m.add)+len(m.del) == 0 {
		return false
	}
	slices.SortFunc(m.add, compare)
	slices.SortFunc(m.del, compare)
	var out []M
	changed := false
	old, add, del := m.list, m.add, m.del
	for len(add)+len(del) > 0 {
		var x M
		if len(del) == 0 || len(add) > 0 && compare(add[0], del[0]) <= 0 {
			x = add[0]
		} else {
			x = del[0]
		}
		delta := leading(&add, x) - leading(&del, x)
		at, present := slices.BinarySearchFunc(old, x, compare)
		before := m.extra[x]
		if present {
			before++
		}
		after := before + delta
		m.setExtra(x, after-1)
		if present == (after > 0) {
			continue
		}
		if !changed {
			out = make([]M, 0, len(m.list)+len(add)+1)
			changed = true
		}
		out = append(out, old[:at]...)
		if present {
			at++
		} else {
			out = append(out, x)
		}
		old = old[at:]
	}
	if changed {
		m.list = append(out, old...)
	}
	m.add, m.del = nil, nil
	return changed
}

func (m *members[M]) setExtra(x M, n int) {
	if n > 0 {
		if m.extra == nil {
			m.extra = map[M]int{}
		}
		m.extra[x] = n
	} else {
		delete(m.extra, x)
	}
}

// leading takes the elements equal to x off the front and counts them.
func leading[M comparable](list *[]M, x M) int {
	n := 0
	for n < len(*list) && (*list)[n] == x {
		n++
	}
	*list = (*list)[n:]
	return n
}
