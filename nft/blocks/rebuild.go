package blocks

import (
	"rampart/engine/ir"
	"rampart/nft/ruleset"
)

// memory is what a plan keeps for the next one of the same list.
type memory struct {
	// counts are the sizes of sets that decisions rest on, sets those that were looked at, as they were.
	counts map[ir.SetID]float64
	sets   map[ir.SetID]*ir.Set
	// planner is nil when nothing in the plan depends on members.
	planner *planner
	items   []*item
	// root and portless are the decisions about all packets and about those that show no port.
	root, portless *node
}

// manyNodes is how many decisions a planner may have made for lists that are gone, before it starts afresh.
const manyNodes = 20000

// Rebuild is Build for a list whose plan is there, when nothing but the members of sets may have changed since. The result
// is that of Build, and the objects that are as they were are those of the old plan.
func Rebuild(in *Input, old *Plan) *Plan {
	m := old.memory
	changed := false
	for id, had := range m.sets {
		now := in.Sets(id)
		if same(had, now) {
			continue
		}
		changed = true
		probe := planner{in: in, counts: map[ir.SetID]float64{}}
		if n, ok := m.counts[id]; ok && probe.count(id) != n {
			return Build(in)
		}
	}
	switch {
	case !changed || m.planner == nil:
		return old
	case len(m.planner.nodes) > m.planner.born+manyNodes:
		return Build(in)
	}
	p := newPlanner(in)
	p.nodes, p.counts, p.born = m.planner.nodes, m.planner.counts, m.planner.born
	p.had, p.kept = m.planner.parts, map[*ruleset.Chain]bool{}
	p.total = max(1, float64(len(m.items)))
	next := &memory{planner: p, items: m.items}
	p.fresh = map[*node]*node{}
	next.root = p.refresh(m.root)
	if m.portless != nil {
		p.quick = true
		next.portless = p.refresh(m.portless)
	}
	next.emit()
	if p.ports != m.planner.ports {
		return Build(in) // kept chains end in the wrong place
	}
	p.plan.Report = old.Report
	return p.plan
}

// emit makes the objects of the decisions.
func (m *memory) emit() {
	p := m.planner
	p.plan.memory = m
	root := p.newChain(p.in.Name, p.in.Note)
	p.emit(root, m.root)
	p.finish(root, m)
	p.report()
	m.counts, m.sets = p.counts, make(map[ir.SetID]*ir.Set, len(p.counts))
	for id := range p.counts {
		m.sets[id] = p.in.Sets(id)
	}
	if !m.root.volatile && (m.portless == nil || !m.portless.volatile) {
		m.planner, m.items, m.root, m.portless = nil, nil, nil, nil
		return
	}
	p.born = max(p.born, len(p.nodes))
}

// refresh is the decision with the members of sets as they are now.
func (p *planner) refresh(n *node) *node {
	if !n.volatile || p.fresh == nil {
		return n
	}
	if m := p.fresh[n]; m != nil {
		return m
	}
	m, c := *n, *n.cut
	m.cut = &c
	p.fresh[n], p.fresh[&m] = &m, &m
	p.nodes[m.key] = &m
	if c.members {
		p.enlist(&c, c.roster.update(p))
		p.decideClasses(&m, &c)
	} else {
		c.regions = append([]region(nil), c.regions...)
		for i := range c.regions {
			c.regions[i].node = p.refresh(c.regions[i].node)
		}
	}
	c.rest = p.refresh(c.rest)
	return &m
}
