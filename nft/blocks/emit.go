package blocks

import (
	"fmt"
	"hash/fnv"
	"net/netip"
	"slices"
	"strings"

	"rampart/engine/ir/span"
	"rampart/nft/ruleset"
)

// emit adds to a chain what a decision says.
func (p *planner) emit(c *chain, n *node) {
	for n.cut != nil {
		// What is everywhere stays in this chain, for the packets of no region; and for those without a port when the
		// regions are ports, which is why nothing that they may match is missing from it.
		p.emitCut(c, n.cut)
		n = n.cut.rest
	}
	p.list(c, n)
}

// emitCut adds the map that finds the region of a packet, and the regions' chains.
func (p *planner) emitCut(c *chain, k *cut) {
	s := &ruleset.Set{Name: fmt.Sprintf("%s-by-%s", c.name, dimWord[k.d]), Verdicts: true, Interval: k.by != byHash}
	fields := []dim{k.d}
	switch {
	case k.parts:
		s.Name = fmt.Sprintf("%s-near-%s", c.name, dimWord[k.d])
	case k.back:
		s.Name = fmt.Sprintf("%s-narrow-%s", c.name, dimWord[k.d])
	}
	if k.bits > 0 {
		s.Name += fmt.Sprintf("-%d", k.bits)
	}
	if k.dstBits > 0 {
		fields = append(fields, dst)
		s.Name += fmt.Sprintf(".%s-%d", dimWord[dst], k.dstBits)
	}
	if k.by == byBoxes && k.d != proto {
		// A second field makes the map a pipapo map.
		fields = append(fields, proto)
		s.Name += "." + dimWord[proto]
	}
	listed := k.members && k.single // by addresses, not in regions
	if listed {
		for _, d := range k.joint {
			fields = append(fields, d)
			s.Name += "." + dimShort[d]
		}
	}
	if s.Interval {
		s.Name += "-ranges"
	}
	for _, f := range fields {
		s.Fields = append(s.Fields, p.field(f))
	}
	inner := c.guard && k.d != sport && k.d != dport
	switch {
	case listed && k.joint != nil:
		p.enrollJoint(k, s)
	case listed:
		p.enroll(c, k, s, inner)
	}
	for i := range k.regions {
		r := &k.regions[i]
		if len(r.node.items) == 0 {
			// Nothing matches here. The list of the packets of no region may not be asked either, and need not: it is
			// part of every region's.
			continue
		}
		e := p.target(c, k, r, inner)
		protos := r.protos
		if protos == nil {
			protos = span.Set{span.All(8)}
		}
		for _, x := range r.ranges {
			first, last := p.key(nil, k.d, x.Lo), p.key(nil, k.d, x.Hi)
			switch {
			case r.dsts != nil:
				e.Key = string(p.key(first, dst, r.dsts[0].Lo))
				s.Elements = append(s.Elements, e)
				continue
			case len(fields) == 1:
				e.Key, e.End = string(first), string(last)
				s.Elements = append(s.Elements, e)
				continue
			}
			for _, y := range protos {
				e.Key = string(p.key(slices.Clone(first), proto, y.Lo))
				e.End = string(p.key(slices.Clone(last), proto, y.Hi))
				s.Elements = append(s.Elements, e)
			}
		}
	}
	slices.SortFunc(s.Elements, func(a, b ruleset.Element) int { return strings.Compare(a.Key, b.Key) })
	s.Counters = p.in.Counters && slices.ContainsFunc(s.Elements, func(e ruleset.Element) bool { return e.ID != 0 })
	if !s.Interval {
		for i := range s.Elements {
			s.Elements[i].End = ""
		}
		s.Size = size(len(s.Elements))
		if listed && k.joint != nil {
			s.Size = size(2 * len(s.Elements)) // an address more is several elements
		}
	}
	nameByContent(s)
	p.addSet(c, s)
	p.plan.Report.cut(k)
	p.ask(c, s, fields, [2]int{k.bits, k.dstBits})
}

// target is what the elements of a region say.
func (p *planner) target(c *chain, k *cut, r *region, guard bool) (e ruleset.Element) {
	if r.node.decides() {
		p.say(&e, r.node.items[0].order)
		return e
	}
	var label string
	switch {
	case k.parts:
		label = "near-" + dimWord[k.d]
	case r.class != nil:
		label = fmt.Sprintf("%c-in-%012x", dimWord[k.d][0], r.class.mark>>16)
	case r.dsts != nil:
		label = "narrow-" + p.label(src, r.ranges[0]) + "." + p.label(dst, r.dsts[0])
	case k.back:
		label = "narrow-" + p.label(k.d, r.ranges[0])
	case r.protos != nil:
		label = p.label(k.d, r.ranges[0]) + "." + p.label(proto, r.protos[0])
	default:
		label = p.label(k.d, r.ranges[0])
	}
	e.Verdict = ruleset.GotoChain(p.region(c, c.name+"."+label, r.node, guard))
	if k.back {
		e.Verdict.Kind = ruleset.Jump
	}
	return e
}

// chainKey is a decision, whether packets without ports must be kept from deciding there, and whether it is for them alone.
type chainKey struct {
	node         *node
	guard, again bool
}

// emitted is a chain, with the maps that it alone asks and the chains it goes to.
type emitted struct {
	name  string
	chain *ruleset.Chain
	sets  []*ruleset.Set
	parts []chainKey
	// ports and guard are what making it has led to: see planner and chain.
	ports bool
}

// region returns the chain of a region; those with equal lists share one.
func (p *planner) region(from *chain, name string, n *node, guard bool) string {
	key := chainKey{n, guard, p.again}
	from.parts = append(from.parts, key)
	if have, ok := p.chains[key]; ok {
		return have
	}
	if old := p.had[key]; old != nil && old.name == name && !n.volatile && p.keepable(old, map[chainKey]string{}) {
		p.keep(key, old)
		return name
	}
	p.chains[key] = name
	c := p.newChain(name, "")
	c.guard = guard
	if n.way.inner {
		p.inner[c.Chain] = true
	}
	ports := p.ports
	p.ports = false
	p.emit(c, n)
	e := &emitted{name: name, chain: c.Chain, parts: c.parts, sets: c.sets, ports: p.ports}
	p.ports = p.ports || ports
	p.parts[key] = e
	return name
}

// keepable tells whether the chains that a chain goes to, and those that these go to, would be named as they were: a chain
// that several share has its name from the first that leads to it, which may be another now. with has the names of those to
// be kept together with it.
func (p *planner) keepable(e *emitted, with map[chainKey]string) bool {
	for _, part := range e.parts {
		old := p.had[part]
		have, made := p.chains[part]
		if !made {
			have, made = with[part]
		}
		switch {
		case made && have != old.name:
			return false
		case made:
			continue
		case !strings.HasPrefix(old.name, e.name+"."):
			return false // it had its name from elsewhere
		}
		if with[part] = old.name; !p.keepable(old, with) {
			return false
		}
	}
	return true
}

// keep takes a chain and those it goes to over from the last plan.
func (p *planner) keep(key chainKey, e *emitted) {
	if _, ok := p.chains[key]; ok {
		return
	}
	p.chains[key] = e.name
	p.parts[key] = e
	p.plan.Chains = append(p.plan.Chains, e.chain)
	p.plan.Sets = append(p.plan.Sets, e.sets...)
	p.kept[e.chain] = true
	p.ports = p.ports || e.ports
	for _, part := range e.parts {
		p.keep(part, p.had[part])
	}
}

// ask adds a rule that looks fields up in a map, of the first two only so many bits unless that is 0.
func (p *planner) ask(c *chain, s *ruleset.Set, fields []dim, bits [2]int) {
	var st []ruleset.Statement
	if slices.Contains(fields, src) || slices.Contains(fields, dst) {
		st = append(st, ruleset.Family(p.in.Family))
	}
	if c.guard && !slices.Contains(fields, sport) && !slices.Contains(fields, dport) {
		st = append(st, hasPort)
	}
	c.Rules = append(c.Rules, &ruleset.Rule{Statements: append(st, ruleset.VerdictMap{Fields: s.Fields, Map: s.Name, Bits: bits})})
}

// nameByContent makes the name of a map of ranges depend on its elements. The kernel does not change such a map at the same
// moment as the rules, so a changed map must be another map, which is filled before a rule asks it.
func nameByContent(s *ruleset.Set) {
	if !s.Interval {
		return
	}
	h := fnv.New64a()
	for i := range s.Elements {
		e := &s.Elements[i]
		fmt.Fprintf(h, "%q %q %v %d\n", e.Key, e.End, e.Verdict, e.ID)
	}
	s.Name += fmt.Sprintf("-%08x", uint32(h.Sum64()))
}

// say makes an element say what an entry decides.
func (p *planner) say(e *ruleset.Element, order int) {
	p.used[order] = true
	e.Verdict = p.in.Verdict(order)
	e.ID = p.in.Entries[order].Rule.ID
}

var (
	dimWord  = [dims]string{"source", "destination", "protocol", "sport", "dport"}
	dimShort = [dims]string{"src", "dst", "proto", "sport", "dport"}
)

// label names a region by where it begins.
func (p *planner) label(d dim, s span.Span) string {
	switch d {
	case src, dst:
		a := p.addr(s.Lo)
		return fmt.Sprintf("%c%s-%d", dimWord[d][0], strings.ReplaceAll(a.String(), ":", "_"), a.BitLen()-s.Head(a.BitLen()))
	case proto:
		return fmt.Sprintf("p%d", s.Lo.Lo)
	}
	if s.Single() {
		return fmt.Sprintf("%s%d", dimWord[d][:2], s.Lo.Lo)
	}
	return fmt.Sprintf("%s%d-%d", dimWord[d][:2], s.Lo.Lo, s.Hi.Lo)
}

func (p *planner) addr(v span.Value) netip.Addr { return v.Addr(p.geo.width[src]) }

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

func (p *planner) key(k ruleset.Key, d dim, v span.Value) ruleset.Key {
	switch d {
	case src, dst:
		return k.Addr(p.addr(v))
	case proto:
		return k.Protocol(uint8(v.Lo))
	}
	return k.Port(uint16(v.Lo))
}

// size is the capacity of a hash map of n elements: room to grow, so that a few more do not mean a new map.
func size(n int) uint32 {
	s := uint32(16)
	for int(s) < n+n/4 {
		s *= 2
	}
	return s
}
