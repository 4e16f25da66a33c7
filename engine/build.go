package engine

import (
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"rampart/engine/api"
	"rampart/engine/ir"
	"rampart/model"
	"rampart/model/store"
)

// build is a compiled program and what it was made from. It is immutable.
type build struct {
	program *ir.Program
	view    *store.View
	// bundles by source; saved lists the sources whose bundle comes from the state directory.
	bundles  map[string]*model.Bundle
	saved    []string
	counts   api.Counts
	warnings []string
	// misplaced tells that some of the warnings are about single endpoints.
	misplaced bool
	// policies and rules are worked out when somebody asks.
	policies func() []api.Policy
	rules    func() []namedRule
}

// namedRule is a rule of a program and its name for people.
type namedRule struct {
	rule      *ir.Rule
	ref       string
	direction model.Direction
}

func newBuild(p *ir.Program, v *store.View, bundles map[string]*model.Bundle, saved []string) *build {
	b := &build{program: p, view: v, bundles: maps.Clone(bundles), saved: slices.Clone(saved)}
	b.counts = countObjects(p, bundles)
	b.policies = sync.OnceValue(func() []api.Policy { return api.NewPolicies(p) })
	b.rules = sync.OnceValue(func() []namedRule { return nameRules(p) })
	return b
}

func countObjects(p *ir.Program, bundles map[string]*model.Bundle) api.Counts {
	c := api.Counts{
		Endpoints: len(p.Endpoints), Policies: len(p.States), Profiles: len(p.Profiles), Sets: len(p.Sets), Groups: len(p.Groups),
	}
	for i := range p.States {
		if p.States[i].Active {
			c.ActivePolicies++
		}
	}
	c.InactivePolicies = c.Policies - c.ActivePolicies
	for _, q := range p.Policies {
		c.Rules += len(q.Ingress) + len(q.Egress)
	}
	for _, q := range p.Profiles {
		c.Rules += len(q.Ingress) + len(q.Egress)
	}
	for _, b := range bundles {
		c.Resources += len(b.Resources)
	}
	return c
}

// nameRules lists the rules in the program's order.
func nameRules(p *ir.Program) []namedRule {
	var out []namedRule
	for _, d := range model.Directions() {
		for _, q := range p.Policies {
			for _, r := range q.Rules(d) {
				out = append(out, namedRule{r, model.RuleRef(q.Tier, q.Key, r.Index), d})
			}
		}
		for _, q := range p.Profiles {
			for _, r := range q.Rules(d) {
				out = append(out, namedRule{r, model.ProfileRef(q.Name, r.Index), d})
			}
		}
	}
	return out
}

// inForce is a build together with how the authority took it.
type inForce struct {
	*build
	applied time.Time
	receipt Receipt
}

func (f *inForce) describe() *api.Program {
	if f == nil {
		return nil
	}
	return &api.Program{
		Generation: f.program.Generation, Hash: f.program.Hash, Applied: f.applied, ApplySeconds: f.receipt.Duration.Seconds(),
		Objects: f.receipt.Objects, SavedState: f.saved, Counts: f.counts,
	}
}

// summary is one line for the service manager and the log.
func (f *inForce) summary() string {
	endpoints := "1 endpoint"
	if n := f.counts.Endpoints; n != 1 {
		endpoints = fmt.Sprintf("%d endpoints", n)
	}
	s := fmt.Sprintf("generation %d, %s, %d of %d policies active", f.program.Generation, endpoints, f.counts.ActivePolicies, f.counts.Policies)
	if len(f.saved) > 0 {
		s += ", from saved state"
	}
	return s
}
