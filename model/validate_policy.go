package model

import (
	"math"
	"slices"
)

const (
	maxRules = 1024

	stagedDelete      = "Delete"
	hintNeededOnNodes = "AssumeNeededOnEveryNode"
)

func (f *findings) policy(p *Policy) {
	s := &p.Spec
	global := !p.Kind.Namespaced()
	f.policyFields(p, global)
	if s.Tier != "" && (!isQualifiedPart(s.Tier) || len(s.Tier) > maxTierName) {
		f.errorf("spec.tier", "%q is not the name of a tier", s.Tier)
	}
	f.order("spec.order", s.Order)
	if p.Kind.Staged() {
		f.stagedAction(s.StagedAction)
	}
	f.plainSelector("spec.selector", s.Selector)
	f.plainSelector("spec.namespaceSelector", s.NamespaceSelector)
	f.plainSelector("spec.serviceAccountSelector", s.ServiceAccountSelector)
	known := f.types("spec.types", s.Types)
	f.hints(s.PerformanceHints)
	f.hostFlags(s)
	if p.Kind.Staged() && s.StagedAction == stagedDelete {
		f.stagedDelete(s)
	}
	ctx := ruleContext{global: global}
	for _, d := range Directions() {
		ctx.direction = d
		f.rules(p.Rules(d), ctx)
		if len(p.Rules(d)) > 0 && !p.Governs(d) && known {
			f.warnf(rulesPath(d), "the rules have no effect: types does not include %q", d)
		}
	}
}

// policyFields reports fields of other kinds, which a decoder refuses already.
func (f *findings) policyFields(p *Policy, global bool) {
	s := &p.Spec
	for _, field := range []struct {
		name         string
		set, allowed bool
	}{
		{"stagedAction", s.StagedAction != "", p.Kind.Staged()},
		{"namespaceSelector", s.NamespaceSelector != "", global},
		{"doNotTrack", s.DoNotTrack, global},
		{"preDNAT", s.PreDNAT, global},
		{"applyOnForward", s.ApplyOnForward, global},
	} {
		if field.set && !field.allowed {
			f.errorf("spec."+field.name, "a %s has no field %s", p.Kind, field.name)
		}
	}
}

func (f *findings) order(path string, order *float64) {
	if order != nil && (math.IsNaN(*order) || math.IsInf(*order, 0)) {
		f.errorf(path, "order must be a finite number")
	}
}

func (f *findings) stagedAction(action string) {
	switch action {
	case "", "Set", stagedDelete, "Learn", "Ignore":
	default:
		f.oneOf("spec.stagedAction", "Set", "Delete", "Learn", "Ignore")
	}
}

func (f *findings) stagedDelete(s *PolicySpec) {
	if s.Order != nil || s.Selector != "" || s.NamespaceSelector != "" || s.ServiceAccountSelector != "" || len(s.Types) > 0 ||
		len(s.Ingress) > 0 || len(s.Egress) > 0 || s.DoNotTrack || s.PreDNAT || s.ApplyOnForward || len(s.PerformanceHints) > 0 {
		f.errorf("spec", "Spec fields, except Tier, should all be zero-value if stagedAction is Delete")
	}
}

// types tells whether all are known. What one that is not was meant to be nobody can tell.
func (f *findings) types(path string, types []Direction) (known bool) {
	known = true
	f.limit(path, len(types), 2)
	for i, t := range types {
		switch {
		case t != Ingress && t != Egress:
			known = false
			f.oneOf(index(path, i), "Ingress", "Egress")
		case slices.Contains(types[:i], t):
			f.errorf(index(path, i), "'%s' type specified more than once", t)
		}
	}
	return known
}

func (f *findings) hints(hints []string) {
	for i, h := range hints {
		switch {
		case h != hintNeededOnNodes:
			f.oneOf(index("spec.performanceHints", i), hintNeededOnNodes)
		case slices.Contains(hints[:i], h):
			f.errorf(index("spec.performanceHints", i), "hint specified more than once")
		}
	}
}

func (f *findings) hostFlags(s *PolicySpec) {
	if s.PreDNAT && s.DoNotTrack {
		f.errorf("spec.preDNAT", "preDNAT and doNotTrack cannot both be true")
	}
	if s.PreDNAT && len(s.Egress) > 0 {
		f.errorf("spec.egress", "preDNAT policy cannot have any egress rules")
	}
	if s.PreDNAT && slices.Contains(s.Types, Egress) {
		f.errorf("spec.types", "preDNAT policy cannot have 'Egress' type")
	}
	if (s.PreDNAT || s.DoNotTrack) && !s.ApplyOnForward {
		f.errorf("spec.applyOnForward", "applyOnForward must be true if either preDNAT or doNotTrack is true")
	}
}

// builtInTiers are the tiers whose order and default action Calico fixes.
var builtInTiers = map[string]struct {
	order  float64
	action Action
}{
	DefaultTier:     {DefaultTierOrder, Deny},
	"kube-admin":    {1000, Pass},
	"kube-baseline": {10_000_000, Pass},
}

func (f *findings) tier(t *Tier) {
	f.order("spec.order", t.Spec.Order)
	order, action := float64(DefaultTierOrder), Deny
	if t.Spec.Order != nil {
		order = *t.Spec.Order
	}
	if t.Spec.DefaultAction != "" {
		action = t.Spec.DefaultAction
	}
	if action != Deny && action != Pass {
		f.oneOf("spec.defaultAction", "Deny", "Pass")
	}
	b, ok := builtInTiers[t.Metadata.Name]
	if ok && order != b.order {
		f.errorf("spec.order", "%s tier order must be %.0f", t.Metadata.Name, b.order)
	}
	if ok && action != b.action {
		f.errorf("spec.defaultAction", "The '%s' tier must have default action '%s'", t.Metadata.Name, b.action)
	}
}

func (f *findings) profile(p *Profile) {
	if p.Metadata.Name == ProfileAllowAll {
		f.warnf("metadata.name", "this profile is built in: it allows everything, whatever is written here")
	}
	for _, d := range Directions() {
		rules := p.Spec.Ingress
		if d == Egress {
			rules = p.Spec.Egress
		}
		f.rules(rules, ruleContext{direction: d, global: true, profile: true})
	}
	f.labels("spec.labelsToApply", p.Spec.LabelsToApply)
}
