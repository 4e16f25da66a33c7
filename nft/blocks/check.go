package blocks

import (
	"fmt"
	"math/rand/v2"
	"slices"

	"rampart/engine/ir"
	"rampart/engine/ir/flat"
	"rampart/engine/ir/span"
	"rampart/model"
	"rampart/nft/ruleset"
)

// Check runs packets through a plan in Go and compares, entry by entry, with a search of the list from the top: what was
// logged and counted on the way, and what decided. The kernel must take every map. The packets are the corners of every
// entry's boxes and their neighbours, with ports and without, at most perEntry of them for each entry. A plan for
// production has passed it in the tests; it is too slow for anything else.
//
// extra are the chains and sets that the plan's rules refer to: of other lists, and the sets of plain rules.
func Check(in *Input, plan *Plan, sets []*ir.Set, extra *ruleset.Ruleset, perEntry int) error {
	rs := &ruleset.Ruleset{Table: "check", Sets: slices.Clone(plan.Sets), Chains: slices.Clone(plan.Chains)}
	if extra != nil {
		rs.Sets, rs.Chains = append(rs.Sets, extra.Sets...), append(rs.Chains, extra.Chains...)
	}
	for _, s := range plan.Sets {
		if i := s.Refused(); i >= 0 {
			return fmt.Errorf("list %s, map %s: a corner of element %s lies in one before it", in.Name, s.Name, s.ElementText(&s.Elements[i]))
		}
	}
	machine := ruleset.NewMachine(rs)
	matcher := flat.NewMatcher(sets)
	p := newPlanner(in)
	dice := rand.New(rand.NewPCG(1, uint64(len(in.Entries))))
	for i := range in.Entries {
		x := p.geo.item(i, &in.Entries[i])
		if x == nil {
			continue
		}
		for range perEntry {
			pt := p.corner(x, dice)
			p.member(&pt, x, dice)
			packet := p.packet(pt, dice)
			if err := compare(in, machine, matcher, packet); err != nil {
				return fmt.Errorf("list %s, packet %v near entry %d (%s): %w", in.Name, packet, i, in.Entries[i].Why, err)
			}
		}
	}
	return nil
}

// member sometimes moves a point into one of the sets that an item asks for.
func (p *planner) member(pt *point, x *item, dice *rand.Rand) {
	for d, ids := range x.sets {
		if len(ids) > 0 && dice.IntN(4) > 0 {
			if s := p.geo.set(ids[dice.IntN(len(ids))]); len(s) > 0 {
				pt[d] = pick(s, dice.Uint64(), p.geo.width[d])
			}
		}
	}
}

// corner is a point whose coordinates are, each by itself, a border of the item, a value just beyond one, or anywhere
// inside.
func (p *planner) corner(x *item, dice *rand.Rand) point {
	pt := p.inside(x)
	for d := range dims {
		s := x.box[d]
		if s == nil {
			pt[d] = pick(nil, dice.Uint64(), p.geo.width[d])
			continue
		}
		r := s[dice.IntN(len(s))]
		switch dice.IntN(8) {
		case 0, 1:
			pt[d] = r.Lo
		case 2, 3:
			pt[d] = r.Hi
		case 4:
			if r.Lo != (span.Value{}) {
				pt[d] = r.Lo.Prev()
			}
		case 5:
			if r.Hi != span.Max(p.geo.width[d]) {
				pt[d] = r.Hi.Next()
			}
		default:
			pt[d] = pick(span.Set{r}, dice.Uint64(), p.geo.width[d])
		}
	}
	return pt
}

func (p *planner) packet(pt point, dice *rand.Rand) model.Packet {
	k := model.Packet{
		Src: p.addr(pt[src]), Dst: p.addr(pt[dst]), Protocol: uint8(pt[proto].Lo),
		SrcPort: uint16(pt[sport].Lo), DstPort: uint16(pt[dport].Lo),
		ICMPType: uint8(dice.IntN(4)), ICMPCode: uint8(dice.IntN(2)),
	}
	k.Fragment = model.HasPorts(k.Protocol) && dice.IntN(8) == 0
	return k
}

// compare runs one packet both ways.
func compare(in *Input, machine *ruleset.Machine, matcher *flat.Matcher, packet model.Packet) error {
	list := flat.List{Entries: in.Entries, End: flat.End{Verdict: flat.Continue}}
	for i := range list.Entries {
		if list.Entries[i].Verdict == flat.Goto {
			list.Entries = slices.Clone(list.Entries)
			break
		}
	}
	// Lists that others go to are not the matter here.
	for i := range list.Entries {
		if e := &list.Entries[i]; e.Verdict == flat.Goto {
			e.Verdict, e.Next = flat.Allow, nil
		}
	}
	want := list.Decide(func(r *ir.Rule) bool { return matcher.Matches(r, &packet) })
	var ids []model.RuleID
	for _, e := range want.Passed {
		ids = append(ids, e.Rule.ID)
	}
	if want.Entry != nil {
		ids = append(ids, want.Entry.Rule.ID)
	} else if n := len(in.Tail); n > 0 {
		ids = append(ids, in.Tail[n-1].ID)
	}
	_, trace := machine.Enter(in.Name, &ruleset.Packet{Packet: packet, CT: ruleset.CTNew, HopLimit: 64})
	var got []model.RuleID
	for _, s := range trace {
		switch {
		case s.Element != nil && s.Element.ID != 0:
			got = append(got, s.Element.ID)
		case s.Rule.ID != 0:
			got = append(got, s.Rule.ID)
		}
	}
	if !slices.Equal(got, ids) {
		return fmt.Errorf("rules %v instead of %v", got, ids)
	}
	return nil
}
