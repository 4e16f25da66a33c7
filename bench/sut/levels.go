package sut

import (
	"rampart/bench/filter"
	"rampart/model"
)

// Layer is a part of a list: rules of one action, whose order among themselves does not matter.
type Layer struct {
	Action model.Action
	Rules  []*filter.Rule
}

// Layers orders the rules of a list so that all of a layer may be tried at once, and means the same as the list: a rule
// stays behind those before it that some packet also matches and that act otherwise, and moves to the front otherwise.
//
// For a packet, let the first rule of the list that matches be a. A rule b of another action that matches too comes after a in
// the list and shares that packet with it, so it is in a later layer than a. Layers alternate, allowing ones first.
func Layers(rules []filter.Rule) []Layer {
	level := make([]int, len(rules))
	allows, denies := &overlaps{}, &overlaps{}
	top := -1
	for i := range rules {
		r := &rules[i]
		mine, others := allows, denies
		if r.Action != model.Allow {
			mine, others = denies, allows
			level[i] = 1
		}
		others.each(r, func(j int) { level[i] = max(level[i], level[j]+1) })
		mine.add(r, i)
		top = max(top, level[i])
	}
	layers := make([]Layer, top+1)
	for n := range layers {
		layers[n].Action = [...]model.Action{model.Allow, model.Deny}[n%2]
	}
	for i := range rules {
		layers[level[i]].Rules = append(layers[level[i]].Rules, &rules[i])
	}
	return layers
}

// overlaps finds the rules, among those added, that share packets with another. Rules with a long destination prefix are
// in bins by its first bits, because most rules of a real list are about different places.
type overlaps struct {
	bins map[[6]byte][]numbered
	wide []numbered
	all  []numbered
}

// numbered is a rule with the number its owner knows it by.
type numbered struct {
	*filter.Rule
	number int
}

// bin is the bin of a rule; false for one with a short destination prefix.
func bin(r *filter.Rule) (key [6]byte, ok bool) {
	n := 2
	if r.Dst.Addr().Is6() {
		n = 6
	}
	if r.Dst.Bits() < 8*n {
		return key, false
	}
	copy(key[:n], r.Dst.Addr().AsSlice())
	return key, true
}

func (o *overlaps) add(r *filter.Rule, number int) {
	n := numbered{r, number}
	o.all = append(o.all, n)
	if key, ok := bin(r); ok {
		if o.bins == nil {
			o.bins = map[[6]byte][]numbered{}
		}
		o.bins[key] = append(o.bins[key], n)
	} else {
		o.wide = append(o.wide, n)
	}
}

// each calls fn for the added rules that share a packet with r.
func (o *overlaps) each(r *filter.Rule, fn func(number int)) {
	o.any(r, func(n numbered) bool {
		fn(n.number)
		return false
	})
}

// any tells whether fn holds for any of the added rules that share a packet with r.
func (o *overlaps) any(r *filter.Rule, fn func(numbered) bool) bool {
	try := func(list []numbered) bool {
		for _, n := range list {
			if share(r, n.Rule) && fn(n) {
				return true
			}
		}
		return false
	}
	if key, ok := bin(r); ok {
		return try(o.bins[key]) || try(o.wide)
	}
	return try(o.all)
}

// share tells whether some packet matches both rules.
func share(a, b *filter.Rule) bool {
	return (a.AnyProtocol || b.AnyProtocol || a.Protocol == b.Protocol) &&
		a.DstPorts.Min <= b.DstPorts.Max && b.DstPorts.Min <= a.DstPorts.Max &&
		a.SrcPorts.Min <= b.SrcPorts.Max && b.SrcPorts.Min <= a.SrcPorts.Max &&
		a.Dst.Overlaps(b.Dst) && a.Src.Overlaps(b.Src)
}

// covers tells whether every packet that matches b matches a.
func covers(a, b *filter.Rule) bool {
	return (a.AnyProtocol || !b.AnyProtocol && a.Protocol == b.Protocol) &&
		a.DstPorts.Min <= b.DstPorts.Min && b.DstPorts.Max <= a.DstPorts.Max &&
		a.SrcPorts.Min <= b.SrcPorts.Min && b.SrcPorts.Max <= a.SrcPorts.Max &&
		a.Dst.Bits() <= b.Dst.Bits() && a.Dst.Contains(b.Dst.Addr()) &&
		a.Src.Bits() <= b.Src.Bits() && a.Src.Contains(b.Src.Addr())
}
