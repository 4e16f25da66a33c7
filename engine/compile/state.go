package compile

import (
	"fmt"

	"rampart/engine/ir"
	"rampart/model"
)

// states says of every policy whether it has an effect on this node.
func (c *Compiler) states() []ir.PolicyState {
	out := make([]ir.PolicyState, 0, len(c.policies))
	for _, p := range c.byKey {
		out = append(out, c.state(p))
	}
	return out
}

func (c *Compiler) state(p *policy) ir.PolicyState {
	s := ir.PolicyState{Key: p.key, Tier: p.ir.Tier, Origin: p.ir.Origin, Endpoints: p.subject.endpoints}
	listed := p.round == c.listed
	switch {
	case p.inert != "":
		s.Reasons = append(s.Reasons, p.inert)
	case p.ir.Staged:
		s.Reasons = append(s.Reasons, "staged: evaluated for reports and never enforced")
	case s.Endpoints == 0:
		s.Reasons = append(s.Reasons, "selects no endpoint")
	case !listed && p.subject.locals == 0:
		s.Reasons = append(s.Reasons, fmt.Sprintf("selects no endpoint of node %q", c.node))
	case !listed && p.spec.DoNotTrack:
		s.Reasons = append(s.Reasons, "a doNotTrack policy acts on host endpoints with an interface only")
	case !listed && p.spec.PreDNAT:
		s.Reasons = append(s.Reasons, "a preDNAT policy acts on the ingress of host endpoints only")
	case !listed:
		s.Reasons = append(s.Reasons, "acts in no layer of the endpoints it selects")
	case !p.effective:
		s.Reasons = append(s.Reasons, "overridden by "+p.overridden)
	default:
		s.Active = true
	}
	if p.tier.missing {
		s.Reasons = append(s.Reasons, fmt.Sprintf("tier %s does not exist: its policies come after all tiers and end in Deny", p.tier.name))
	}
	s.Reasons = append(s.Reasons, p.notes...)
	if listed {
		for _, ref := range p.ports {
			if t := c.sets.byID[ref.set]; t != nil && len(t.sealed.Ports) == 0 {
				s.Reasons = append(s.Reasons, fmt.Sprintf("%s: no endpoint that the rule selects defines port %q", ref.path, ref.name))
			}
		}
	}
	return s
}

// findOverridden looks in every group for policies that no packet reaches.
func (c *Compiler) findOverridden() {
	for _, p := range c.policies {
		p.effective, p.overridden = false, ""
	}
	for _, g := range c.groups.used {
		i := 0
		decided := "" // what decides every packet that has come here
		for _, t := range g.ir.Tiers {
			passed := "" // what sends every packet on to the next tier
			for _, q := range t.Policies {
				p := g.policies[i]
				i++
				switch {
				case decided != "":
					p.overriddenBy(decided)
				case passed != "":
					p.overriddenBy(passed)
				default:
					p.effective = true
					if !q.Staged {
						decided, passed = catchAll(t.Name, q, g.ir.Direction)
					}
				}
			}
			if decided == "" && passed == "" && t.Enforced() && t.Default == model.Deny {
				decided = "the default action of tier " + t.Name
			}
		}
	}
}

func (p *policy) overriddenBy(what string) {
	if p.overridden == "" {
		p.overridden = what
	}
}

// catchAll names the rule of a policy that matches every packet, if there is one: under decided when it allows or
// denies, under passed when it passes.
func catchAll(tier string, p *ir.Policy, d model.Direction) (decided, passed string) {
	for _, r := range p.Rules(d) {
		m := &r.Match
		if r.Action == model.Log || m.IPVersion != 0 || m.Protocol != 0 || m.NotProtocol != 0 || m.ICMP != nil ||
			m.NotICMP != nil || !m.Src.IsZero() || !m.Dst.IsZero() || m.HTTP != nil {
			continue
		}
		ref := model.RuleRef(tier, p.Key, r.Index)
		if r.Action == model.Pass {
			return "", ref
		}
		return ref, ""
	}
	return "", ""
}
