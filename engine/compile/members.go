package compile

import (
	"slices"
)

// members makes a sorted list of distinct elements a multiset: several endpoints may hold the same address, and it leaves
// a set with the last of them. Changes are collected; settle says what they come to.
type members[M comparable] struct {
	// extra counts what each element occurs beyond once.
	extra    map[M]int
	add, del []M
}

// settle takes in the collected changes. It returns which elements come and which go, sorted, given which there are.
func (m *members[M]) settle(compare func(a, b M) int, has func(M) bool) (come, gone []M) {
	slices.SortFunc(m.add, compare)
	slices.SortFunc(m.del, compare)
	add, del := m.add, m.del
	for len(add)+len(del) > 0 {
		var x M
		if len(del) == 0 || len(add) > 0 && compare(add[0], del[0]) <= 0 {
			x = add[0]
		} else {
			x = del[0]
		}
		delta := leading(&add, x) - leading(&del, x)
		present := has(x)
		before := m.extra[x]
		if present {
			before++
		}
		after := before + delta
		m.setExtra(x, after-1)
		switch {
		case !present && after > 0:
			come = append(come, x)
		case present && after <= 0:
			gone = append(gone, x)
		}
	}
	m.add, m.del = nil, nil
	return come, gone
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

// edited is a sorted list with some elements more and some less; those to add are not in it, those to delete are.
func edited[M any](list, add, del []M, compare func(a, b M) int) []M {
	if len(add)+len(del) == 0 {
		return list
	}
	out := make([]M, 0, len(list)+len(add)-len(del))
	for len(add)+len(del) > 0 {
		insert := len(del) == 0 || len(add) > 0 && compare(add[0], del[0]) < 0
		next := &del
		if insert {
			next = &add
		}
		x := (*next)[0]
		*next = (*next)[1:]
		at, _ := slices.BinarySearchFunc(list, x, compare)
		out = append(out, list[:at]...)
		if list = list[at:]; insert {
			out = append(out, x)
		} else {
			list = list[1:]
		}
	}
	return append(out, list...)
}
