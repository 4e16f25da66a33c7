package compile

import (
	"cmp"
	"fmt"
	"math"

	"rampart/engine/ir"
	"rampart/model"
)

// policy is one policy of the model. All but rank and tier depend on its resource alone.
type policy struct {
	owner
	key   model.Key
	spec  *model.PolicySpec
	ir    *ir.Policy
	order float64
	// tie decides between policies of equal order: name, namespace and kind as ONE string, so that "a-b" and "a.b" go
	// before "a".
	tie string
	// subject selects the endpoints the policy applies to.
	subject *selection
	// inert says why the policy is in no group, whatever it selects.
	inert string
	notes []string
	ports []portReference

	tier tier
	// rank is the policy's place in the order of evaluation.
	rank int
	// effective tells that packets reach the policy in some group; overridden names what keeps them away in another.
	effective  bool
	overridden string
}

// owner is what has rules: a policy or a profile.
type owner struct {
	// serial is unique to this compiled version.
	serial uint64
	// sets are those that the rules refer to; they are held while the owner is in a group.
	sets []definition
	held bool
	// round is the last one in which a group listed the owner.
	round uint64
}

// asPolicy is the policy that a resource is or stands for, nil for other kinds.
func asPolicy(r model.Resource) *model.Policy {
	switch r := r.(type) {
	case *model.Policy:
		return r
	case *model.KubernetesNetworkPolicy:
		return r.Policy()
	}
	return nil
}

func newPolicy(r model.Resource, m *model.Policy, serial uint64) *policy {
	key := r.Key()
	p := &policy{
		key: key, spec: &m.Spec, order: math.Inf(1), tie: key.Name + "/" + key.Namespace + "/" + string(key.Kind),
		owner: owner{serial: serial},
	}
	if m.Spec.Order != nil {
		p.order = *m.Spec.Order
	}
	p.ir = &ir.Policy{
		ID: ir.PolicyID(key.String()), Key: key, Tier: m.TierName(), Origin: r.Source(), Staged: key.Kind.Staged(),
	}
	rules := ruleCompiler{namespace: key.Namespace, namespaced: key.Kind.Namespaced()}
	if m.Governs(model.Ingress) {
		p.ir.Ingress = rules.compile(m.Spec.Ingress, "ingress")
	}
	if m.Governs(model.Egress) {
		p.ir.Egress = rules.compile(m.Spec.Egress, "egress")
	}
	p.sets, p.notes, p.ports = rules.definitions(), rules.notes, rules.ports
	ir.SealPolicy(p.ir)
	p.inert = inert(m)
	return p
}

// inert tells why a policy is not even listed: a staged one that proposes something else than rules.
func inert(m *model.Policy) string {
	switch m.Spec.StagedAction {
	case "Delete", "Ignore", "Learn":
		return fmt.Sprintf("stagedAction is %s: it has no rules to evaluate", m.Spec.StagedAction)
	}
	return ""
}

// governs tells whether the policy has a say about a direction.
func (p *policy) governs(d model.Direction) bool {
	if d == model.Egress {
		return p.ir.Egress != nil
	}
	return p.ir.Ingress != nil
}

// acts tells whether the policy acts in a layer of an endpoint.
func (p *policy) acts(l model.Layer, e endpointClass) bool {
	switch {
	case p.inert != "":
		return false
	case p.spec.DoNotTrack:
		return l == model.LayerUntracked && e == hostInterface
	case p.spec.PreDNAT:
		return l == model.LayerPreDNAT && e != workload
	case l == model.LayerForward:
		return p.spec.ApplyOnForward && e != workload
	}
	return l == model.LayerNormal
}

// comparePolicies is the order of evaluation.
func comparePolicies(a, b *policy) int {
	if a.tier.name != b.tier.name {
		return a.tier.compare(&b.tier)
	}
	return cmp.Or(compareOrder(a.order, b.order), cmp.Compare(a.tie, b.tie), a.key.Compare(b.key))
}
