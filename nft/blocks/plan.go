package blocks

import (
	"rampart/engine/ir"
	"rampart/engine/ir/flat"
	"rampart/nft/ruleset"
)

// Input is one list to lower, for one family.
type Input struct {
	// Name is the name of the chain that decides, and what the names of everything else begin with.
	Name, Note string
	// Family is 4 or 6; the packets that enter the chain are of that family.
	Family  uint8
	Entries []flat.Entry
	Sets    func(ir.SetID) *ir.Set
	// Plain are the rules of entry i as the kernel's linear search wants them, restricted to the family. They count.
	Plain func(i int) []*ruleset.Rule
	// Verdict is what a map's element says for entry i.
	Verdict func(i int) ruleset.Verdict
	// Comment is the comment of the plain rules of entry i; elements have none.
	Comment func(i int) string
	// Tail are the rules for packets that no entry decided.
	Tail []*ruleset.Rule
	// Counters gives every element a counter.
	Counters bool
	// Costs is the cost model, zero for DefaultCosts.
	Costs Costs
}

// Plan is a list as nftables objects. The chain Input.Name comes first.
type Plan struct {
	Chains []*ruleset.Chain
	Sets   []*ruleset.Set
	Report Report
	// Empty tells that no packet of the family matches any entry: there is one chain, and it has the tail alone.
	Empty bool

	memory *memory
}

// planner works on one Input.
type planner struct {
	in    *Input
	geo   *geometry
	costs Costs
	// total is how many packets all items have together.
	total float64
	// quick plans without trying cuts out, for packets that are rare.
	quick bool
	// again tells that chains are being made for packets that show no port.
	again bool
	plan  *Plan
	// nodes are the decisions made so far, chains the chains made of them.
	nodes  map[nodeKey]*node
	chains map[chainKey]string
	// fresh are the decisions that have been brought up to date with the members of sets; nil when all are.
	fresh map[*node]*node
	// born is how many there were when the list was planned in full.
	born int
	// counts are the sizes of sets that decisions rest on.
	counts map[ir.SetID]float64
	// ports tells that some look-up needs a port and holds items that do not: a packet without one misses them.
	ports bool
	used  []bool
	// parts are the chains made, for those who want to use them again; had are those of the last plan.
	parts, had map[chainKey]*emitted
	kept       map[*ruleset.Chain]bool
	// inner are the chains from which packets go back to where they came from.
	inner map[*ruleset.Chain]bool
}

// Build lowers a list.
func Build(in *Input) *Plan {
	p := newPlanner(in)
	m := &memory{planner: p, items: p.items()}
	m.root = p.decideAll(m.items)
	p.plan.Report.Expected = m.root.ns
	p.work(&p.plan.Report.Work, m.root, 1)
	m.emit()
	return p.plan
}

func newPlanner(in *Input) *planner {
	p := &planner{
		in: in, plan: &Plan{}, costs: in.Costs, nodes: map[nodeKey]*node{}, chains: map[chainKey]string{}, counts: map[ir.SetID]float64{},
		used: make([]bool, len(in.Entries)), parts: map[chainKey]*emitted{}, inner: map[*ruleset.Chain]bool{},
	}
	if p.costs == (Costs{}) {
		p.costs = DefaultCosts()
	}
	p.costs = p.costs.of(len(in.Entries))
	p.geo = newGeometry(in.Family, in.Sets)
	return p
}

// items are the entries that some packet of the family matches.
func (p *planner) items() []*item {
	items := make([]*item, 0, len(p.in.Entries))
	for i := range p.in.Entries {
		if x := p.geo.item(i, &p.in.Entries[i]); x != nil {
			items = append(items, x)
		} else {
			p.used[i] = true // it matches nothing, which is no fault of other rules
		}
	}
	return items
}

func (p *planner) decideAll(items []*item) *node {
	list := whole(items)
	p.total = max(1, float64(len(items)))
	return p.decide(list, p.sample(list, sampleSize), way{}, 0)
}

// finish adds what becomes of packets that no entry decided, and of packets without ports when some look-up has missed
// what it would have had to ask about them.
func (p *planner) finish(root *chain, m *memory) {
	open := p.plan.Chains
	p.plan.Empty = len(open) == 1 && len(root.Rules) == 0
	var toEnd *ruleset.Rule // the rule that sends packets with ports to the end, when there is one
	if p.ports {
		var portless []*item
		silent := false
		for _, x := range m.items {
			if x.portless() {
				portless = append(portless, x)
				silent = silent || x.silent
			}
		}
		clear(p.chains)
		p.again = true
		again := &chain{name: p.in.Name + "-portless"}
		at := len(p.plan.Chains)
		if silent {
			// They may not go twice by a rule that logs or counts, so they are told apart at the beginning.
			ported := p.newChain(p.in.Name+"-ported", "packets that show their ports")
			ported.Rules = root.Rules
			root.Rules = nil
			add(root.Chain, hasPort, ruleset.GotoChain(ported.name))
			again.Chain = root.Chain
			open = append(open[1:len(open):len(open)], ported.Chain)
			at++
		} else {
			// They start again, with the rules that they may match.
			again = p.newChain(again.name, "packets that show no port")
			p.closeWith(open, again.name)
			open = nil
			toEnd = &ruleset.Rule{Statements: []ruleset.Statement{hasPort, ruleset.Verdict{Kind: ruleset.Return}}}
			again.Rules = append(again.Rules, toEnd)
		}
		if m.portless == nil {
			p.quick = true
			m.portless = p.decideAll(portless)
		}
		p.emit(again, m.portless)
		open = append(open, p.plan.Chains[at:]...)
		if silent {
			open = append(open, root.Chain)
		}
	}
	switch {
	case len(p.in.Tail) == 0:
	case len(open) == 1 && toEnd == nil:
		open[0].Rules = append(open[0].Rules, p.in.Tail...)
	default:
		tail := p.newChain(p.in.Name+"-end", "packets that no rule has decided")
		tail.Rules = p.in.Tail
		p.closeWith(open, tail.name)
		if toEnd != nil {
			toEnd.Statements[1] = ruleset.GotoChain(tail.name)
		}
	}
}

// closeWith makes packets that come to the end of the chains go on elsewhere.
func (p *planner) closeWith(chains []*ruleset.Chain, name string) {
	for _, c := range chains {
		if p.kept[c] || p.inner[c] {
			continue // it goes there already, or back
		}
		c.Rules = append(c.Rules, &ruleset.Rule{Statements: []ruleset.Statement{ruleset.GotoChain(name)}})
	}
}

// hasPort matches packets whose transport header reaches as far as the ports.
var hasPort = ruleset.Match{Field: ruleset.DstPort, Values: []ruleset.Span{{First: "\x00\x00", Last: "\xff\xff"}}}

func add(c *ruleset.Chain, st ...ruleset.Statement) {
	c.Rules = append(c.Rules, &ruleset.Rule{Statements: st})
}

// chain is a chain being filled.
type chain struct {
	*ruleset.Chain
	name string
	// guard keeps packets without ports from matching: look-ups before would have to be asked first and cannot be.
	guard bool
	// sets are the maps that it asks, parts the chains it goes to.
	sets  []*ruleset.Set
	parts []chainKey
}

func (p *planner) addSet(c *chain, s *ruleset.Set) {
	c.sets = append(c.sets, s)
	p.plan.Sets = append(p.plan.Sets, s)
}

func (p *planner) newChain(name, note string) *chain {
	c := &ruleset.Chain{Name: name, Note: note}
	p.plan.Chains = append(p.plan.Chains, c)
	return &chain{Chain: c, name: name}
}
