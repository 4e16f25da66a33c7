package compile

import (
	"cmp"

	"rampart/model"
)

// tier is a tier as policies see it: that of its resource, a built-in one, or a missing one.
type tier struct {
	name    string
	order   float64
	end     model.Action
	missing bool
}

// builtinTiers exist without a resource.
var builtinTiers = map[string]tier{
	model.DefaultTier: {name: model.DefaultTier, order: model.DefaultTierOrder, end: model.Deny},
	"kube-admin":      {name: "kube-admin", order: 1000, end: model.Pass},
	"kube-baseline":   {name: "kube-baseline", order: 10_000_000, end: model.Pass},
}

// resolveTier finds the tier of a name, given its resource if there is one.
func resolveTier(name string, resource *model.Tier) tier {
	if resource == nil {
		if t, ok := builtinTiers[name]; ok {
			return t
		}
		return tier{name: name, end: model.Deny, missing: true}
	}
	t := tier{name: name, order: model.DefaultTierOrder, end: model.Deny}
	if resource.Spec.Order != nil {
		t.order = *resource.Spec.Order
	}
	if resource.Spec.DefaultAction == model.Pass {
		t.end = model.Pass
	}
	return t
}

// compare is the order of evaluation: existing tiers by order, then name; missing ones last, by name.
func (t *tier) compare(o *tier) int {
	switch {
	case t.missing && !o.missing:
		return 1
	case o.missing && !t.missing:
		return -1
	}
	return cmp.Or(compareOrder(t.order, o.order), cmp.Compare(t.name, o.name))
}

// compareOrder treats 0 and -0 as equal, as numbers are.
func compareOrder(a, b float64) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

// layerEnd is the tier's default action in a layer. Before destination NAT and before conntrack nothing is denied for
// lack of a match.
func (t *tier) layerEnd(l model.Layer) model.Action {
	if l == model.LayerPreDNAT || l == model.LayerUntracked {
		return model.Pass
	}
	return t.end
}
