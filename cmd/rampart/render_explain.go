package main

import (
	"cmp"
	"fmt"
	"math"
	"runtime"
	"slices"
	"strings"

	"rampart/conf"
	"rampart/engine/ir"
	"rampart/engine/ir/flat"
	"rampart/model"
	"rampart/nft/blocks"
	"rampart/nft/lower"
	"rampart/nft/ruleset"
)

// explanation says how the groups of a program become nftables: how many rules became how many look-ups, and why.
type explanation struct {
	Node     string           `json:"node"`
	Lowering string           `json:"lowering"`
	Groups   []explainedGroup `json:"groups"`
	Table    explainedTable   `json:"table"`
}

// explainedTable is what the whole table holds, built-in rules and interfaces included.
type explainedTable struct {
	Chains   int   `json:"chains"`
	Rules    int   `json:"rules"`
	Sets     int   `json:"sets"`
	Elements int   `json:"elements"`
	Memory   int64 `json:"memoryBytes"`
}

// explainedGroup is a list of policies that some endpoints have in common.
type explainedGroup struct {
	ID        ir.GroupID `json:"id"`
	Direction string     `json:"direction"`
	Layer     string     `json:"layer"`
	Endpoints []string   `json:"endpoints"`
	Policies  []string   `json:"policies"`
	Profiles  []string   `json:"profiles,omitempty"`
	// Chain is the one that packets enter the group by, "" when it is that of its first list.
	Chain string `json:"chain,omitempty"`
	// Rules are those of the policies and profiles, Chains and Left what nftables has for them one by one.
	Rules  int `json:"rules"`
	Chains int `json:"chains"`
	Left   int `json:"rulesLeft"`
	// Together is how many of the rules are looked up first, in maps for many endpoints, by peer, interface and port.
	Together int `json:"rulesTogether,omitempty"`
	// Form is "rules" or "lookups", Why the reason.
	Form string `json:"form"`
	Why  string `json:"why"`
	// What the cost model expects of rules one by one, in Form "rules", and of look-ups; 0 is "not estimated".
	ExpectedNS float64         `json:"expectedNs,omitempty"`
	LookupsNS  float64         `json:"lookupsNs,omitempty"`
	Lists      []explainedList `json:"lists,omitempty"`
}

// explainedList is a first-match list of rules, for one IP version.
type explainedList struct {
	ID   flat.ID `json:"id"`
	Name string  `json:"name"`
	// Chain is the one that packets enter the list by.
	Chain  string `json:"chain"`
	Family uint8  `json:"ipVersion"`
	// Rules of the list that may match packets of the IP version, and those that none reaches.
	Rules      int            `json:"rules"`
	Unreached  []string       `json:"unreached,omitempty"`
	Cuts       []explainedCut `json:"cuts,omitempty"`
	HashMaps   int            `json:"hashMaps"`
	RangeMaps  int            `json:"rangeMaps"`
	Elements   int            `json:"elements"`
	RulesLeft  int            `json:"rulesLeft"`
	Chains     int            `json:"chains"`
	ExpectedNS float64        `json:"expectedNs"`
	// What the cost model expects of one map for all rules, and of no map; 0 is "not estimated".
	OneMapNS float64 `json:"oneMapNs,omitempty"`
	NoMapNS  float64 `json:"noMapNs,omitempty"`
	// Shared are the groups that lead to the list as well.
	Shared []ir.GroupID `json:"sharedWith,omitempty"`
}

// explainedCut are the maps that divide packets by one field.
type explainedCut struct {
	By      string `json:"by"`
	Maps    int    `json:"maps"`
	Regions int    `json:"regions"`
	Why     string `json:"why"`
}

// tooManyToCompare is up to how many rules all lists may have for other ways to look them up to be estimated.
const tooManyToCompare = 10_000

// listKey names a list for one IP version.
type listKey struct {
	id      flat.ID
	version uint8
}

// reports lowers a program into look-ups with a cost model and returns what became of each list.
func reports(p *ir.Program, table string, costs blocks.Costs) (map[listKey]lower.Report, *lower.Lowered) {
	all := map[listKey]lower.Report{}
	l := lower.Lower(p, lower.Options{Table: table, Group: lower.BlocksExplained(costs, func(r lower.Report) {
		key := listKey{r.From.ID, r.Version}
		if _, ok := all[key]; !ok { // a list may be lowered for several stages, to the same effect
			all[key] = r
		}
	})})
	return all, l
}

// ways are a program lowered in all the ways that are compared; nil where that is not done.
type ways struct {
	lowered                *lower.Lowered
	lookups, oneMap, noMap map[listKey]lower.Report
}

func lowerings(p *ir.Program, c *conf.Daemon) ways {
	var w ways
	rules := 0
	for _, g := range p.Groups {
		for _, l := range listsOf(g) {
			rules += len(l.Entries)
		}
	}
	if c.Lowering == conf.LoweringLookups {
		w.lookups, w.lowered = reports(p, c.Table, blocks.Costs{})
	} else {
		w.lowered = lower.Lower(p, lower.Options{Table: c.Table, Group: lowering(c)})
	}
	if rules > tooManyToCompare {
		return w
	}
	costs := blocks.DefaultCosts()
	if w.lookups == nil {
		w.lookups, _ = reports(p, c.Table, costs)
	}
	costs.Short, costs.Cut = 0, math.Inf(1)
	w.oneMap, _ = reports(p, c.Table, costs)
	costs.MinMap = math.MaxInt
	w.noMap, _ = reports(p, c.Table, costs)
	return w
}

// explain lowers a program as the daemon would and tells what became of it.
func explain(p *ir.Program, c *conf.Daemon) (*explanation, error) {
	x := &explanation{Node: p.Node, Lowering: c.Lowering}
	w := lowerings(p, c)
	if err := w.lowered.Validate(); err != nil {
		return nil, err
	}
	n := w.lowered.Size()
	x.Table = explainedTable{n.Chains, n.Rules, n.Sets, n.Elements, w.lowered.Memory(runtime.NumCPU())}
	lists := map[ir.GroupID][]*flat.List{}
	for _, g := range p.Groups {
		lists[g.ID] = listsOf(g)
	}
	served := servedOf(p, w.lowered)
	for _, g := range p.Groups {
		e := explainGroup(p, g, w.lowered)
		e.Together = len(served[g])
		head := listKey{lists[g.ID][0].ID, 4}
		e.ExpectedNS = math.Round(w.noMap[head].Expected)
		r, listed := w.lookups[head]
		switch short := lower.Short(p, blocks.DefaultCosts()); {
		case c.Lowering != conf.LoweringLookups:
			e.LookupsNS = math.Round(r.Expected)
			e.Form, e.Why = "rules", `lowering = "Rules": packets pass rule after rule, and a change of policy costs little`
		case !listed || e.Rules <= short:
			e.Form, e.Why = "rules", fmt.Sprintf("lists of up to %d rules stay rules: no map would be faster", short)
			if listed {
				other := w.lookups[listKey{head.id, 6}]
				e.Chain, e.Chains, e.Left = r.List, r.Chains+other.Chains, r.Plain+other.Plain
			}
		default:
			e.Form, e.Why = "lookups", "the rules are gathered into maps, so that a packet does not pass them one by one"
			e.lists(p, g, lists, w)
			if !slices.ContainsFunc(e.Lists, func(l explainedList) bool { return len(l.Cuts)+l.HashMaps+l.RangeMaps > 0 }) {
				e.Why = "no way to gather these rules into maps was found that would be faster"
			}
		}
		x.Groups = append(x.Groups, e)
	}
	slices.SortStableFunc(x.Groups, func(a, b explainedGroup) int {
		return cmp.Or(cmp.Compare(b.Rules, a.Rules), cmp.Compare(a.Direction, b.Direction), cmp.Compare(a.Layer, b.Layer))
	})
	return x, nil
}

// lists adds what became of the lists of a group.
func (e *explainedGroup) lists(p *ir.Program, g *ir.Group, lists map[ir.GroupID][]*flat.List, w ways) {
	for _, from := range lists[g.ID] {
		for _, version := range []uint8{4, 6} {
			key := listKey{from.ID, version}
			r, ok := w.lookups[key]
			if !ok {
				continue
			}
			l := explainList(r, w.oneMap[key], w.noMap[key])
			for _, other := range p.Groups {
				if other != g && slices.ContainsFunc(lists[other.ID], func(l *flat.List) bool { return l.ID == from.ID }) {
					l.Shared = append(l.Shared, other.ID)
				}
			}
			e.Lists = append(e.Lists, l)
		}
	}
}

// listsOf are the lists with rules that packets of a group may go through, in that order.
func listsOf(g *ir.Group) []*flat.List {
	list := []*flat.List{flat.Of(g)}
	seen := map[flat.ID]bool{list[0].ID: true}
	for i := 0; i < len(list); i++ {
		for _, n := range list[i].Nexts() {
			if !seen[n.ID] && len(n.Entries) > 0 {
				seen[n.ID] = true
				list = append(list, n)
			}
		}
	}
	return list
}

func explainGroup(p *ir.Program, g *ir.Group, l *lower.Lowered) explainedGroup {
	e := explainedGroup{ID: g.ID, Direction: strings.ToLower(string(g.Direction)), Layer: g.Layer.String(), Endpoints: []string{}, Policies: []string{}}
	for _, ep := range p.Endpoints {
		if ep.Group(g.Direction, g.Layer) == g {
			e.Endpoints = append(e.Endpoints, fmt.Sprintf("%s (%s)", ep.Key, cmp.Or(ep.Interface, "no interface")))
		}
	}
	for i := range g.Tiers {
		for _, q := range g.Tiers[i].Policies {
			name := model.PolicyRef(g.Tiers[i].Name, q.Key)
			if q.Staged {
				e.Policies = append(e.Policies, name+" (staged, not enforced)")
				continue
			}
			e.Policies = append(e.Policies, name)
			e.Rules += len(q.Rules(g.Direction))
		}
	}
	for _, q := range g.Profiles {
		e.Profiles = append(e.Profiles, q.Name)
		e.Rules += len(q.Rules(g.Direction))
	}
	e.Chain, e.Chains, e.Left = reach(l.Ruleset, "group-", string(g.ID))
	return e
}

// servedOf are the rules of each group that are looked up by service.
func servedOf(p *ir.Program, l *lower.Lowered) map[*ir.Group]map[model.RuleID]bool {
	services := l.Services()
	rules := map[*ir.Group]map[model.RuleID]bool{}
	for _, e := range p.Endpoints {
		for _, d := range []model.Direction{model.Ingress, model.Egress} {
			g := e.Group(d, model.LayerNormal)
			for _, id := range services[lower.Served{Interface: e.Interface, Direction: d}] {
				if rules[g] == nil {
					rules[g] = map[model.RuleID]bool{}
				}
				rules[g][id] = true
			}
		}
	}
	return rules
}

// reach finds the chain of a group and counts the chains, and the rules in them, that the chain of a group leads to.
func reach(rs *ruleset.Ruleset, kind, id string) (name string, chains, rules int) {
	byName := make(map[string]*ruleset.Chain, len(rs.Chains))
	var todo []*ruleset.Chain
	for _, c := range rs.Chains {
		byName[c.Name] = c
		if strings.HasPrefix(c.Name, kind) && strings.Contains(c.Name, "-"+id+"-") {
			name = c.Name
			todo = append(todo[:0], c) // a group that several stages use has a chain in each; one will do
		}
	}
	seen := map[*ruleset.Chain]bool{}
	for len(todo) > 0 {
		c := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		if c == nil || seen[c] {
			continue
		}
		seen[c] = true
		chains, rules = chains+1, rules+len(c.Rules)
		for _, r := range c.Rules {
			for _, st := range r.Statements {
				if v, ok := st.(ruleset.Verdict); ok {
					todo = append(todo, byName[v.Chain])
				}
			}
		}
	}
	return name, chains, rules
}
