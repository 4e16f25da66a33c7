package eval

import (
	"fmt"
	"sync"

	"rampart/model"
)

// Oracle decides probes by walking the resources, with no compiled form in between. It is slow and plain on purpose: it
// is what the compiler is compared with, so it takes nothing from it. Every statement of the policy model has one place
// here, and none is shared with model/store, engine/compile or the selector fusion of the model package.
type Oracle struct {
	node      string
	peers     []oraclePeer
	policies  []oraclePolicy
	tiers     []oracleTier
	profiles  map[string]*model.Profile
	workloads map[model.Key]*model.WorkloadEndpoint
	hosts     map[model.Key]*model.HostEndpoint
	// What parsing gave, kept because the oracle reads the same few selectors for every packet.
	parsed   sync.Map // selector text → *selector.Selector
	replaced sync.Map // selector text → its text with all() replaced
}

// NewOracle reads the resources as seen by one node: probes are for the endpoints of that node.
func NewOracle(resources []model.Resource, node string) *Oracle {
	o := &Oracle{
		node: node, profiles: map[string]*model.Profile{},
		workloads: map[model.Key]*model.WorkloadEndpoint{}, hosts: map[model.Key]*model.HostEndpoint{},
	}
	for _, r := range resources {
		switch r := r.(type) {
		case *model.Profile:
			o.profiles[r.Metadata.Name] = r
		case *model.WorkloadEndpoint:
			if r.Spec.Node == node {
				o.workloads[r.Key()] = r
			}
		case *model.HostEndpoint:
			if r.Spec.Node == node {
				o.hosts[r.Key()] = r
			}
		}
	}
	o.peers = oraclePeers(resources, o.profiles)
	o.tiers = oracleTiers(resources)
	for _, r := range resources {
		switch r := r.(type) {
		case *model.Policy:
			if !r.Kind.Staged() {
				o.policies = append(o.policies, oracleCalicoPolicy(r))
			}
		case *model.KubernetesNetworkPolicy:
			if !r.Kind.Staged() {
				o.policies = append(o.policies, oracleKubernetesPolicy(r))
			}
		}
	}
	return o
}

// Evaluate decides one probe. Verdicts have no RuleID, since that is the compiler's.
func (o *Oracle) Evaluate(pr model.Probe) (model.Verdict, error) {
	switch {
	case pr.Direction != model.Ingress && pr.Direction != model.Egress:
		return model.Verdict{}, fmt.Errorf("unknown direction %q", pr.Direction)
	case pr.Layer >= model.NumLayers:
		return model.Verdict{}, fmt.Errorf("unknown layer %d", pr.Layer)
	}
	w, h := o.workloads[pr.Endpoint], o.hosts[pr.Endpoint]
	switch {
	case w != nil:
		return o.walk(&oracleProbe{Probe: pr, origin: w.Origin, profiles: w.Spec.Profiles, workload: true}), nil
	case h != nil:
		return o.walk(&oracleProbe{Probe: pr, origin: h.Origin, profiles: h.Spec.Profiles, anyInterface: h.Spec.InterfaceName == "*"}), nil
	}
	return model.Verdict{}, fmt.Errorf("%w %s", ErrUnknownEndpoint, pr.Endpoint)
}

// oracleProbe is a probe with what the walk needs to know of its endpoint.
type oracleProbe struct {
	model.Probe
	origin       model.Origin
	profiles     []string
	workload     bool
	anyInterface bool
}

func (o *Oracle) walk(pr *oracleProbe) model.Verdict {
	var logged []string
	verdict := func(d model.Decision, by string, at model.Origin) model.Verdict {
		return model.Verdict{Decision: d, DecidedBy: by, Origin: at, Logged: logged}
	}
	anyPolicy := false
nextTier:
	for _, tier := range o.tiers {
		policies := o.policiesFor(tier.name, pr)
		if len(policies) == 0 {
			continue // a tier without a policy for this endpoint has no say, not even its default
		}
		anyPolicy = true
		for _, p := range policies {
			for _, r := range p.rules(pr.Direction) {
				if !r.matches(o, &pr.Packet) {
					continue
				}
				ref := model.RuleRef(tier.name, p.key, r.index)
				switch r.action {
				case model.Log:
					logged = append(logged, ref)
				case model.Allow:
					return verdict(model.DecisionAllow, ref, r.origin)
				case model.Deny:
					return verdict(model.DecisionDeny, ref, r.origin)
				case model.Pass:
					continue nextTier
				}
			}
		}
		if !tier.passes && (pr.Layer == model.LayerNormal || pr.Layer == model.LayerForward) {
			return verdict(model.DecisionDeny, model.TierDefaultRef(tier.name), policies[len(policies)-1].origin)
		}
	}
	switch {
	case pr.Layer == model.LayerForward && !anyPolicy:
		return verdict(model.DecisionAllow, model.WhyForwardDefault, model.Origin{})
	case pr.Layer != model.LayerNormal:
		return verdict(model.DecisionContinue, model.WhyNoVerdict, model.Origin{})
	}
	asked := map[string]bool{}
	for _, name := range pr.profiles {
		if asked[name] {
			continue // a profile listed twice is asked once
		}
		asked[name] = true
		if name == model.ProfileAllowAll {
			return verdict(model.DecisionAllow, model.ProfileRef(name, 0), model.Origin{})
		}
		profile := o.profiles[name]
		if profile == nil {
			break // as good as a profile that denies everything
		}
		rules := profile.Spec.Ingress
		if pr.Direction == model.Egress {
			rules = profile.Spec.Egress
		}
	nextRule:
		for i := range rules {
			if !o.ruleMatches(&rules[i], "", &pr.Packet) {
				continue
			}
			ref := model.ProfileRef(name, i)
			switch rules[i].Action {
			case model.Log:
				logged = append(logged, ref)
			case model.Allow:
				return verdict(model.DecisionAllow, ref, rules[i].Origin)
			case model.Deny:
				return verdict(model.DecisionDeny, ref, rules[i].Origin)
			case model.Pass:
				break nextRule
			}
		}
	}
	return verdict(model.DecisionDeny, model.WhyNoProfileMatch, pr.origin)
}
