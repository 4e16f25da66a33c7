package table

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"testing"

	"rampart/engine/ir"
	"rampart/engine/ir/flat"
	"rampart/model"
)

// edited is a list under change, with the sets its rules refer to.
type edited struct {
	dice    *rand.Rand
	entries []flat.Entry
	inner   *flat.List
	sets    map[ir.SetID]*ir.Set
	next    model.RuleID
	version int
}

func (x *edited) addr() netip.Addr {
	return netip.AddrFrom4([4]byte{10, 0, byte(x.dice.IntN(3)), byte(x.dice.IntN(6))})
}

func (x *edited) entry() flat.Entry {
	x.next++
	m := ir.Match{Protocol: []uint8{0, 6, 17}[x.dice.IntN(3)]}
	switch x.dice.IntN(4) {
	case 0:
		m.Src.Sets = []ir.SetID{ir.SetID(fmt.Sprint(x.dice.IntN(3)))}
	case 1:
		m.Src.NotNets = []netip.Prefix{netip.PrefixFrom(x.addr(), 30).Masked()}
	default:
		m.Src.Nets = []netip.Prefix{netip.PrefixFrom(x.addr(), 30+x.dice.IntN(3)).Masked()}
	}
	if m.Protocol != 0 && x.dice.IntN(2) == 0 {
		m.Dst.Ports = []ir.PortRange{{Min: uint16(x.dice.IntN(5)), Max: uint16(5 + x.dice.IntN(3))}}
	}
	e := flat.Entry{Rule: &ir.Rule{ID: x.next, Match: m}, Verdict: []flat.Verdict{flat.Allow, flat.Deny, flat.Deny, flat.Goto, flat.Nothing}[x.dice.IntN(5)]}
	if e.Verdict == flat.Goto {
		e.Next = x.inner
	}
	e.Log = e.Verdict == flat.Nothing
	return e
}

// edit changes something.
func (x *edited) edit() {
	x.version++
	switch at := x.dice.IntN(len(x.entries) + 1); {
	case x.dice.IntN(6) == 0:
		id := ir.SetID(fmt.Sprint(x.dice.IntN(3)))
		x.sets[id] = &ir.Set{ID: id, Sum: x.dice.Uint64(), Nets: ir.PrefixesOf(netip.PrefixFrom(x.addr(), 31).Masked())}
	case x.dice.IntN(2) == 0 && at < len(x.entries):
		x.entries = slices.Delete(slices.Clone(x.entries), at, at+1)
	default:
		x.entries = slices.Insert(slices.Clone(x.entries), at, x.entry())
	}
}

func (x *edited) list() *flat.List {
	return &flat.List{ID: flat.ID(fmt.Sprint(x.version)), Name: "edited", Entries: x.entries, End: flat.End{Verdict: flat.Deny, Why: "end"}}
}

func (x *edited) builder(previous *Builder) *Builder {
	sets := map[ir.SetID]*ir.Set{}
	for id, s := range x.sets {
		sets[id] = s
	}
	b := &Builder{Sets: func(id ir.SetID) *ir.Set { return sets[id] }, Deniers: &Deniers{}, Previous: previous}
	if previous != nil {
		b.Deniers = previous.Deniers
	}
	return b
}

// A table that is changed edit by edit answers as one that is built anew.
func TestChangedTablesAnswerAsFreshOnes(t *testing.T) {
	changed, kept := 0, 0
	for seed := range uint64(15) {
		x := &edited{dice: rand.New(rand.NewPCG(seed, 1)), sets: map[ir.SetID]*ir.Set{}, inner: &flat.List{ID: "inner", Name: "inner", End: flat.End{Verdict: flat.Allow}}}
		for range 20 {
			x.entries = append(x.entries, x.entry())
		}
		var previous *Builder
		for step := range 40 {
			b := x.builder(previous)
			got, err := b.Build(x.list())
			if err != nil {
				t.Fatal(err)
			}
			fresh := x.builder(nil)
			want, err := fresh.Build(x.list())
			if err != nil {
				t.Fatal(err)
			}
			for range 200 {
				p := &model.Packet{Src: x.addr(), Dst: x.addr(), Protocol: []uint8{6, 17}[x.dice.IntN(2)], DstPort: uint16(x.dice.IntN(9))}
				a, w := ask(got, p), ask(want, p)
				if a.Ruling != w.Ruling || a.Ruling == Deny && b.Deniers.List()[a.Denier] != fresh.Deniers.List()[w.Denier] {
					t.Fatalf("seed %d step %d, %v: %+v, built anew %+v", seed, step, p, a, w)
				}
			}
			changed, kept = changed+b.Changed, kept+b.Kept
			b.Previous, previous = nil, b
			x.edit()
		}
	}
	if changed < 400 || kept < 400 {
		t.Errorf("%d lists were changed and %d kept, want most of 600", changed, kept)
	}
}

// One rule more or less in a long list costs little beside building it.
func BenchmarkChange(b *testing.B) {
	x := &edited{dice: rand.New(rand.NewPCG(1, 1)), sets: map[ir.SetID]*ir.Set{}, inner: &flat.List{ID: "inner", End: flat.End{Verdict: flat.Allow}}}
	for range 100_000 {
		x.next++
		m := ir.Match{Protocol: 6, Src: ir.Peer{Nets: []netip.Prefix{netip.PrefixFrom(netip.AddrFrom4([4]byte{byte(1 + x.dice.IntN(200)), byte(x.dice.IntN(256)), byte(x.dice.IntN(256)), 0}), 24)}},
			Dst: ir.Peer{Ports: []ir.PortRange{{Min: uint16(x.dice.IntN(2000)), Max: 2000}}}}
		x.entries = append(x.entries, flat.Entry{Rule: &ir.Rule{ID: x.next, Match: m}, Verdict: flat.Allow})
	}
	first := x.builder(nil)
	if _, err := first.Build(x.list()); err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		b.StopTimer()
		x.edit()
		next := x.builder(first)
		l := x.list()
		b.StartTimer()
		if _, err := next.Build(l); err != nil {
			b.Fatal(err)
		}
		if next.Changed != 1 {
			b.Fatal("not changed but built")
		}
	}
}
