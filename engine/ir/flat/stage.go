package flat

import (
	"rampart/engine/ir"
	"rampart/model"
)

// stage is a tier or a profile. Its Pass rules are Gotos that do not have a list yet.
type stage struct {
	name    string
	entries []Entry
	// end is the verdict when no rule decides; nil goes on with the next stage.
	end *End
}

// stagesOf are the group's enforced tiers and its profiles in order, and the end of the layer.
func stagesOf(g *ir.Group) ([]stage, End) {
	var stages []stage
	enforced := false
	for i := range g.Tiers {
		if t := &g.Tiers[i]; t.Enforced() {
			enforced = true
			stages = append(stages, tierStage(t, g.Direction))
		}
	}
	switch {
	case g.Layer == model.LayerNormal:
		for _, p := range g.Profiles {
			stages = append(stages, profileStage(p, g.Direction))
		}
		return stages, End{Verdict: Deny, Why: model.WhyNoProfileMatch}
	case g.Layer == model.LayerForward && !enforced:
		return stages, End{Verdict: Allow, Why: model.WhyForwardDefault}
	}
	return stages, End{Verdict: Continue, Why: model.WhyNoVerdict}
}

func tierStage(t *ir.Tier, d model.Direction) stage {
	s := stage{name: t.Name}
	var last *ir.Policy
	for _, p := range t.Policies {
		if p.Staged {
			continue
		}
		last = p
		for _, r := range p.Rules(d) {
			s.entries = append(s.entries, entryOf(r, p.Key, model.RuleRef(t.Name, p.Key, r.Index)))
		}
	}
	if t.Default != model.Pass {
		s.end = &End{Verdict: Deny, Why: model.TierDefaultRef(t.Name), Origin: last.Origin, Of: last.Key}
	}
	return s
}

func profileStage(p *ir.Profile, d model.Direction) stage {
	s := stage{name: "profile:" + p.Name}
	if p.Missing {
		s.end = &End{Verdict: Deny, Why: model.WhyNoProfileMatch}
		return s
	}
	for _, r := range p.Rules(d) {
		s.entries = append(s.entries, entryOf(r, ir.ProfileKey(p.Name), model.ProfileRef(p.Name, r.Index)))
	}
	return s
}

func entryOf(r *ir.Rule, owner model.Key, why string) Entry {
	e := Entry{Rule: r, Owner: owner, Why: why, HTTP: r.Match.HTTP != nil}
	switch r.Action {
	case model.Allow:
		e.Verdict = Allow
	case model.Deny:
		e.Verdict = Deny
	case model.Pass:
		e.Verdict = Goto
	case model.Log:
		e.Log = true
	}
	return e
}

// matchesAll tells that an entry decides every packet.
func matchesAll(e Entry) bool {
	m := &e.Rule.Match
	return e.Verdict != Nothing && !e.HTTP && m.IPVersion == 0 && m.Protocol == 0 && m.NotProtocol == 0 &&
		m.ICMP == nil && m.NotICMP == nil && m.Src.IsZero() && m.Dst.IsZero()
}
