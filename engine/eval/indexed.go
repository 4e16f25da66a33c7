package eval

import (
	"rampart/engine/ir"
	"rampart/engine/ir/flat"
	"rampart/model"
)

// Indexed answers probes as an Evaluator does without trying every rule: it looks up those that have something of the
// packet's, an address, a port or its protocol, and tries only them. It is for many probes of one program. What it needs it
// makes when a probe first needs it, so it is not for use from several goroutines.
type Indexed struct {
	evaluator *Evaluator
	heads     map[*ir.Group]*flat.List
	indexes   map[*flat.List]*ruleIndex
	// memberLimit bounds how many members of sets each index keeps by their addresses.
	memberLimit int
}

// NewIndexed prepares a program for many probes.
func NewIndexed(p *ir.Program) *Indexed {
	return &Indexed{
		evaluator: NewEvaluator(p), heads: map[*ir.Group]*flat.List{}, indexes: map[*flat.List]*ruleIndex{}, memberLimit: 1 << 20,
	}
}

// Evaluate decides one probe, as Evaluator.Evaluate does.
func (x *Indexed) Evaluate(pr model.Probe) (model.Verdict, error) {
	ep, err := x.evaluator.find(&pr)
	if err != nil {
		return model.Verdict{}, err
	}
	g := ep.Group(pr.Direction, pr.Layer)
	if g == nil {
		return x.evaluator.decide(ep, &pr, enforced, nil), nil
	}
	var logged []string
	for l := x.head(g); ; {
		hit := x.first(l, &pr.Packet, &logged)
		switch {
		case hit == nil && l.End.Verdict == flat.Goto:
			l = l.End.Next
		case hit == nil:
			v := model.Verdict{Decision: decisions[l.End.Verdict], DecidedBy: l.End.Why, Origin: l.End.Origin, Logged: logged}
			if l.End.Why == model.WhyNoProfileMatch {
				v.Origin = ep.Origin
			}
			return v, nil
		case hit.Verdict == flat.Goto:
			l = hit.Next
		default:
			return model.Verdict{
				Decision: decisions[hit.Verdict], Rule: hit.Rule.ID, DecidedBy: hit.Why, Origin: hit.Rule.Origin, Logged: logged,
			}, nil
		}
	}
}

var decisions = map[flat.Verdict]model.Decision{
	flat.Allow: model.DecisionAllow, flat.Deny: model.DecisionDeny, flat.Continue: model.DecisionContinue,
}

// first is the first entry of a list that matches and does not only log or count.
func (x *Indexed) first(l *flat.List, p *model.Packet, logged *[]string) *flat.Entry {
	for i := range x.index(l).candidates(x.evaluator, p) {
		e := &l.Entries[i]
		switch {
		case x.evaluator.match(&e.Rule.Match, p).clause != clauseNone:
		case e.Verdict != flat.Nothing:
			return e
		case e.Log:
			*logged = append(*logged, e.Why)
		}
	}
	return nil
}

func (x *Indexed) head(g *ir.Group) *flat.List {
	l := x.heads[g]
	if l == nil {
		l = flat.Of(g)
		x.heads[g] = l
	}
	return l
}

func (x *Indexed) index(l *flat.List) *ruleIndex {
	r := x.indexes[l]
	if r == nil {
		r = newRuleIndex(l, x.evaluator.sets, x.memberLimit)
		x.indexes[l] = r
	}
	return r
}
