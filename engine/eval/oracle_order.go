package eval

import (
	"math"
	"slices"
	"strings"

	"rampart/model"
)

// oracleTier is a tier as the order of evaluation sees it.
type oracleTier struct {
	name   string
	order  float64
	exists bool
	passes bool
}

// oracleTiers lists every tier that has a resource or is named by a policy, in order: those that exist by order, then
// name; those that do not exist last, by name. Three tiers exist without a resource.
func oracleTiers(resources []model.Resource) []oracleTier {
	byName := map[string]oracleTier{
		"default":       {name: "default", order: 1e6, exists: true},
		"kube-admin":    {name: "kube-admin", order: 1e3, exists: true, passes: true},
		"kube-baseline": {name: "kube-baseline", order: 1e7, exists: true, passes: true},
	}
	mention := func(name string) {
		if _, ok := byName[name]; !ok && name != "" {
			byName[name] = oracleTier{name: name}
		}
	}
	for _, r := range resources {
		switch r := r.(type) {
		case *model.Tier:
			t := oracleTier{name: r.Metadata.Name, order: 1e6, exists: true, passes: r.Spec.DefaultAction == model.Pass}
			if r.Spec.Order != nil {
				t.order = *r.Spec.Order
			}
			byName[t.name] = t
		case *model.Policy:
			mention(r.Spec.Tier)
		}
	}
	var tiers []oracleTier
	for _, t := range byName {
		tiers = append(tiers, t)
	}
	slices.SortFunc(tiers, func(a, b oracleTier) int {
		before := func(a, b oracleTier) bool {
			switch {
			case a.exists != b.exists:
				return a.exists
			case a.exists && a.order != b.order:
				return a.order < b.order
			}
			return a.name < b.name
		}
		if before(a, b) {
			return -1
		}
		return 1
	})
	return tiers
}

// oraclePolicy is an enforced policy, of Calico's kinds or converted from a Kubernetes one.
type oraclePolicy struct {
	key             model.Key
	origin          model.Origin
	tier            string
	order           float64
	untracked       bool
	preDNAT         bool
	forward         bool
	ingress, egress []oracleRule
	// governs lists the directions the policy applies to.
	governs []model.Direction
	// selects tells whether the policy applies to an endpoint with these labels.
	selects func(o *Oracle, labels map[string]string) bool
}

type oracleRule struct {
	index   int
	action  model.Action
	origin  model.Origin
	matches func(o *Oracle, p *model.Packet) bool
}

func (p *oraclePolicy) rules(d model.Direction) []oracleRule {
	if d == model.Ingress {
		return p.ingress
	}
	return p.egress
}

// policiesFor lists the policies of a tier that apply to a probe's endpoint, direction and layer, in order.
func (o *Oracle) policiesFor(tier string, pr *oracleProbe) []oraclePolicy {
	var labels map[string]string
	for _, peer := range o.peers {
		if peer.key == pr.Endpoint {
			labels = peer.labels
		}
	}
	var found []oraclePolicy
	for _, p := range o.policies {
		if p.tier == tier && p.inLayer(pr) && slices.Contains(p.governs, pr.Direction) && p.selects(o, labels) {
			found = append(found, p)
		}
	}
	slices.SortFunc(found, func(a, b oraclePolicy) int {
		if a.order != b.order {
			if a.order < b.order {
				return -1
			}
			return 1
		}
		return strings.Compare(a.tieBreak(), b.tieBreak())
	})
	return found
}

// tieBreak orders policies of equal order. The slashes matter: "-" and "." sort before "/", so a-b comes before a.
func (p *oraclePolicy) tieBreak() string {
	return p.key.Name + "/" + p.key.Namespace + "/" + string(p.key.Kind)
}

// inLayer tells whether the policy acts in the probe's layer. Workloads have no untracked and no preDNAT layer, and
// forwarding is their normal traffic; an endpoint on all interfaces has no untracked layer.
func (p *oraclePolicy) inLayer(pr *oracleProbe) bool {
	switch pr.Layer {
	case model.LayerNormal:
		return !p.untracked && !p.preDNAT
	case model.LayerForward:
		return !pr.workload && p.forward && !p.untracked && !p.preDNAT
	case model.LayerPreDNAT:
		return !pr.workload && p.preDNAT && !p.untracked && pr.Direction == model.Ingress
	}
	return !pr.workload && p.untracked && !pr.anyInterface
}

// oracleCalicoPolicy reads one of Calico's policy kinds.
func oracleCalicoPolicy(r *model.Policy) oraclePolicy {
	p := oraclePolicy{
		key: r.Key(), origin: r.Origin, tier: "default", order: math.Inf(1),
		untracked: r.Spec.DoNotTrack, preDNAT: r.Spec.PreDNAT, forward: r.Spec.ApplyOnForward,
	}
	if r.Spec.Tier != "" {
		p.tier = r.Spec.Tier
	}
	if r.Spec.Order != nil {
		p.order = *r.Spec.Order
	}
	switch hasIngress, hasEgress := len(r.Spec.Ingress) > 0, len(r.Spec.Egress) > 0; {
	case len(r.Spec.Types) > 0:
		p.governs = r.Spec.Types
	case hasIngress && hasEgress:
		p.governs = []model.Direction{model.Ingress, model.Egress}
	case hasEgress:
		p.governs = []model.Direction{model.Egress}
	default:
		p.governs = []model.Direction{model.Ingress}
	}
	namespace := r.Metadata.Namespace // "" for the global kinds
	rules := func(list []model.Rule) (out []oracleRule) {
		for i := range list {
			out = append(out, oracleRule{
				index: i, action: list[i].Action, origin: list[i].Origin,
				matches: func(o *Oracle, p *model.Packet) bool { return o.ruleMatches(&list[i], namespace, p) },
			})
		}
		return out
	}
	p.ingress, p.egress = rules(r.Spec.Ingress), rules(r.Spec.Egress)
	p.selects = func(o *Oracle, labels map[string]string) bool { return o.policySelects(r, labels) }
	return p
}
