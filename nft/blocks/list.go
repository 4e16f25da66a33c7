package blocks

import (
	"cmp"
	"slices"
	"strconv"

	"rampart/engine/ir/span"
	"rampart/nft/ruleset"
)

// block is a run of items that are looked up together, or of opaque ones that are asked one by one.
type block struct {
	opaque bool
	items  []*item
}

// arrange divides a list into blocks so that going through the blocks in order finds the first item that matches. An
// item joins an earlier block of its kind when it has nothing in common with what comes between.
func arrange(items []part) []*block {
	const far = 512 // items beyond which looking back is not worth the time
	var blocks []*block
	for _, y := range items {
		x := y.item
		at, checked := -1, 0
		for i, b := range slices.Backward(blocks) {
			if b.opaque == x.opaque {
				at = i
			}
			checked += len(b.items)
			if i == 0 || checked > far || slices.ContainsFunc(b.items, x.overlaps) {
				break
			}
		}
		if at < 0 {
			blocks = append(blocks, &block{opaque: x.opaque})
			at = len(blocks) - 1
		}
		blocks[at].items = append(blocks[at].items, x)
	}
	return blocks
}

// list adds what looks through items without cutting them further.
func (p *planner) list(c *chain, n *node) {
	for _, b := range arrange(n.items) {
		switch {
		case b.opaque, n.form == plainRules, entries(b.items) < p.costs.MinMap, len(fieldsOf(b.items)) == 0:
			p.rules(c, b.items)
		case p.hash(c, b.items):
		default:
			p.boxes(c, b.items, n.points)
		}
	}
}

func elementsOf(items []*item) int {
	n := 0
	for _, x := range items {
		n = min(maxElements, n+x.elements)
	}
	return n
}

func entries(items []*item) int {
	n, last := 0, -1
	for _, x := range items {
		if x.order != last {
			n, last = n+1, x.order
		}
	}
	return n
}

// rules adds the items as plain rules.
func (p *planner) rules(c *chain, items []*item) {
	last := -1
	for _, x := range items {
		p.used[x.order] = true
		if !x.opaque {
			c.Rules = append(c.Rules, p.rule(c, x))
			p.plan.Report.Plain++
			continue
		}
		if x.order == last {
			continue
		}
		last = x.order
		for _, r := range p.in.Plain(x.order) {
			with := *r
			if x.portless() && c.guard {
				with.Statements = append([]ruleset.Statement{hasPort}, r.Statements...)
			}
			c.Rules = append(c.Rules, &with)
			p.plan.Report.Plain++
		}
	}
}

// rule is an item as a plain rule: only what the regions on the way here have left open is asked.
func (p *planner) rule(c *chain, x *item) *ruleset.Rule {
	var st []ruleset.Statement
	if c.guard && x.portless() {
		st = append(st, hasPort)
	}
	asked := false // the IP version is asked as late as possible
	for _, d := range []dim{proto, dport, sport, src, dst} {
		if x.box[d] == nil {
			continue
		}
		if !asked && (d == src || d == dst) {
			asked, st = true, append(st, ruleset.Family(p.in.Family))
		}
		m := ruleset.Match{Field: p.field(d)}
		n := m.Field.Len()
		for _, r := range x.box[d] {
			m.Values = append(m.Values, ruleset.Span{First: string(p.key(nil, d, r.Lo)[:n]), Last: string(p.key(nil, d, r.Hi)[:n])})
		}
		st = append(st, m)
	}
	r := &ruleset.Rule{ID: p.in.Entries[x.order].Rule.ID}
	if p.in.Comment != nil {
		r.Comment = p.in.Comment(x.order)
	}
	if p.in.Counters {
		st = append(st, ruleset.Counter{})
	}
	r.Statements = append(st, p.in.Verdict(x.order))
	return r
}

// hash adds a hash map when every item names single values of the same dimensions.
func (p *planner) hash(c *chain, items []*item) bool {
	fields := fieldsOf(items)
	for _, x := range items {
		for _, d := range fields {
			if !x.box[d].Exact() {
				return false
			}
		}
	}
	s := p.newMap(c, fields, false)
	seen := make(map[string]bool, elementsOf(items))
	for _, x := range items {
		p.product(x, fields, func(first, _ []span.Value) {
			k := p.keyOf(fields, first)
			if seen[k] {
				return
			}
			seen[k] = true
			e := ruleset.Element{Key: k}
			p.say(&e, x.order)
			s.Elements = append(s.Elements, e)
		})
	}
	slices.SortFunc(s.Elements, func(a, b ruleset.Element) int { return cmp.Compare(a.Key, b.Key) })
	s.Size = size(len(s.Elements))
	p.ask(c, s, fields, [2]int{})
	p.plan.Report.Hash++
	return true
}

// fieldsOf are the dimensions that some item restricts.
func fieldsOf(items []*item) []dim {
	var out []dim
	for d := range dims {
		if slices.ContainsFunc(items, func(x *item) bool { return x.box[d] != nil }) {
			out = append(out, d)
		}
	}
	return out
}

// newMap adds an empty map. Its name tells its type: the kernel cannot change that in place, so a map that changes its
// type is another map.
func (p *planner) newMap(c *chain, fields []dim, ranges bool) *ruleset.Set {
	s := &ruleset.Set{Verdicts: true, Interval: ranges, Counters: p.in.Counters}
	s.Name = c.name + "-map"
	if n := len(c.Rules); n > 0 {
		s.Name += strconv.Itoa(n + 1)
	}
	sep := "-"
	for _, d := range fields {
		s.Name += sep + dimShort[d]
		s.Fields = append(s.Fields, p.field(d))
		sep = "."
	}
	if ranges {
		s.Name += "-ranges"
	}
	p.addSet(c, s)
	return s
}

// product calls f with the corners of every box of single ranges that the item consists of.
func (p *planner) product(x *item, fields []dim, f func(first, last []span.Value)) {
	first, last := make([]span.Value, len(fields)), make([]span.Value, len(fields))
	var step func(i int)
	step = func(i int) {
		if i == len(fields) {
			f(first, last)
			return
		}
		s := x.box[fields[i]]
		if s == nil {
			first[i], last[i] = span.Value{}, span.Max(p.geo.width[fields[i]])
			step(i + 1)
			return
		}
		for _, r := range s {
			first[i], last[i] = r.Lo, r.Hi
			step(i + 1)
		}
	}
	step(0)
}

func (p *planner) keyOf(fields []dim, v []span.Value) string {
	var k ruleset.Key
	for i, d := range fields {
		k = p.key(k, d, v[i])
	}
	return string(k)
}
