package blocks_test

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"testing"

	cmpdiff "github.com/google/go-cmp/cmp"

	"rampart/engine/ir"
	"rampart/model"
	"rampart/nft/blocks"
	"rampart/nft/ruleset"
)

// world is sets whose members come and go.
type world struct {
	dice
	sets []*ir.Set
}

func newWorld(d dice, sets, members int) *world {
	w := &world{dice: d}
	for i := range sets {
		var nets []netip.Prefix
		for range members/2 + d.IntN(members) {
			nets = append(nets, w.member())
		}
		w.sets = append(w.sets, &ir.Set{ID: ir.SetID(fmt.Sprint("s", i)), Nets: ir.PrefixesOf(nets...)})
	}
	return w
}

func (w *world) member() netip.Prefix {
	a := netip.AddrFrom4([4]byte{10, 0, byte(w.IntN(4)), byte(w.IntN(256))})
	if w.family == 6 {
		a = netip.AddrFrom16([16]byte{0: 0xfd, 14: byte(w.IntN(4)), 15: byte(w.IntN(256))})
	}
	return netip.PrefixFrom(a, a.BitLen())
}

// change gives some set a new member, takes one away, or both.
func (w *world) change() {
	i := w.IntN(len(w.sets))
	had := w.sets[i]
	var add, del []netip.Prefix
	if n := had.Len(); n > 0 && w.IntN(3) > 0 {
		del = had.Nets.Slice()[w.IntN(n):][:1]
	}
	if w.IntN(3) > 0 {
		add = append(add, w.member())
	}
	w.sets[i] = &ir.Set{ID: had.ID, Nets: had.Nets.Edit(add, del)}
}

func (w *world) find(id ir.SetID) *ir.Set {
	for _, s := range w.sets {
		if s.ID == id {
			return s
		}
	}
	return nil
}

// rules ask for sets, some for ports or nets besides; a few log.
func (w *world) rules(n int) (list []*ir.Rule) {
	for range n {
		r := &ir.Rule{Action: []model.Action{model.Allow, model.Deny, model.Allow, model.Log}[w.IntN(4)]}
		r.Match.Src.Sets = []ir.SetID{w.sets[w.IntN(len(w.sets))].ID}
		if w.IntN(4) == 0 {
			r.Match.Src.Sets = append(r.Match.Src.Sets, w.sets[w.IntN(len(w.sets))].ID)
		}
		if w.IntN(8) == 0 {
			r.Match.Src.Sets, r.Match.Dst.Sets = nil, r.Match.Src.Sets
		}
		if w.IntN(2) == 0 {
			r.Match.Protocol = model.ProtoTCP
			r.Match.Dst.Ports = []ir.PortRange{{Min: uint16(80 + w.IntN(3)), Max: uint16(82 + w.IntN(3))}}
		}
		if w.IntN(10) == 0 {
			r.Match.Dst.Nets = w.nets()
		}
		list = append(list, r)
	}
	return list
}

// text is a plan without the order of its parts.
func text(p *blocks.Plan) string {
	rs := &ruleset.Ruleset{Table: "t", Chains: slices.Clone(p.Chains), Sets: slices.Clone(p.Sets)}
	slices.SortFunc(rs.Chains, func(a, b *ruleset.Chain) int { return cmp.Compare(a.Name, b.Name) })
	slices.SortFunc(rs.Sets, func(a, b *ruleset.Set) int { return cmp.Compare(a.Name, b.Name) })
	return rs.Text()
}

// Whatever has happened to the members of sets, the next plan is the one that would have been made from nothing, and
// takes over what has not changed.
func TestRebuildEqualsBuild(t *testing.T) {
	kept, made := 0, 0
	for seed := range uint64(60) {
		w := newWorld(dice{Rand: rand.New(rand.NewPCG(seed, 9)), family: []uint8{4, 6}[seed%2]}, 3+int(seed%7), 40)
		rules := w.rules(5 + w.IntN(30))
		costs := blocks.Costs{}
		if seed%3 == 0 {
			costs = eager()
		}
		in := input(w.family, rules, costs)
		in.Sets = w.find
		plan := blocks.Build(in)
		for step := range 12 {
			for range 1 + w.IntN(3) {
				w.change()
			}
			next := blocks.Rebuild(in, plan)
			if got, want := text(next), text(blocks.Build(in)); got != want {
				t.Fatalf("seed %d, step %d:\n%s", seed, step, cmpdiff.Diff(strings.Split(want, "\n"), strings.Split(got, "\n")))
			}
			for _, c := range next.Chains {
				if slices.Contains(plan.Chains, c) {
					kept++
				} else {
					made++
				}
			}
			plan = next
		}
		rs := &ruleset.Ruleset{}
		for _, s := range w.sets {
			f := []ruleset.Field{ruleset.SrcV4, ruleset.SrcV6}[seed%2]
			rs.Sets = append(rs.Sets, &ruleset.Set{Name: fmt.Sprintf("%s-%d", s.ID, w.family), Fields: []ruleset.Field{f}, Interval: true, Elements: ruleset.Spans(f, s.Nets.Slice())})
		}
		if err := blocks.Check(in, plan, w.sets, rs, 10); err != nil {
			t.Fatalf("seed %d: %v\n%s", seed, err, text(plan))
		}
	}
	if kept < made {
		t.Errorf("%d chains were kept, %d made anew", kept, made)
	}
}

// One address that joins or leaves a set changes elements, not rules.
func TestMemberChangesElementsOnly(t *testing.T) {
	w := newWorld(dice{Rand: rand.New(rand.NewPCG(1, 9)), family: 4}, 200, 100)
	var rules []*ir.Rule
	for i := range 1000 {
		rules = append(rules, &ir.Rule{Action: model.Allow, Match: ir.Match{Protocol: model.ProtoTCP,
			Src: ir.Peer{Sets: []ir.SetID{w.sets[i%len(w.sets)].ID}}, Dst: ir.Peer{Ports: []ir.PortRange{{Min: 80, Max: 80}}}}})
	}
	in := input(4, rules, blocks.Costs{})
	in.Sets = w.find
	before := blocks.Build(in)
	w.change()
	after := blocks.Rebuild(in, before)
	d, ok := ruleset.Diff(&ruleset.Ruleset{Chains: before.Chains, Sets: before.Sets}, &ruleset.Ruleset{Chains: after.Chains, Sets: after.Sets})
	if !ok || len(d.Rules)+len(d.AddChains)+len(d.DelChains)+len(d.AddSets)+len(d.DelSets) > 0 {
		t.Fatalf("the difference is %+v", d)
	}
	if before.Report.Plain > 0 || len(before.Chains) > 5 {
		t.Errorf("a thousand rules for addresses became %+v", before.Report)
	}
}

func BenchmarkRebuild(b *testing.B) {
	w := newWorld(dice{Rand: rand.New(rand.NewPCG(1, 9)), family: 4}, 1000, 20)
	for i, s := range w.sets {
		var nets []netip.Prefix
		for range 1000 {
			nets = append(nets, netip.PrefixFrom(netip.AddrFrom4([4]byte{10, 1, byte(w.IntN(40)), byte(w.IntN(256))}), 32))
		}
		w.sets[i] = &ir.Set{ID: s.ID, Nets: ir.PrefixesOf(nets...)}
	}
	var rules []*ir.Rule
	for i := range 1000 {
		rules = append(rules, &ir.Rule{Action: model.Allow, Match: ir.Match{Protocol: model.ProtoTCP,
			Src: ir.Peer{Sets: []ir.SetID{w.sets[i%len(w.sets)].ID}}, Dst: ir.Peer{Ports: []ir.PortRange{{Min: 80, Max: 80}}}}})
	}
	in := input(4, rules, blocks.Costs{})
	byID := map[ir.SetID]*ir.Set{}
	in.Sets = func(id ir.SetID) *ir.Set { return byID[id] }
	for _, s := range w.sets {
		byID[s.ID] = s
	}
	b.Run("build", func(b *testing.B) {
		for b.Loop() {
			blocks.Build(in)
		}
	})
	plan := blocks.Build(in)
	b.Run("rebuild", func(b *testing.B) {
		for b.Loop() {
			s := w.sets[w.IntN(len(w.sets))]
			more := netip.PrefixFrom(netip.AddrFrom4([4]byte{10, 1, byte(w.IntN(40)), byte(w.IntN(256))}), 32)
			byID[s.ID] = &ir.Set{ID: s.ID, Nets: s.Nets.Edit([]netip.Prefix{more}, nil)}
			plan = blocks.Rebuild(in, plan)
		}
	})
	b.ReportMetric(float64(len(plan.Chains)), "chains")
}
