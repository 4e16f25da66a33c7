package model

import (
	"iter"

	"rampart/model/selector"
)

// endpointIndex finds the endpoints that a selector may match without trying all of them.
type endpointIndex struct {
	all     []labelled
	byLabel map[string][]int
	byValue map[labelAndValue][]int
}

type labelled struct {
	labels selector.List
	host   bool
}

type labelAndValue struct{ label, value string }

func indexEndpoints(resources []Resource, from Inheritance) endpointIndex {
	x := endpointIndex{byLabel: map[string][]int{}, byValue: map[labelAndValue][]int{}}
	labels := selector.Map{}
	for _, r := range resources {
		_, host := r.(*HostEndpoint)
		if _, workload := r.(*WorkloadEndpoint); !host && !workload {
			continue
		}
		clear(labels)
		from.AddEffectiveLabels(labels, r)
		for k, v := range labels {
			x.byLabel[k] = append(x.byLabel[k], len(x.all))
			x.byValue[labelAndValue{k, v}] = append(x.byValue[labelAndValue{k, v}], len(x.all))
		}
		x.all = append(x.all, labelled{selector.ListOf(labels), host})
	}
	return x
}

// anySelected tells whether s selects any endpoint, or any host endpoint.
func (x *endpointIndex) anySelected(s *selector.Selector, hostOnly bool) bool {
	for i := range x.candidates(s) {
		if e := &x.all[i]; (e.host || !hostOnly) && s.Matches(&e.labels) {
			return true
		}
	}
	return false
}

// candidates are the endpoints that fulfil the most selective of what the selector requires of single labels.
func (x *endpointIndex) candidates(s *selector.Selector) iter.Seq[int] {
	return func(yield func(int) bool) {
		lists, fewest := [][]int(nil), len(x.all)+1
		for _, r := range s.Requirements() {
			if l, n := x.fulfilling(r); n < fewest {
				lists, fewest = l, n
			}
		}
		if fewest > len(x.all) {
			for i := range x.all {
				if !yield(i) {
					return
				}
			}
		}
		for _, list := range lists {
			for _, i := range list {
				if !yield(i) {
					return
				}
			}
		}
	}
}

// fulfilling are the endpoints that fulfil a requirement, in disjoint lists, and how many they are.
func (x *endpointIndex) fulfilling(r selector.Requirement) (lists [][]int, n int) {
	if r.Values == nil {
		return [][]int{x.byLabel[r.Key]}, len(x.byLabel[r.Key])
	}
	for _, v := range r.Values {
		list := x.byValue[labelAndValue{r.Key, v}]
		lists, n = append(lists, list), n+len(list)
	}
	return lists, n
}
