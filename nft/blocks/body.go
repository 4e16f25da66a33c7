package blocks

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"rampart/nft/ruleset"
)

// body adds to a chain what looks through the items.
func (p *planner) body(c *chain, items []*item, points []point, weight float64) {
	for {
		items = prune(items)
		k := p.choose(items, points, weight)
		if k == nil {
			p.list(c, items, points)
			return
		}
		// What is everywhere stays in this chain, for the packets of no region; and for those without a port when the
		// regions are ports, which is why nothing that they may match is missing from it.
		p.cut(c, k, points, weight)
		if len(k.rest) == 0 {
			return
		}
		items = k.rest
		points = p.sample(items, localSize)
		weight = 0
	}
}

// cut adds the map that finds the region of a packet, and the regions' chains.
func (p *planner) cut(c *chain, k *cut, points []point, weight float64) {
	s := &ruleset.Set{Name: c.name + "-by-" + dimWord[k.d], Verdicts: true}
	fields := []dim{k.d}
	if !k.hash {
		s.Interval = true
		fields = append(fields, proto)
		if k.d == proto {
			fields = fields[:1]
		}
	}
	for _, f := range fields {
		s.Fields = append(s.Fields, p.field(f))
	}
	inner := c.guard && k.d != sport && k.d != dport
	for _, r := range k.regions {
		e := ruleset.Element{}
		list := prune(r.items)
		if first := list[0]; first.everything() {
			p.decide(&e, first.order)
			s.Counters = p.in.Counters
		} else {
			sub := p.within(k.d, r.ranges, points, list)
			share := weight * float64(countIn(points, k.d, r.ranges)) / float64(max(1, len(points)))
			e.Verdict = ruleset.GotoChain(p.region(c.name+"."+p.label(k.d, r.ranges[0]), list, sub, share, inner))
		}
		for _, x := range r.ranges {
			e.Key = string(p.key(nil, k.d, x.lo))
			e.End = string(p.key(nil, k.d, x.hi))
			if len(fields) > 1 {
				e.Key = string(p.key([]byte(e.Key), proto, num{}))
				e.End = string(p.key([]byte(e.End), proto, num{0, 255}))
			}
			if !s.Interval {
				e.End = ""
			}
			s.Elements = append(s.Elements, e)
		}
	}
	slices.SortFunc(s.Elements, func(a, b ruleset.Element) int { return strings.Compare(a.Key, b.Key) })
	if !s.Interval {
		s.Size = size(len(s.Elements))
	}
	p.plan.Sets = append(p.plan.Sets, s)
	p.plan.Report.cut(k.d, len(k.regions))
	p.lookup(c, s, fields)
}

func countIn(points []point, d dim, r spans) int {
	n := 0
	for i := range points {
		if r.contains(points[i][d]) {
			n++
		}
	}
	return n
}

// region returns the chain that looks through the items; equal lists share one.
func (p *planner) region(name string, items []*item, points []point, weight float64, guard bool) string {
	key := chainKey{guard: guard}
	for _, x := range items {
		key.items = mix(key.items*31 + x.hash)
	}
	if have, ok := p.chains[key]; ok {
		return have
	}
	p.chains[key] = name
	c := p.newChain(name, "")
	c.guard = guard
	p.body(c, items, points, weight)
	return name
}

// lookup adds a rule that looks fields up in a map.
func (p *planner) lookup(c *chain, s *ruleset.Set, fields []dim) {
	st := []ruleset.Statement{ruleset.Family(p.in.Family)}
	if !slices.Contains(fields, src) && !slices.Contains(fields, dst) {
		st = nil
	}
	if c.guard && !slices.Contains(fields, sport) && !slices.Contains(fields, dport) {
		st = append(st, hasPort)
	}
	c.Rules = append(c.Rules, &ruleset.Rule{Statements: append(st, ruleset.VerdictMap{Fields: s.Fields, Map: s.Name})})
}

// decide makes an element say what an entry decides.
func (p *planner) decide(e *ruleset.Element, order int) {
	p.used[order] = true
	e.Verdict = p.in.Verdict(order)
	e.ID = p.in.Entries[order].Rule.ID
	if p.in.Comment != nil {
		e.Comment = p.in.Comment(order)
	}
}

var dimWord = [dims]string{"source", "destination", "protocol", "sport", "dport"}

// label names a region by where it begins.
func (p *planner) label(d dim, s span) string {
	switch d {
	case src, dst:
		a := p.addr(s.lo)
		bits := a.BitLen()
		for n := 0; n < a.BitLen() && !s.hi.less(s.lo.low(n+1)); n++ {
			bits--
		}
		return fmt.Sprintf("%c%s-%d", dimWord[d][0], strings.ReplaceAll(a.String(), ":", "_"), bits)
	case proto:
		return fmt.Sprintf("p%d", s.lo.lo)
	}
	if s.single() {
		return fmt.Sprintf("%s%d", dimWord[d][:2], s.lo.lo)
	}
	return fmt.Sprintf("%s%d-%d", dimWord[d][:2], s.lo.lo, s.hi.lo)
}

func (p *planner) addr(n num) netip.Addr {
	if p.in.Family == 4 {
		var b [4]byte
		binary.BigEndian.PutUint32(b[:], uint32(n.lo))
		return netip.AddrFrom4(b)
	}
	var b [16]byte
	binary.BigEndian.PutUint64(b[:8], n.hi)
	binary.BigEndian.PutUint64(b[8:], n.lo)
	return netip.AddrFrom16(b)
}

func (p *planner) field(d dim) ruleset.Field {
	v4 := p.in.Family == 4
	switch {
	case d == src && v4:
		return ruleset.SrcV4
	case d == dst && v4:
		return ruleset.DstV4
	case d == src:
		return ruleset.SrcV6
	case d == dst:
		return ruleset.DstV6
	case d == proto:
		return ruleset.L4Proto
	case d == sport:
		return ruleset.SrcPort
	}
	return ruleset.DstPort
}

func (p *planner) key(k ruleset.Key, d dim, v num) ruleset.Key {
	switch d {
	case src, dst:
		return k.Addr(p.addr(v))
	case proto:
		return k.Protocol(uint8(v.lo))
	}
	return k.Port(uint16(v.lo))
}

// size is the capacity of a hash map of n elements: room to grow, so that a few more do not mean a new map.
func size(n int) uint32 {
	s := uint32(16)
	for int(s) < n+n/4 {
		s *= 2
	}
	return s
}

// prune leaves out items that earlier ones leave nothing of. Among many items only the obvious cases are found.
func prune(items []*item) []*item {
	out := make([]*item, 0, len(items))
	seen := make(map[uint64]bool, len(items))
	var broad []*item
next:
	for _, x := range items {
		if seen[x.shape|1] {
			continue
		}
		for _, y := range broad {
			if y.covers(x) {
				continue next
			}
		}
		out = append(out, x)
		if x.opaque {
			continue
		}
		if x.everything() {
			break
		}
		seen[x.shape|1] = true
		if len(items) <= 256 || len(broad) < 64 && free(x) >= 3 {
			broad = append(broad, x)
		}
	}
	return out
}

// free is how many dimensions the item leaves open.
func free(x *item) int {
	n := 0
	for _, s := range x.box {
		if s == nil {
			n++
		}
	}
	return n
}
