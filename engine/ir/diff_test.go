package ir_test

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"testing"

	"rampart/engine/ir"
	"rampart/model"
)

// small builds a program with one group that lists the policies.
func small(policies []*ir.Policy, end model.Action) *ir.Program {
	g := &ir.Group{Direction: model.Ingress, Tiers: []ir.Tier{{Name: "default", Default: end, Policies: policies}}}
	for _, q := range policies {
		ir.SealPolicy(q)
	}
	e := &ir.Endpoint{Key: model.Key{Kind: model.KindHostEndpoint, Name: "eth0"}, Interface: "eth0"}
	e.Ingress[model.LayerNormal] = g
	p := &ir.Program{Node: "n", Policies: slices.Clone(policies), Groups: []*ir.Group{g}, Endpoints: []*ir.Endpoint{e}}
	ir.Seal(p)
	return p
}

func TestDiffObjects(t *testing.T) {
	base := small([]*ir.Policy{policy("a", rule(model.Allow, 80)), policy("b")}, model.Deny)
	summary := func(d ir.Delta) string {
		s := fmt.Sprintf("settings=%t", d.Settings)
		count := func(name string, a, c, r int) { s += fmt.Sprintf(" %s +%d ~%d -%d", name, a, c, r) }
		count("policies", len(d.Policies.Added), len(d.Policies.Changed), len(d.Policies.Removed))
		count("groups", len(d.Groups.Added), len(d.Groups.Changed), len(d.Groups.Removed))
		count("endpoints", len(d.Endpoints.Added), len(d.Endpoints.Changed), len(d.Endpoints.Removed))
		return s
	}
	none := "policies +0 ~0 -0 groups +0 ~0 -0 endpoints +0 ~0 -0"
	for _, c := range []struct {
		name string
		old  *ir.Program
		new  *ir.Program
		want string
	}{
		{"same objects", base, base, "settings=false " + none},
		{"equal objects", base, small([]*ir.Policy{policy("a", rule(model.Allow, 80)), policy("b")}, model.Deny), "settings=false " + none},
		{"first program", nil, base, "settings=true policies +2 ~0 -0 groups +1 ~0 -0 endpoints +1 ~0 -0"},
		{"a rule edited", base, small([]*ir.Policy{policy("a", rule(model.Allow, 81)), policy("b")}, model.Deny),
			"settings=false policies +0 ~1 -0 groups +0 ~1 -0 endpoints +0 ~0 -0"},
		{"policy removed", base, small([]*ir.Policy{policy("b")}, model.Deny),
			"settings=false policies +0 ~0 -1 groups +1 ~0 -1 endpoints +0 ~1 -0"},
		{"order swapped", base, small([]*ir.Policy{policy("b"), policy("a", rule(model.Allow, 80))}, model.Deny),
			"settings=false policies +0 ~0 -0 groups +1 ~0 -1 endpoints +0 ~1 -0"},
		{"tier default", base, small([]*ir.Policy{policy("a", rule(model.Allow, 80)), policy("b")}, model.Pass),
			"settings=false policies +0 ~0 -0 groups +1 ~0 -1 endpoints +0 ~1 -0"},
	} {
		d := ir.Diff(c.old, c.new)
		if got := summary(d); got != c.want {
			t.Errorf("%s:\n got %s\nwant %s", c.name, got, c.want)
		}
		if d.Empty() != (c.want == "settings=false "+none) {
			t.Errorf("%s: Empty() = %t", c.name, d.Empty())
		}
	}
}

// TestDiffSetsReplays applies random set deltas to the old members and expects the new ones.
func TestDiffSetsReplays(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	pick := func() []string {
		var out []string
		for i := range 12 {
			if rng.IntN(2) == 0 {
				out = append(out, fmt.Sprintf("10.0.0.%d/32", i))
			}
		}
		return out
	}
	for range 200 {
		old, new := frontendToDatabase(pick()...), frontendToDatabase(pick()...)
		members := map[netip.Prefix]bool{}
		for n := range old.Sets[0].Nets.All() {
			members[n] = true
		}
		for _, s := range ir.Diff(old, new).Sets {
			for _, n := range s.DelNets {
				if !members[n] {
					t.Fatalf("%s deleted, was no member", n)
				}
				delete(members, n)
			}
			for _, n := range s.AddNets {
				if members[n] {
					t.Fatalf("%s added twice", n)
				}
				members[n] = true
			}
		}
		if len(members) != new.Sets[0].Nets.Len() {
			t.Fatalf("replay gives %v, want %v", members, new.Sets[0].Nets.Slice())
		}
		for n := range new.Sets[0].Nets.All() {
			if !members[n] {
				t.Fatalf("replay lacks %s", n)
			}
		}
	}
}
