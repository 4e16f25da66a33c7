package lower

import (
	"fmt"
	"slices"
	"strings"

	"rampart/engine/ir"
	"rampart/model"
	"rampart/nft/ruleset"
)

// Walk lowers a group the plain way: a chain per policy and direction, shared by all groups, with a rule per policy rule,
// and a chain per group that walks its tiers. A packet pays for each rule it passes.
//
// Allow and deny leave a policy's chain by a verdict of the hook, so only Pass needs a way back to the tier. A policy
// that passes is therefore copied into a chain of its tier, where "return" is the way to the next tier.
func Walk(b *Builder, g *ir.Group, v Verdicts) string {
	w := walk{b: b, g: g, v: v}
	name := w.name("group", groupWord(g)+"-"+string(g.ID))
	c, fresh := b.Chain(name, describe(g))
	if !fresh {
		return name
	}
	for i := range g.Tiers {
		t := &g.Tiers[i]
		switch {
		case !t.Enforced():
		case slices.ContainsFunc(t.Policies, func(p *ir.Policy) bool { return passes(p.Rules(g.Direction)) }):
			c.Rules = append(c.Rules, &ruleset.Rule{Statements: []ruleset.Statement{ruleset.JumpChain(w.tierChain(t))}})
		case w.tier(c, t):
			return name
		}
	}
	if g.Layer == model.LayerNormal {
		w.profiles(c)
	}
	return name
}

type walk struct {
	b *Builder
	g *ir.Group
	v Verdicts
}

// with is the walk for another lowering.
func (w *walk) with(b *Builder) *walk { return &walk{b: b, g: w.g, v: w.v} }

// name makes chain names that differ wherever the chains' contents would: in direction, layer and verdicts.
func (w *walk) name(kind, word string, identity ...string) string {
	prefix := kind + "-" + dirWord(w.g.Direction) + layerWord(w.g.Layer)
	// Forward and normal traffic share the chains of policies: their verdicts are the same.
	if kind != "group" && kind != "tier" && w.g.Layer == model.LayerForward {
		prefix = kind + "-" + dirWord(w.g.Direction)
	}
	return ChainName(prefix, word, append(identity, w.v.Allow.String(), w.v.Deny.String())...)
}

// tier adds a tier's rules to a chain and tells whether it ends there.
func (w *walk) tier(c *ruleset.Chain, t *ir.Tier) (ends bool) {
	var last *ir.Policy
	for _, p := range t.Policies {
		if p.Staged {
			continue
		}
		last = p
		rules := p.Rules(w.g.Direction)
		if passes(rules) {
			c.Rules = append(c.Rules, w.policyRules(t, p)...)
		} else if len(rules) > 0 {
			c.Rules = append(c.Rules, &ruleset.Rule{Statements: []ruleset.Statement{ruleset.JumpChain(w.policyChain(t, p))}})
		}
	}
	if t.Default == model.Pass {
		return false
	}
	w.deny(c, model.TierDefaultRef(t.Name), last.Origin)
	return true
}

// tierChain is the chain of a tier in which some policy passes. Equal tiers of several groups share it.
func (w *walk) tierChain(t *ir.Tier) string {
	identity := []string{string(t.Default)}
	for _, p := range t.Policies {
		identity = append(identity, string(p.ID), fmt.Sprint(p.Staged))
	}
	if t.Default != model.Pass {
		identity = append(identity, string(w.g.ID)) // the default's counter names the group
	}
	name := w.name("tier", t.Name, identity...)
	w.b.Fragment(name, w.g, func(b *Builder) {
		w := w.with(b)
		c, _ := w.b.Chain(name, "tier "+t.Name)
		w.tier(c, t)
	})
	return name
}

func (w *walk) policyChain(t *ir.Tier, p *ir.Policy) string {
	name := w.name("policy", word(p.Key), string(p.ID), t.Name)
	w.b.Fragment(name, p, func(b *Builder) {
		w := w.with(b)
		c, _ := w.b.Chain(name, note(model.PolicyRef(t.Name, p.Key), p.Origin))
		c.Rules = w.policyRules(t, p)
	})
	return name
}

func (w *walk) policyRules(t *ir.Tier, p *ir.Policy) []*ruleset.Rule {
	var list []*ruleset.Rule
	for _, r := range p.Rules(w.g.Direction) {
		list = append(list, w.b.Rules(r, model.RuleRef(t.Name, p.Key, r.Index), w.v, returns)...)
	}
	return list
}

// profiles adds the profiles in order and the deny after them. A profile that does not exist denies at once.
func (w *walk) profiles(c *ruleset.Chain) {
	for _, p := range w.g.Profiles {
		if p.Missing {
			w.deny(c, "missing-profile:"+p.Name, p.Origin)
			return
		}
		if len(p.Rules(w.g.Direction)) > 0 {
			c.Rules = append(c.Rules, &ruleset.Rule{Statements: []ruleset.Statement{ruleset.JumpChain(w.profileChain(p))}})
		}
	}
	w.deny(c, model.WhyNoProfileMatch, model.Origin{})
}

// profileChain is a profile's chain. Pass in a profile goes on to the next one, which is what return does.
func (w *walk) profileChain(p *ir.Profile) string {
	name := w.name("profile", p.Name)
	w.b.Fragment(name, p, func(b *Builder) {
		w := w.with(b)
		c, _ := w.b.Chain(name, note("profile "+p.Name, p.Origin))
		for _, r := range p.Rules(w.g.Direction) {
			c.Rules = append(c.Rules, w.b.Rules(r, model.ProfileRef(p.Name, r.Index), w.v, returns)...)
		}
	})
	return name
}

// deny adds a default deny with a counter of its own.
func (w *walk) deny(c *ruleset.Chain, why string, o model.Origin) {
	c.Rules = append(c.Rules, w.b.DefaultDeny(w.g, why, o, w.v))
}

// DefaultDeny is the rule that denies what no policy of a group decided. Its counter belongs to the group and is named
// by what denied.
func (b *Builder) DefaultDeny(g *ir.Group, why string, o model.Origin, v Verdicts) *ruleset.Rule {
	name := fmt.Sprintf("%s %s", why, g.ID)
	id := ir.DefaultID(name)
	b.Name(id, name)
	return &ruleset.Rule{Statements: []ruleset.Statement{ruleset.Counter{}, v.Deny}, Comment: Comment(name, o, id), ID: id}
}

func passes(rules []*ir.Rule) bool {
	return slices.ContainsFunc(rules, func(r *ir.Rule) bool { return r.Action == model.Pass })
}

func note(what string, o model.Origin) string { return strings.TrimSpace(what + " " + o.String()) }

// maxGroupWord leaves room for the group's identifier beside its word.
const maxGroupWord = 22

// groupWord is what the names of a group's chains say of it: its first policy or profile, and how many more there are.
func groupWord(g *ir.Group) string {
	var names []string
	for i := range g.Tiers {
		for _, p := range g.Tiers[i].Policies {
			if !p.Staged {
				names = append(names, word(p.Key))
			}
		}
	}
	for _, p := range g.Profiles {
		names = append(names, p.Name)
	}
	return firstOf(names, "no-policy")
}

// firstOf says a list of names in a chain's name: the first of them, and how many more there are.
func firstOf(names []string, none string) string {
	switch n := len(names); {
	case n == 0:
		return none
	case n == 1:
		return names[0][:min(len(names[0]), maxGroupWord)]
	default:
		more := fmt.Sprintf("-and-%d", n-1)
		return names[0][:min(len(names[0]), maxGroupWord-len(more))] + more
	}
}

// describe lists a group's policies and profiles on one line.
func describe(g *ir.Group) string {
	words := []string{fmt.Sprintf("%s %s:", strings.ToLower(string(g.Direction)), g.Layer)}
	for i := range g.Tiers {
		for _, p := range g.Tiers[i].Policies {
			if !p.Staged {
				words = append(words, model.PolicyRef(g.Tiers[i].Name, p.Key))
			}
		}
	}
	for _, p := range g.Profiles {
		words = append(words, "profile:"+p.Name)
	}
	return cut(strings.Join(words, " "), 400)
}
