package lower

import (
	"encoding/binary"
	"fmt"
	"hash/fnv"
	"slices"

	"rampart/engine/ir"
	"rampart/engine/ir/flat"
	"rampart/model"
	"rampart/nft/blocks"
	"rampart/nft/ruleset"
)

// Blocks is the GroupFunc whose chains cost a packet nearly the same whatever the number of rules: it flattens the group
// and looks it up in verdict maps (nft/blocks). Few rules stay rules, in a chain for each IP version where these differ.
func Blocks(b *Builder, g *ir.Group, v Verdicts) string {
	return BlocksWith(blocks.Costs{})(b, g, v)
}

// BlocksWith is Blocks with another cost model; the zero one is the default.
func BlocksWith(costs blocks.Costs) GroupFunc { return BlocksExplained(costs, nil) }

// BlocksExplained is BlocksWith that tells report, if it is not nil, how each list was lowered.
func BlocksExplained(costs blocks.Costs, report func(Report)) GroupFunc {
	if costs == (blocks.Costs{}) {
		costs = blocks.DefaultCosts()
	}
	return func(b *Builder, g *ir.Group, v Verdicts) string {
		made, ok := b.State().(*flattened)
		if !ok {
			made = &flattened{flat.Of(g), costs.Together}
		}
		b.SetState(made)
		f := &flattener{b: b, g: g, v: v, costs: costs, report: report, origins: map[*flat.List]uint64{}}
		if rulesOf(g) <= Short(b.program, costs) {
			f.costs = costs.Plain()
		}
		return f.list(made.list)
	}
}

// flattened is what Blocks leaves of a group.
type flattened struct {
	list *flat.List
	// together is Costs.Together.
	together int
}

// flattened is what Blocks has left of a group, nil when another GroupFunc has lowered it.
func (b *Builder) flattened(g *ir.Group, v Verdicts) *flattened {
	made, _ := b.groups[groupKey{g, v}].state.(*flattened)
	return made
}

type flattener struct {
	b      *Builder
	g      *ir.Group
	v      Verdicts
	costs  blocks.Costs
	report func(Report)
	// origins are hashes of where lists are written.
	origins map[*flat.List]uint64
}

// with is the flattener for another lowering.
func (f *flattener) with(b *Builder) *flattener {
	next := *f
	next.b = b
	return &next
}

// maxSets is how many sets a program may have before short lists put members into maps too. The kernel looks for a set
// by its name, one after the other, for every rule that asks for it and for every set that is added: what 20 000 of them
// take to load is most of a minute.
const maxSets = 1500

// crowded tells that a program has more sets than that.
func crowded(p *ir.Program) bool { return len(p.Sets) > maxSets }

// Short is how many rules of a program's group stay rules.
func Short(p *ir.Program, costs blocks.Costs) int {
	if crowded(p) {
		return min(costs.Short, costs.ShortOfSets)
	}
	return costs.Short
}

// rulesOf is how many rules a packet may have to try.
func rulesOf(g *ir.Group) int {
	n := 0
	for i := range g.Tiers {
		for _, p := range g.Tiers[i].Policies {
			if !p.Staged {
				n += len(p.Rules(g.Direction))
			}
		}
	}
	for _, p := range g.Profiles {
		n += len(p.Rules(g.Direction))
	}
	return n
}

// plans are those of a list, one for each of the IP versions.
type plans [2]*blocks.Plan

var ipVersions = [2]uint8{4, 6}

// list lowers a list and those it goes to, and returns the chain to enter it by.
func (f *flattener) list(l *flat.List) string {
	name := f.name(l)
	f.b.Fragment(name, listFrom{l.ID, f.written(l), f.costs}, func(b *Builder) {
		f := f.with(b)
		old, _ := f.b.State().(*plans)
		if old != nil && !f.b.Continue() {
			old = nil
		}
		next := map[*flat.List]string{}
		for _, n := range l.Nexts() {
			next[n] = f.list(n)
		}
		f.fill(name, l, next, old)
	})
	return name
}

// listFrom is what a list is lowered from: the rules, their order and what follows; where they are written, which comments
// tell; and what things cost, which depends on how many rules the group has, also such as match nothing.
type listFrom struct {
	list    flat.ID
	written uint64
	costs   blocks.Costs
}

// written is a hash of where the rules of a list, and of those it goes to, are written.
func (f *flattener) written(l *flat.List) uint64 {
	if sum, ok := f.origins[l]; ok {
		return sum
	}
	h := fnv.New64a()
	var buf []byte
	origin := func(o model.Origin) {
		buf = append(append(buf[:0], o.File...), 0)
		h.Write(binary.LittleEndian.AppendUint64(buf, uint64(o.Line)))
	}
	for i := range l.Entries {
		origin(l.Entries[i].Rule.Origin)
	}
	origin(l.End.Origin)
	for _, n := range l.Nexts() {
		h.Write(binary.LittleEndian.AppendUint64(buf[:0], f.written(n)))
	}
	f.origins[l] = h.Sum64()
	return f.origins[l]
}

// name is the chain a list is entered by. It tells whose rules the list has; lists without rules are alike whatever stage
// they end.
func (f *flattener) name(l *flat.List) string {
	var owners []string
	for i := range l.Entries {
		if e := &l.Entries[i]; i == 0 || e.Owner != l.Entries[i-1].Owner {
			owners = append(owners, word(e.Owner))
		}
	}
	return ChainName("list-"+dirWord(f.g.Direction), firstOf(owners, "end"), string(l.ID), f.v.Allow.String(), f.v.Deny.String())
}

// fill makes the chains and maps of one list, from its last plans if there are any.
func (f *flattener) fill(name string, l *flat.List, next map[*flat.List]string, old *plans) {
	c, _ := f.b.Chain(name, f.note(l))
	tail := f.tail(l, next)
	if len(l.Entries) == 0 {
		c.Rules = tail
		return
	}
	var made plans
	f.b.SetState(&made)
	for i, version := range ipVersions {
		in := f.input(name, l, version, next, tail)
		if old != nil {
			made[i] = blocks.Rebuild(in, old[i])
		} else {
			made[i] = blocks.Build(in)
		}
		if f.report != nil {
			f.report(Report{List: name, Version: version, From: l, Report: made[i].Report})
		}
	}
	// The chain of one version is the list's, so that packets enter one chain less.
	own, other := 0, 1
	if made[0].Empty {
		own, other = 1, 0
	}
	c.Rules = short(made[own], tail)
	f.add(made[own])
	if !divided(made[own], made[other], ipVersions[own], tail) {
		return
	}
	root := made[other].Chains[0]
	f.b.AddChain(&ruleset.Chain{Name: root.Name, Note: root.Note, Rules: short(made[other], tail)})
	f.add(made[other])
	divide := &ruleset.Rule{Statements: []ruleset.Statement{ruleset.Family(ipVersions[other]), ruleset.GotoChain(root.Name)}}
	c.Rules = slices.Insert(c.Rules, 0, divide)
}

// divided tells that packets of the other IP version may not take the chain of the first. They may where both versions have
// the same rules, and where the other has none and all rules of the first ask for their version: then they come to the tail.
func divided(own, other *blocks.Plan, version uint8, tail []*ruleset.Rule) bool {
	if len(own.Chains)+len(other.Chains) > 2 {
		return true
	}
	rules := own.Chains[0].Rules
	if slices.EqualFunc(rules, other.Chains[0].Rules, (*ruleset.Rule).Equal) {
		return false
	}
	foreign := func(r *ruleset.Rule) bool { return !r.Requires(ruleset.Family(version)) }
	return !other.Empty || slices.ContainsFunc(rules[:len(rules)-len(tail)], foreign)
}

// short are the rules of a plan's first chain, which end with the tail if there is no other.
func short(p *blocks.Plan, tail []*ruleset.Rule) []*ruleset.Rule {
	rules := p.Chains[0].Rules
	if len(p.Chains) > 1 {
		return slices.Clone(rules)
	}
	return onceForAll(rules[:len(rules)-len(tail)], tail)
}

// add adds the objects of a plan to the table, but for its first chain.
func (f *flattener) add(p *blocks.Plan) {
	for _, c := range p.Chains[1:] {
		f.b.AddChain(c)
	}
	for _, s := range p.Sets {
		f.b.AddSet(s)
	}
}

// longList is how many entries a list may have for its rules to say in full what they are. In longer ones they have only
// their identifier, because the kernel stores all of it.
const longList = 2000

func (f *flattener) input(name string, l *flat.List, version uint8, next map[*flat.List]string, tail []*ruleset.Rule) *blocks.Input {
	return &blocks.Input{
		Name: fmt.Sprintf("%s.v%d", name, version), Note: l.Name, Family: version, Entries: l.Entries, Tail: tail,
		Sets: f.b.Members,
		Plain: func(i int) []*ruleset.Rule {
			e := &l.Entries[i]
			return f.b.Rules(ofVersion(e.Rule, version), e.Why, f.v, f.verdict(e, next))
		},
		Verdict: func(i int) ruleset.Verdict {
			e := &l.Entries[i]
			f.b.Name(e.Rule.ID, e.Why)
			return f.verdict(e, next)
		},
		Comment: func(i int) string {
			e := &l.Entries[i]
			if len(l.Entries) > longList {
				return Comment("", model.Origin{}, e.Rule.ID)
			}
			return Comment(e.Why, e.Rule.Origin, e.Rule.ID)
		},
		Counters: true, Costs: f.costs,
	}
}

func ofVersion(r *ir.Rule, version uint8) *ir.Rule {
	with := *r
	with.Match.IPVersion = version
	return &with
}

// verdict is what an entry decides, in the words of the stage.
func (f *flattener) verdict(e *flat.Entry, next map[*flat.List]string) ruleset.Verdict {
	switch e.Verdict {
	case flat.Allow:
		return f.v.Allow
	case flat.Deny:
		return f.v.Deny
	case flat.Goto:
		return ruleset.GotoChain(next[e.Next])
	}
	return ruleset.Verdict{}
}

// tail are the rules for packets that no entry decided. A layer without a default lets the chain end.
func (f *flattener) tail(l *flat.List, next map[*flat.List]string) []*ruleset.Rule {
	switch l.End.Verdict {
	case flat.Goto:
		return []*ruleset.Rule{{Statements: []ruleset.Statement{ruleset.GotoChain(next[l.End.Next])}}}
	case flat.Deny:
		name := ir.ListDefault(l.End.Why, string(l.ID))
		id := ir.DefaultID(name)
		f.b.Name(id, name)
		return []*ruleset.Rule{{Statements: []ruleset.Statement{ruleset.Counter{}, f.v.Deny}, Comment: Comment(name, l.End.Origin, id), ID: id}}
	}
	return nil
}

func (f *flattener) note(l *flat.List) string {
	noun := "rules"
	if len(l.Entries) == 1 {
		noun = "rule"
	}
	return fmt.Sprintf("%s %s, %d %s", l.Name, dirWord(f.g.Direction), len(l.Entries), noun)
}

// Report says how a list was lowered for one IP version.
type Report struct {
	List    string
	Version uint8
	// From is the list. Its entries are those that the report counts.
	From *flat.List
	blocks.Report
}
