package api

import (
	"rampart/engine/ir"
	"rampart/model"
)

// NewEndpoints describes the endpoints of a program.
func NewEndpoints(p *ir.Program) []Endpoint {
	out := make([]Endpoint, 0, len(p.Endpoints))
	for _, ep := range p.Endpoints {
		e := Endpoint{
			Kind: ep.Key.Kind, Namespace: ep.Key.Namespace, Name: ep.Key.Name,
			Interface: ep.Interface, Origin: ep.Origin.String(), Applied: []Applied{},
		}
		for _, a := range ep.Addrs {
			e.Addresses = append(e.Addresses, a.Addr().String())
		}
		for l := model.LayerNormal; l < model.NumLayers; l++ {
			for _, d := range model.Directions() {
				if g := ep.Group(d, l); g != nil {
					e.Applied = append(e.Applied, newApplied(g))
				}
			}
		}
		out = append(out, e)
	}
	return out
}

func newApplied(g *ir.Group) Applied {
	a := Applied{Direction: g.Direction, Layer: g.Layer.String(), Policies: []string{}}
	for _, t := range g.Tiers {
		for _, p := range t.Policies {
			a.Policies = append(a.Policies, model.PolicyRef(t.Name, p.Key))
		}
	}
	for _, p := range g.Profiles {
		a.Profiles = append(a.Profiles, p.Name)
	}
	return a
}

// NewPolicies describes the policies of a program.
func NewPolicies(p *ir.Program) []Policy {
	out := make([]Policy, 0, len(p.States))
	for _, s := range p.States {
		out = append(out, Policy{
			Kind: s.Key.Kind, Namespace: s.Key.Namespace, Name: s.Key.Name, Tier: s.Tier, Origin: s.Origin.String(),
			Active: s.Active, Endpoints: s.Endpoints, Reasons: s.Reasons,
		})
	}
	return out
}
