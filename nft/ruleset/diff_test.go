package ruleset

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// fakeTable is a kernel that takes deltas: it keeps what nf_tables would keep and refuses what it would refuse.
type fakeTable struct {
	chains map[string][]*Rule
	sets   map[string]*fakeSet
}

type fakeSet struct {
	typ      *Set
	elements []Element
}

func loadFake(rs *Ruleset) *fakeTable {
	t := &fakeTable{map[string][]*Rule{}, map[string]*fakeSet{}}
	for _, c := range rs.Chains {
		t.chains[c.Name] = slices.Clone(c.Rules)
	}
	for _, s := range rs.Sets {
		t.sets[s.Name] = &fakeSet{s, slices.Clone(s.Elements)}
	}
	return t
}

// apply carries a delta out in the order that its fields promise.
func (k *fakeTable) apply(t *testing.T, d *Delta) {
	t.Helper()
	olds := map[string][]*Rule{}
	for _, r := range d.Rules {
		old := k.chains[r.Chain.Name]
		olds[r.Chain.Name] = old
		var kept []*Rule
		for i, rule := range old {
			if !slices.Contains(r.Del, i) {
				kept = append(kept, rule)
			}
		}
		k.chains[r.Chain.Name] = kept
	}
	for _, c := range d.DelChains {
		k.chains[c.Name] = nil
	}
	for _, e := range d.Elements {
		s := k.sets[e.Set.Name]
		if e.Flush {
			s.elements = nil
		}
		for _, x := range e.Del {
			i := slices.IndexFunc(s.elements, func(y Element) bool { return x.Key == y.Key && x.End == y.End })
			if i < 0 {
				t.Fatalf("set %s has no element %q to delete", e.Set.Name, x.Key)
			}
			s.elements = slices.Delete(s.elements, i, i+1)
		}
	}
	for _, s := range d.DelSets {
		k.unused(t, s.Name)
		delete(k.sets, s.Name)
	}
	for _, c := range d.DelChains {
		k.unentered(t, c.Name)
		delete(k.chains, c.Name)
	}
	for _, c := range d.AddChains {
		if _, ok := k.chains[c.Name]; ok {
			t.Fatalf("chain %s is there already", c.Name)
		}
		k.chains[c.Name] = slices.Clone(c.Rules)
	}
	for _, s := range d.AddSets {
		if k.sets[s.Name] != nil {
			t.Fatalf("set %s is there already", s.Name)
		}
		k.sets[s.Name] = &fakeSet{s, slices.Clone(s.Elements)}
	}
	for _, e := range d.Elements {
		s := k.sets[e.Set.Name]
		for _, x := range e.Add {
			if slices.ContainsFunc(s.elements, func(y Element) bool { return x.Key == y.Key && x.End == y.End }) {
				t.Fatalf("set %s has element %q already", e.Set.Name, x.Key)
			}
			s.elements = append(s.elements, x)
		}
	}
	for _, r := range d.Rules {
		k.insert(t, r, olds[r.Chain.Name])
	}
}

func (k *fakeTable) insert(t *testing.T, d RuleDelta, old []*Rule) {
	for _, in := range d.Add {
		list, rule := k.chains[d.Chain.Name], d.Chain.Rules[in.At]
		at := len(list)
		if in.Before >= 0 {
			if at = slices.Index(list, old[in.Before]); at < 0 {
				t.Fatalf("chain %s: a rule is to go before one that is gone", d.Chain.Name)
			}
		}
		k.chains[d.Chain.Name] = slices.Insert(list, at, rule)
	}
}

// unused and unentered fail when something still refers to what is to be deleted (EBUSY).
func (k *fakeTable) unused(t *testing.T, set string) {
	for name, rules := range k.chains {
		for _, r := range rules {
			if r.refers(map[string]bool{set: true}) {
				t.Fatalf("set %s is deleted while chain %s uses it", set, name)
			}
		}
	}
}

func (k *fakeTable) unentered(t *testing.T, chain string) {
	for name, rules := range k.chains {
		for _, r := range rules {
			if v, ok := r.Statements[len(r.Statements)-1].(Verdict); ok && v.Chain == chain {
				t.Fatalf("chain %s is deleted while chain %s enters it", chain, name)
			}
		}
	}
	for name, s := range k.sets {
		for _, e := range s.elements {
			if e.Verdict.Chain == chain {
				t.Fatalf("chain %s is deleted while map %s enters it", chain, name)
			}
		}
	}
}

// equals compares the table with a ruleset.
func (k *fakeTable) equals(rs *Ruleset) error {
	if len(k.chains) != len(rs.Chains) || len(k.sets) != len(rs.Sets) {
		return fmt.Errorf("%d chains and %d sets, want %d and %d", len(k.chains), len(k.sets), len(rs.Chains), len(rs.Sets))
	}
	for _, c := range rs.Chains {
		if !slices.EqualFunc(k.chains[c.Name], c.Rules, (*Rule).Equal) {
			return fmt.Errorf("chain %s differs", c.Name)
		}
	}
	for _, s := range rs.Sets {
		f := k.sets[s.Name]
		got, want := f.elements, s.Elements
		if !s.Interval || !s.Concatenated() || s.Disjoint {
			got, want = sorted(got), sorted(want)
		}
		if !f.typ.SameType(s) || !slices.EqualFunc(got, want, func(a, b Element) bool { return a.Same(&b) }) {
			return fmt.Errorf("set %s differs", s.Name)
		}
	}
	return nil
}

// randomRuleset has few names and many shapes, so that two of them share most names and little else.
func randomRuleset(rng *rand.Rand) *Ruleset {
	rs := &Ruleset{Table: "t"}
	drop := Verdict{Kind: Drop}
	ids := rng.Perm(6)
	var chains []string
	for _, i := range ids[:1+rng.IntN(5)] {
		chains = append(chains, fmt.Sprint("c", i))
	}
	for i := range 5 {
		if rng.IntN(3) == 0 {
			continue
		}
		s := &Set{Name: fmt.Sprint("s", i), Fields: []Field{SrcPort}, Size: uint32(rng.IntN(2)) * 100}
		if i > 2 {
			s.Fields, s.Interval, s.Disjoint, s.Size = []Field{SrcPort, DstPort}, true, i == 3, 0
		}
		s.Verdicts = i == 2
		for _, p := range rng.Perm(12)[:rng.IntN(10)] {
			k := Key{}
			for range s.Fields {
				k = k.Port(uint16(p))
			}
			e := Element{Key: k.String()}
			if s.Interval {
				e.End = e.Key
			}
			if s.Verdicts {
				e.Verdict = drop
				if rng.IntN(2) == 0 {
					e.Verdict = GotoChain(chains[0])
				}
			}
			s.Elements = append(s.Elements, e)
		}
		if !s.Interval {
			s.Elements = SortKeys(s.Elements)
		}
		rs.Sets = append(rs.Sets, s)
	}
	for i, name := range chains {
		c := &Chain{Name: name}
		for range rng.IntN(8) {
			r := &Rule{Statements: []Statement{Octets(HopLimit, false, uint8(rng.IntN(6)))}, Comment: fmt.Sprint(rng.IntN(2))}
			if len(rs.Sets) > 0 && rng.IntN(3) == 0 {
				if s := rs.Sets[rng.IntN(len(rs.Sets))]; !s.Verdicts {
					r.Statements = append(r.Statements, Lookup{Fields: s.Fields, Set: s.Name})
				}
			}
			v := drop
			if i > 0 && rng.IntN(3) == 0 {
				v = JumpChain(chains[rng.IntN(i)])
			}
			r.Statements = append(r.Statements, v)
			c.Rules = append(c.Rules, r)
		}
		rs.Chains = append(rs.Chains, c)
	}
	return rs
}

func TestDeltaTurnsOneIntoTheOther(t *testing.T) {
	for seed := range uint64(3000) {
		rng := rand.New(rand.NewPCG(seed, 1))
		old, new := randomRuleset(rng), randomRuleset(rng)
		d, ok := Diff(old, new)
		if !ok {
			t.Fatalf("seed %d: no delta", seed)
		}
		k := loadFake(old)
		k.apply(t, d)
		if err := k.equals(new); err != nil {
			t.Fatalf("seed %d: %v\n%s\n%s", seed, err, old.Text(), new.Text())
		}
		if d, ok := Diff(new, new); !ok || !d.Empty() {
			t.Fatalf("seed %d: a ruleset differs from itself: %+v", seed, d)
		}
	}
}

func TestDeltaIsSmall(t *testing.T) {
	rules := func(hops ...uint8) []*Rule {
		var list []*Rule
		for _, h := range hops {
			list = append(list, &Rule{Statements: []Statement{Octets(HopLimit, false, h), Verdict{Kind: Drop}}})
		}
		return list
	}
	for _, c := range []struct {
		old, new []uint8
		del, add int
	}{
		{[]uint8{1, 2, 3}, []uint8{1, 2, 3}, 0, 0},
		{[]uint8{1, 2, 3}, []uint8{1, 3}, 1, 0},
		{[]uint8{1, 3}, []uint8{1, 2, 3}, 0, 1},
		{[]uint8{1, 2, 3, 4, 5}, []uint8{1, 9, 3, 8, 5}, 2, 2},
		{[]uint8{1, 2, 3, 4}, []uint8{4, 1, 2, 3}, 1, 1},
		{nil, []uint8{1, 2}, 0, 2},
		{[]uint8{1, 1, 1}, []uint8{1, 1}, 1, 0},
	} {
		d := diffRules(&Chain{Rules: rules(c.old...)}, &Chain{Rules: rules(c.new...)}, nil)
		if len(d.Del) != c.del || len(d.Add) != c.add {
			t.Errorf("%v to %v: %d deleted, %d added; want %d, %d", c.old, c.new, len(d.Del), len(d.Add), c.del, c.add)
		}
	}
}

func TestDiffRefusesMovedBaseChain(t *testing.T) {
	at := func(p int) *Ruleset {
		return &Ruleset{Chains: []*Chain{{Name: "input", Base: &Base{HookInput, p}}}}
	}
	if _, ok := Diff(at(0), at(1)); ok {
		t.Error("a base chain cannot change its priority")
	}
}

func TestValidate(t *testing.T) {
	ok := func() *Ruleset {
		return &Ruleset{
			Table: "t",
			Sets:  []*Set{{Name: "s", Fields: []Field{SrcPort}, Elements: []Element{{Key: Key{}.Port(1).String()}}}},
			Chains: []*Chain{
				{Name: "b", Base: &Base{HookInput, 0}, Rules: []*Rule{{Statements: []Statement{GotoChain("c")}}}},
				{Name: "c", Rules: []*Rule{{Statements: []Statement{Lookup{Fields: []Field{DstPort}, Set: "s"}, Verdict{Kind: Drop}}}}},
			},
		}
	}
	if err := ok().Validate(); err != nil {
		t.Fatal(err)
	}
	one := func(st ...Statement) *Rule { return &Rule{Statements: st} }
	for want, spoil := range map[string]func(*Ruleset){
		"declared twice":               func(r *Ruleset) { r.Chains = append(r.Chains, &Chain{Name: "c"}) },
		"not a name nft can read":      func(r *Ruleset) { r.Chains[1].Name = "1 c" },
		"there is no such chain":       func(r *Ruleset) { r.Chains[0].Rules = append(r.Chains[0].Rules, one(JumpChain("x"))) },
		"there is no set x":            func(r *Ruleset) { r.Chains[1].Rules[0].Statements[0] = Lookup{Fields: []Field{DstPort}, Set: "x"} },
		"keys of another type":         func(r *Ruleset) { r.Chains[1].Rules[0].Statements[0] = Lookup{Fields: []Field{SrcV4}, Set: "s"} },
		"wrong kind of set":            func(r *Ruleset) { r.Chains[1].Rules[0] = one(VerdictMap{Fields: []Field{DstPort}, Map: "s"}) },
		"ends the rule":                func(r *Ruleset) { r.Chains[1].Rules[0] = one(Verdict{Kind: Drop}, Counter{}) },
		"comment is 128 bytes long":    func(r *Ruleset) { r.Chains[1].Rules[0].Comment = strings.Repeat("x", 128) },
		"log prefix is 128 bytes long": func(r *Ruleset) { r.Chains[1].Rules[0] = one(Log{Prefix: strings.Repeat("x", 128)}) },
		"does not fit the set's type":  func(r *Ruleset) { r.Sets[0].Elements[0].Key = "x" },
		"room for 1": func(r *Ruleset) {
			r.Sets[0].Size, r.Sets[0].Elements = 1, append(r.Sets[0].Elements, r.Sets[0].Elements...)
		},
		"jumps lead back": func(r *Ruleset) { r.Chains[1].Rules = append(r.Chains[1].Rules, one(JumpChain("c"))) },
		"at most 15 are allowed": func(r *Ruleset) {
			for i := range 20 {
				r.Chains = append(r.Chains, &Chain{Name: fmt.Sprint("d", i), Rules: []*Rule{one(JumpChain(fmt.Sprint("d", i+1)))}})
			}
			r.Chains = append(r.Chains, &Chain{Name: "d20"})
			r.Chains[1].Rules = append(r.Chains[1].Rules, one(JumpChain("d0")))
		},
	} {
		r := ok()
		spoil(r)
		if err := r.Validate(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("want an error with %q, got %v", want, err)
		}
	}
}
