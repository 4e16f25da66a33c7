package blocks

import (
	"cmp"
	"slices"

	"rampart/nft/ruleset"
)

// block is a run of items that are looked up together, or of opaque ones that are asked one by one.
type block struct {
	opaque bool
	items  []*item
}

// arrange divides a list into blocks so that going through the blocks in order finds the first item that matches. An
// item joins an earlier block of its kind when it has nothing in common with what comes between.
func arrange(items []*item) []*block {
	const far = 512 // items beyond which looking back is not worth the time
	var blocks []*block
	for _, x := range items {
		at, checked := -1, 0
		for i, b := range slices.Backward(blocks) {
			if b.opaque == x.opaque {
				at = i
			}
			checked += len(b.items)
			if checked > far || slices.ContainsFunc(b.items, x.overlaps) {
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
func (p *planner) list(c *chain, items []*item, points []point) {
	for _, b := range arrange(items) {
		switch {
		case b.opaque, entries(b.items) < p.costs.MinMap, len(fieldsOf(b.items)) == 0:
			p.plain(c, b.items)
		case p.hash(c, b.items):
		default:
			p.boxes(c, b.items, points)
		}
	}
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

// plain adds the entries as plain rules.
func (p *planner) plain(c *chain, items []*item) {
	last := -1
	for _, x := range items {
		if x.order == last {
			continue
		}
		last = x.order
		p.used[x.order] = true
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

// hash adds a hash map when every item names single values of the same dimensions.
func (p *planner) hash(c *chain, items []*item) bool {
	fields := fieldsOf(items)
	for _, x := range items {
		for _, d := range fields {
			if !x.box[d].exact() {
				return false
			}
		}
	}
	s := p.newMap(c, fields)
	seen := make(map[string]bool, elements(items))
	for _, x := range items {
		p.product(x, fields, func(first, _ []num) {
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
	p.lookup(c, s, fields)
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

func (p *planner) newMap(c *chain, fields []dim) *ruleset.Set {
	s := &ruleset.Set{Verdicts: true, Counters: p.in.Counters}
	s.Name = c.name + "-map"
	if n := len(c.Rules); n > 0 {
		s.Name += string(rune('a' + n%26))
	}
	for _, d := range fields {
		s.Fields = append(s.Fields, p.field(d))
	}
	p.plan.Sets = append(p.plan.Sets, s)
	return s
}

// product calls f with the corners of every box of single ranges that the item consists of.
func (p *planner) product(x *item, fields []dim, f func(first, last []num)) {
	first, last := make([]num, len(fields)), make([]num, len(fields))
	var step func(i int)
	step = func(i int) {
		if i == len(fields) {
			f(first, last)
			return
		}
		s := x.box[fields[i]]
		if s == nil {
			first[i], last[i] = num{}, maxNum(p.geo.width[fields[i]])
			step(i + 1)
			return
		}
		for _, r := range s {
			first[i], last[i] = r.lo, r.hi
			step(i + 1)
		}
	}
	step(0)
}

func (p *planner) keyOf(fields []dim, v []num) string {
	var k ruleset.Key
	for i, d := range fields {
		k = p.key(k, d, v[i])
	}
	return string(k)
}
