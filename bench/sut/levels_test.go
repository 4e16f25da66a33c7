package sut

import (
	"math/rand/v2"
	"testing"

	"rampart/bench/filter"
	"rampart/model"
)

// Any order inside a layer means the same as the list.
func TestLayersMeanTheList(t *testing.T) {
	for _, family := range []int{4, 6} {
		set := filter.ACL(family, 2000, 3)
		layers := Layers(set.Rules)
		if len(layers) < 2 || len(layers) > 40 {
			t.Errorf("%d layers", len(layers))
		}
		r := rand.New(rand.NewPCG(1, 1))
		again := &filter.Set{Name: "layers", Family: family, Default: set.Default}
		for _, layer := range layers {
			for _, i := range r.Perm(len(layer.Rules)) {
				if layer.Rules[i].Action != layer.Action {
					t.Fatalf("a rule that says %s is in a layer that says %s", layer.Rules[i].Action, layer.Action)
				}
				again.Rules = append(again.Rules, *layer.Rules[i])
			}
		}
		same(t, set, again)
	}
}

func same(t *testing.T, a, b *filter.Set) {
	t.Helper()
	scan, other := filter.NewScanner(a), filter.NewScanner(b)
	for _, place := range []filter.Place{filter.PlaceAny, filter.PlaceNone} {
		flows, err := scan.Flows(place, filter.TrafficMixed, 2000, 1)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range flows {
			if got, _ := other.Decide(&f.Packet); got != f.Want {
				t.Errorf("%v: %s, the list says %s by rule %d", f.Packet, got, f.Want, f.Rule)
			}
		}
	}
}

// A plan holds each rule once, or drops it because another one of its layer covers it; and sets hold no element that the
// kernel would refuse.
func TestPlanSets(t *testing.T) {
	set := filter.ACL(4, 2000, 4)
	plan := planSets(set.Rules)
	flat := &filter.Set{Name: "plan", Family: 4, Default: set.Default}
	sets := 0
	for _, layer := range plan.layers {
		for _, e := range layer.sets {
			sets++
			for i, r := range e.rules {
				flat.Rules = append(flat.Rules, *r)
				for _, before := range e.rules[:i] {
					if share(before, r) && holdsCorner(before, r) {
						t.Fatalf("%s: %v has a corner in %v", e.name, r, before)
					}
				}
			}
		}
		for _, r := range layer.plain {
			flat.Rules = append(flat.Rules, *r)
		}
	}
	if sets < 3 || len(flat.Rules) > len(set.Rules) || len(flat.Rules) < len(set.Rules)*9/10 {
		t.Errorf("%d sets, %d of %d rules", sets, len(flat.Rules), len(set.Rules))
	}
	same(t, set, flat)
}

// The home of a new rule is a set in which it decides before everything that acts otherwise.
func TestHome(t *testing.T) {
	set := filter.Labels(4, 100, 1)
	plan := planSets(set.Rules)
	c := set.Change(0)
	e := plan.home(&c.Rules[0])
	if e == nil || e.name != "allow0_src_dst_proto_dport" {
		t.Fatalf("home is %v", e)
	}
	if e.key(&c.Rules[0]) == "" || !e.exact() {
		t.Errorf("element %q, exact %v", e.key(&c.Rules[0]), e.exact())
	}
	denied := c.Rules[0]
	denied.Action = model.Deny
	if e := plan.home(&denied); e != nil {
		t.Errorf("a denial may join %s", e.name)
	}
}
