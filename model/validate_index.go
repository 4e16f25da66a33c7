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
	labels selector.Map
	host   bool
}

type labelAndValue struct{ label, value string }

func indexEndpoints(resources []Resource, from Inheritance) endpointIndex {
	x := endpointIndex{byLabel: map[string][]int{}, byValue: map[labelAndValue][]int{}}
	for _, r := range resources {
		_, host := r.(*HostEndpoint)
		if _, workload := r.(*WorkloadEndpoint); !host && !workload {
			continue
		}
		labels := EffectiveLabels(r, from)
		for k, v := range labels {
			x.byLabel[k] = append(x.byLabel[k], len(x.all))
			x.byValue[labelAndValue{k, v}] = append(x.byValue[labelAndValue{k, v}], len(x.all))
		}
		x.all = append(x.all, labelled{labels, host})
	}
	return x
}

// anySelected tells whether s selects any endpoint, or any host endpoint.
func (x *endpointIndex) anySelected(s *selector.Selector, hostOnly bool) bool {
	for i := range x.candidates(s) {
		if e := &x.all[i]; (e.host || !hostOnly) && s.Matches(e.labels) {
			return true
		}
	}
	return false
}

// candidates are the endpoints that fulfil what the selector requires of one label.
func (x *endpointIndex) candidates(s *selector.Selector) iter.Seq[int] {
	return func(yield func(int) bool) {
		key, values, ok := s.Requires()
		switch {
		case !ok:
			for i := range x.all {
				if !yield(i) {
					return
				}
			}
		case values == nil:
			for _, i := range x.byLabel[key] {
				if !yield(i) {
					return
				}
			}
		default:
			for _, v := range values {
				for _, i := range x.byValue[labelAndValue{key, v}] {
					if !yield(i) {
						return
					}
				}
			}
		}
	}
}
