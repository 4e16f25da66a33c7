package eval

import (
	"fmt"
	"strings"

	"rampart/engine/ir"
	"rampart/model"
)

// mode chooses which policies decide.
type mode uint8

const (
	enforced mode = iota // staged policies are looked at only to tell what they would do
	pending              // staged policies decide too
)

// decision is one walk through a group: the probe's surroundings and what was found so far.
type decision struct {
	*Evaluator
	endpoint *ir.Endpoint
	packet   *model.Packet
	mode     mode
	walk     *Walk // nil when nobody asks for the steps
	logged   []string
}

// decide is the one code path of Evaluate, Explain and Pending.
func (e *Evaluator) decide(ep *ir.Endpoint, pr *model.Probe, m mode, w *Walk) model.Verdict {
	d := &decision{Evaluator: e, endpoint: ep, packet: &pr.Packet, mode: m, walk: w}
	g := ep.Group(pr.Direction, pr.Layer)
	v, found := model.Verdict{}, false
	if g != nil {
		for i := range g.Tiers {
			if v, found = d.tier(&g.Tiers[i], pr.Direction); found {
				break
			}
		}
		if !found && pr.Layer == model.LayerNormal {
			v, found = d.profiles(g.Profiles, pr.Direction)
		}
	}
	if !found {
		v = d.end(g, pr.Layer)
	}
	v.Logged = d.logged
	return v
}

// tier walks one tier. found is false when the packet goes on to the next one.
func (d *decision) tier(t *ir.Tier, dir model.Direction) (v model.Verdict, found bool) {
	var step *TierStep
	if d.walk != nil {
		step = &TierStep{Name: t.Name, Missing: t.Missing, Policies: []PolicyStep{}}
		defer func() { d.walk.Tiers = append(d.walk.Tiers, *step) }()
	}
	var last *ir.Policy // the last policy that could have decided
	for _, p := range t.Policies {
		if d.mode == pending && !p.Staged && replaced(t, p) {
			continue
		}
		decides := !p.Staged || d.mode == pending
		if !decides && d.walk == nil {
			continue
		}
		rule, logged, steps := d.rules(p.Rules(dir))
		d.recordPolicy(step, t, p, rule, steps)
		if !decides {
			continue
		}
		last = p
		for _, r := range logged {
			d.logged = append(d.logged, model.RuleRef(t.Name, p.Key, r.Index))
		}
		if rule == nil {
			continue
		}
		ref := model.RuleRef(t.Name, p.Key, rule.Index)
		if rule.Action == model.Pass {
			step.end("%s passes to the next tier", ref)
			return v, false
		}
		v = verdictOf(rule, ref)
		step.end("%s: %s", v.Decision, ref)
		return v, true
	}
	switch {
	case last == nil:
		step.end("no enforced policy here, the tier is skipped")
	case t.Default == model.Pass:
		step.end("no rule matched, the tier's default passes to the next tier")
	default:
		step.end("no rule matched, the tier's default is to deny")
		v = model.Verdict{Decision: model.DecisionDeny, DecidedBy: model.TierDefaultRef(t.Name), Origin: last.Origin}
		return v, true
	}
	return v, false
}

// rules returns the first rule that matches and is not Log, with the Log rules that matched before it.
func (d *decision) rules(rules []*ir.Rule) (hit *ir.Rule, logged []*ir.Rule, steps []RuleStep) {
	if d.walk != nil {
		steps = []RuleStep{}
	}
	for _, r := range rules {
		miss := d.match(&r.Match, d.packet)
		matched := miss.clause == clauseNone
		if d.walk != nil {
			steps = append(steps, RuleStep{Index: r.Index, ID: r.ID, Origin: Place{r.Origin}, Action: r.Action, Matched: matched, Why: d.describe(miss, d.packet)})
		}
		switch {
		case !matched:
		case r.Action == model.Log:
			logged = append(logged, r)
		default:
			return r, logged, steps
		}
	}
	return nil, logged, steps
}

func (d *decision) recordPolicy(step *TierStep, t *ir.Tier, p *ir.Policy, rule *ir.Rule, steps []RuleStep) {
	if d.walk == nil {
		return
	}
	outcome := OutcomeNoMatch
	if rule != nil {
		outcome = outcomes[rule.Action]
		if p.Staged {
			outcome = "would " + outcome
		}
	}
	ref := model.PolicyRef(t.Name, p.Key)
	step.Policies = append(step.Policies, PolicyStep{Policy: ref, Origin: Place{p.Origin}, Staged: p.Staged, Rules: steps, Outcome: outcome})
}

// profiles walks the endpoint's profiles. Pass in a profile goes on to the next one; a missing profile denies, so that
// a profile that has not arrived yet opens nothing.
func (d *decision) profiles(profiles []*ir.Profile, dir model.Direction) (v model.Verdict, found bool) {
	for _, p := range profiles {
		rule, logged, steps := d.rules(p.Rules(dir))
		outcome := OutcomeNoMatch
		switch {
		case p.Missing:
			outcome = "denies, because the profile does not exist"
		case rule != nil:
			outcome = outcomes[rule.Action]
		}
		if d.walk != nil {
			d.walk.Profiles = append(d.walk.Profiles, ProfileStep{Name: p.Name, Origin: Place{p.Origin}, Missing: p.Missing, Rules: steps, Outcome: outcome})
		}
		for _, r := range logged {
			d.logged = append(d.logged, model.ProfileRef(p.Name, r.Index))
		}
		switch {
		case p.Missing:
			d.note("profile %s does not exist, which denies", p.Name)
			return d.noProfile(), true
		case rule != nil && rule.Action != model.Pass:
			return verdictOf(rule, model.ProfileRef(p.Name, rule.Index)), true
		}
	}
	switch n := len(profiles); {
	case n == 0:
		d.note("no policy decided and the endpoint has no profile")
	default:
		d.note("no policy and none of the endpoint's %d profiles decided", n)
	}
	return d.noProfile(), true
}

func (d *decision) noProfile() model.Verdict {
	return model.Verdict{Decision: model.DecisionDeny, DecidedBy: model.WhyNoProfileMatch, Origin: d.endpoint.Origin}
}

// end is the verdict of a layer that has no say, or none left.
func (d *decision) end(g *ir.Group, l model.Layer) model.Verdict {
	applies := g != nil && d.applies(g)
	switch {
	case l == model.LayerNormal:
		d.note("the endpoint has no policy and no profile")
		return d.noProfile()
	case d.endpoint.Workload:
		d.note("a workload endpoint has only the normal hook")
	case l == model.LayerForward && !applies:
		d.note("no applyOnForward policy applies here, so forwarded traffic is allowed")
	case !applies:
		d.note("no policy of the %s hook applies here", l)
	default:
		d.note("no policy of the %s hook decided", l)
	}
	if l == model.LayerForward && !applies {
		return model.Verdict{Decision: model.DecisionAllow, DecidedBy: model.WhyForwardDefault}
	}
	return model.Verdict{Decision: model.DecisionContinue, DecidedBy: model.WhyNoVerdict}
}

// applies tells whether any policy of the group can decide.
func (d *decision) applies(g *ir.Group) bool {
	if d.mode == pending {
		return len(g.Tiers) > 0
	}
	for i := range g.Tiers {
		if g.Tiers[i].Enforced() {
			return true
		}
	}
	return false
}

func (d *decision) note(format string, args ...any) {
	if d.walk != nil {
		d.walk.End = fmt.Sprintf(format, args...)
	}
}

func verdictOf(r *ir.Rule, ref string) model.Verdict {
	v := model.Verdict{Decision: model.DecisionDeny, Rule: r.ID, DecidedBy: ref, Origin: r.Origin}
	if r.Action == model.Allow {
		v.Decision = model.DecisionAllow
	}
	return v
}

func hasStaged(g *ir.Group) bool {
	if g == nil {
		return false
	}
	for i := range g.Tiers {
		for _, p := range g.Tiers[i].Policies {
			if p.Staged {
				return true
			}
		}
	}
	return false
}

// replaced tells whether a staged policy of the tier has the enforced policy's kind and name.
func replaced(t *ir.Tier, p *ir.Policy) bool {
	for _, s := range t.Policies {
		if s.Staged && s.Key.Name == p.Key.Name && s.Key.Namespace == p.Key.Namespace && strings.TrimPrefix(string(s.Key.Kind), "Staged") == string(p.Key.Kind) {
			return true
		}
	}
	return false
}
