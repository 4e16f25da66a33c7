package gen

import (
	"fmt"

	"rampart/model"
)

var (
	// policyNames try the order of names: a-b and a.b come before a, p10 before p2.
	policyNames = []string{"a", "a-b", "a.b", "a1", "p2", "p10", "b", "zz", "q"}
	tierNames   = []string{"default", "default", "alpha", "beta", "gamma", "ghost"}
	spaceNames  = []string{"prod", "prod", "dev", "bare"} // picked from, so mostly prod
	accounts    = []string{"web", "db"}
)

func number(f float64) *float64 { return &f }

func (d *dice) order() *float64 {
	return one(d, nil, nil, number(-1), number(0), number(0.5), number(10), number(10), number(1000), number(1001))
}

// tiers are three tiers between which Pass may lead; ghost never exists.
func (d *dice) tiers() []model.Resource {
	var out []model.Resource
	for _, name := range []string{"alpha", "beta", "gamma"} {
		if d.chance(10) {
			continue
		}
		t := model.New(model.KindTier).(*model.Tier)
		t.Metadata.Name, t.Origin = name, d.origin()
		t.Spec.Order = one(d, nil, number(1), number(1), number(2), number(2_000_000))
		t.Spec.DefaultAction = one(d, "", model.Deny, model.Pass, model.Pass)
		out = append(out, t)
	}
	if d.chance(20) {
		t := model.New(model.KindTier).(*model.Tier)
		t.Metadata.Name, t.Origin = model.DefaultTier, d.origin()
		t.Spec.Order, t.Spec.DefaultAction = number(model.DefaultTierOrder), model.Deny
		out = append(out, t)
	}
	return out
}

func (d *dice) policies() []model.Resource {
	var out []model.Resource
	used := map[model.Key]bool{}
	for range 1 + d.IntN(d.cfg.Policies) {
		var r model.Resource
		if d.chance(12) {
			r = d.kubernetesPolicy()
		} else {
			r = d.policy()
		}
		if !used[r.Key()] {
			used[r.Key()] = true
			out = append(out, r)
		}
	}
	return out
}

func (d *dice) policy() *model.Policy {
	kind := one(d,
		model.KindNetworkPolicy, model.KindNetworkPolicy, model.KindNetworkPolicy, model.KindGlobalNetworkPolicy, model.KindGlobalNetworkPolicy,
		model.KindGlobalNetworkPolicy, model.KindStagedNetworkPolicy, model.KindStagedGlobalNetworkPolicy)
	p := model.New(kind).(*model.Policy)
	p.Metadata.Name, p.Origin = one(d, policyNames...), d.origin()
	s := &p.Spec
	s.Tier = one(d, append([]string{""}, tierNames...)...)
	s.Order = d.order()
	if kind.Staged() {
		s.StagedAction = one(d, "", "Set", "Learn", "Ignore", "Delete")
	}
	if d.chance(50) {
		s.Selector = d.endpointSelector()
	}
	if d.chance(8) {
		s.ServiceAccountSelector = d.accountSelector()
	}
	if kind.Namespaced() {
		p.Metadata.Namespace = one(d, spaceNames...)
	} else {
		if d.chance(15) {
			s.NamespaceSelector = d.spaceSelector()
		}
		d.hostFlags(s)
	}
	d.directions(s)
	if s.StagedAction == "Delete" { // must be empty but for the tier
		p.Spec = model.PolicySpec{Tier: s.Tier, StagedAction: s.StagedAction}
	}
	return p
}

// hostFlags makes some global policies act in the further layers of host endpoints.
func (d *dice) hostFlags(s *model.PolicySpec) {
	switch {
	case d.chance(20):
		s.ApplyOnForward = true
	case d.chance(20):
		s.ApplyOnForward, s.PreDNAT = true, true
	case d.chance(25):
		s.ApplyOnForward, s.DoNotTrack = true, true
	}
}

// directions sets types and rules; rules of a direction that types leaves out are kept and have no effect.
func (d *dice) directions(s *model.PolicySpec) {
	if !d.chance(15) {
		s.Ingress = d.rules(model.Ingress)
	}
	if !d.chance(20) && !s.PreDNAT {
		s.Egress = d.rules(model.Egress)
	}
	if !d.chance(50) {
		return
	}
	s.Types = one(d, []model.Direction{model.Ingress}, []model.Direction{model.Egress}, []model.Direction{model.Egress, model.Ingress})
	if s.PreDNAT {
		s.Types = []model.Direction{model.Ingress}
	}
}

// profiles are two profiles with rules and one that only gives labels. "ghost" never exists.
func (d *dice) profiles() []model.Resource {
	var out []model.Resource
	for i, name := range []string{"open", "mixed", "labels"} {
		p := model.New(model.KindProfile).(*model.Profile)
		p.Metadata.Name, p.Origin = name, d.origin()
		switch i {
		case 0:
			p.Spec.Ingress = []model.Rule{{Action: model.Allow, Origin: d.origin()}}
			p.Spec.Egress = []model.Rule{{Action: model.Allow, Origin: d.origin()}}
		case 1:
			p.Spec.Ingress = d.rules(model.Ingress)
			p.Spec.Egress = d.rules(model.Egress)
		}
		if d.chance(50) {
			p.Spec.LabelsToApply = d.itemLabels()
		}
		out = append(out, p)
	}
	return out
}

func (d *dice) profileNames() []string {
	var out []string
	for range d.IntN(3) {
		out = append(out, one(d, "open", "mixed", "labels", "ghost", model.ProfileAllowAll))
	}
	return out
}

func (d *dice) uniqueName(prefix string, n int) string { return fmt.Sprintf("%s%d", prefix, n) }
