package nft

import (
	"maps"
	"runtime"
	"slices"
	"strings"

	"rampart/engine/ir"
	"rampart/model"
	"rampart/nft/lower"
	"rampart/nft/ruleset"
)

// Who is to blame for a table that is too large: the policy that most of it comes from, or the set of the program.

// part is some of what a table has too much of: what comes from a rule, or the elements of a set.
type part struct {
	id  model.RuleID
	set string
	n   int64
}

// share divides what a table has too much of into parts.
type share func(*ruleset.Ruleset) []part

func elementShare(rs *ruleset.Ruleset) []part {
	users, chains := usersOf(rs), leaders(rs)
	var parts []part
	for _, s := range rs.Sets {
		if n := s.Prefixes.Len(); n > 0 {
			parts = append(parts, part{id: users[s.Name], set: s.Name, n: int64(n)})
		}
		for i := range s.Elements {
			e := &s.Elements[i]
			x := part{id: e.ID, n: 1}
			switch {
			case e.ID != 0:
			case s.Verdicts:
				x.id = chains[e.Verdict.Chain] // where the packets of a region go
			default:
				x.id, x.set = users[s.Name], s.Name
			}
			parts = append(parts, x)
		}
	}
	return parts
}

func ruleShare(rs *ruleset.Ruleset) []part {
	var parts []part
	for _, c := range rs.Chains {
		for _, r := range c.Rules {
			parts = append(parts, part{id: r.ID, n: 1})
		}
	}
	return parts
}

func chainShare(rs *ruleset.Ruleset) []part {
	chains := leaders(rs)
	var parts []part
	for _, c := range rs.Chains {
		parts = append(parts, part{id: chains[c.Name], n: 1})
	}
	return parts
}

// leaders has, for each chain, the rule that it is there for: the one of which most is in that chain. What is in every
// chain is not what makes them many.
func leaders(rs *ruleset.Ruleset) map[string]model.RuleID {
	leads := map[string]model.RuleID{}
	for _, s := range rs.Sets {
		leads[s.Name] = majority(s)
	}
	count := func(c *ruleset.Chain, in map[model.RuleID]int) {
		for _, r := range c.Rules {
			in[r.ID]++
			for _, st := range r.Statements {
				if m, ok := st.(ruleset.VerdictMap); ok {
					in[leads[m.Map]]++
				}
			}
		}
	}
	all := map[model.RuleID]int{}
	for _, c := range rs.Chains {
		count(c, all)
	}
	chains := map[string]model.RuleID{}
	for _, c := range rs.Chains {
		here := map[model.RuleID]int{}
		count(c, here)
		var lead model.RuleID
		for _, id := range slices.Sorted(maps.Keys(here)) {
			if id != 0 && (lead == 0 || here[id]*all[lead] > here[lead]*all[id]) {
				lead = id
			}
		}
		chains[c.Name] = lead
	}
	return chains
}

func setShare(rs *ruleset.Ruleset) []part {
	users := usersOf(rs)
	var parts []part
	for _, s := range rs.Sets {
		if id := majority(s); id != 0 {
			parts = append(parts, part{id: id, n: 1})
		} else {
			parts = append(parts, part{id: users[s.Name], n: 1})
		}
	}
	return parts
}

func memoryShare(rs *ruleset.Ruleset) []part {
	users, cpus := usersOf(rs), runtime.NumCPU()
	var parts []part
	for _, s := range rs.Sets {
		n := (&ruleset.Ruleset{Sets: []*ruleset.Set{s}}).Memory(cpus)
		if id := majority(s); id != 0 {
			parts = append(parts, part{id: id, n: n})
		} else {
			parts = append(parts, part{id: users[s.Name], set: s.Name, n: n})
		}
	}
	one := &ruleset.Ruleset{Chains: []*ruleset.Chain{{}}}
	empty := one.Memory(cpus)
	for _, c := range rs.Chains {
		for _, r := range c.Rules {
			one.Chains[0].Rules = []*ruleset.Rule{r}
			parts = append(parts, part{id: r.ID, n: one.Memory(cpus) - empty})
		}
	}
	return parts
}

// majority is the rule that most elements of a map are for, 0 when none is for a rule.
func majority(s *ruleset.Set) model.RuleID {
	count := map[model.RuleID]int{}
	var most model.RuleID
	for i := range s.Elements {
		id := s.Elements[i].ID
		if count[id]++; id != 0 && (most == 0 || count[id] > count[most]) {
			most = id
		}
	}
	return most
}

// usersOf has the first rule that asks for each set.
func usersOf(rs *ruleset.Ruleset) map[string]model.RuleID {
	users := map[string]model.RuleID{}
	for _, c := range rs.Chains {
		for _, r := range c.Rules {
			for _, st := range r.Statements {
				if l, ok := st.(ruleset.Lookup); ok && users[l.Set] == 0 {
					users[l.Set] = r.ID
				}
			}
		}
	}
	return users
}

// owner is the policy or profile of a rule.
type owner struct {
	key    model.Key
	origin model.Origin
	rule   *ir.Rule
	ref    string
}

// owners has the policy or profile of each rule.
func owners(p *ir.Program) map[model.RuleID]owner {
	all := map[model.RuleID]owner{}
	for _, d := range model.Directions() {
		for _, q := range p.Policies {
			for _, r := range q.Rules(d) {
				all[r.ID] = owner{q.Key, q.Origin, r, model.RuleRef(q.Tier, q.Key, r.Index)}
			}
		}
		for _, q := range p.Profiles {
			for _, r := range q.Rules(d) {
				all[r.ID] = owner{model.Key{Kind: model.KindProfile, Name: q.Name}, q.Origin, r, model.ProfileRef(q.Name, r.Index)}
			}
		}
	}
	return all
}

// blame names what the largest share of a table comes from.
func blame(e *ir.LimitError, p *ir.Program, t *lower.Lowered, divide share) {
	owners := owners(p)
	policies := map[model.Key]int64{}
	sets := map[string]int64{}
	var most owner
	var largest *ir.Set
	for _, x := range divide(t.Ruleset) {
		if s := setNamed(p, x.set); s != nil {
			if sets[x.set] += x.n; sets[x.set] > e.Share {
				e.Share, largest = sets[x.set], s
			}
			continue
		}
		if o, ok := owners[x.id]; ok {
			if policies[o.key] += x.n; policies[o.key] > e.Share {
				e.Share, most, largest = policies[o.key], o, nil
			}
		}
	}
	if largest != nil {
		e.Set = largest
		blameUser(e, p)
		return
	}
	e.Culprit, e.Origin = most.key, most.origin
}

// setNamed is the set of the program that a set of the table holds: its name ends with the identifier.
func setNamed(p *ir.Program, name string) *ir.Set {
	if name == "" {
		return nil
	}
	for _, s := range p.Sets {
		if strings.HasSuffix(name, "-"+string(s.ID)) {
			return s
		}
	}
	return nil
}

// blameUser names the first rule that asks for the set.
func blameUser(e *ir.LimitError, p *ir.Program) {
	for _, d := range model.Directions() {
		for _, q := range p.Policies {
			for _, r := range q.Rules(d) {
				if asks(r, e.Set.ID) {
					e.Culprit, e.Origin, e.Rule = q.Key, r.Origin, model.RuleRef(q.Tier, q.Key, r.Index)
					return
				}
			}
		}
		for _, q := range p.Profiles {
			for _, r := range q.Rules(d) {
				if asks(r, e.Set.ID) {
					e.Culprit, e.Origin, e.Rule = model.Key{Kind: model.KindProfile, Name: q.Name}, r.Origin, model.ProfileRef(q.Name, r.Index)
					return
				}
			}
		}
	}
}

func asks(r *ir.Rule, id ir.SetID) bool {
	for _, peer := range []*ir.Peer{&r.Match.Src, &r.Match.Dst} {
		for _, list := range [][]ir.SetID{peer.Sets, peer.NotSets, peer.PortSets, peer.NotPortSets} {
			for _, s := range list {
				if s == id {
					return true
				}
			}
		}
	}
	return false
}

// blameRules names the policy or profile of the most rules.
func blameRules(e *ir.LimitError, p *ir.Program) {
	for _, q := range p.Policies {
		if n := int64(len(q.Ingress) + len(q.Egress)); n > e.Share {
			e.Share, e.Culprit, e.Origin = n, q.Key, q.Origin
		}
	}
	for _, q := range p.Profiles {
		if n := int64(len(q.Ingress) + len(q.Egress)); n > e.Share {
			e.Share, e.Culprit, e.Origin = n, model.Key{Kind: model.KindProfile, Name: q.Name}, q.Origin
		}
	}
}
