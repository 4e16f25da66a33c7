package lower_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"rampart/engine/compile"
	"rampart/model"
	"rampart/model/store"
	"rampart/nft/lower"
	"rampart/nft/ruleset"
)

// crowd is n workloads of this node, each with a policy of its own that asks for ten sets.
func crowd(n int) []model.Resource {
	var all []model.Resource
	for i := range n {
		w := peer(i%200, i)
		w.Metadata.Name, w.Spec.Node, w.Spec.InterfaceName = fmt.Sprintf("local-%d", i), "n1", fmt.Sprintf("cali%d", i)
		p := model.New(model.KindGlobalNetworkPolicy).(*model.Policy)
		p.Metadata.Name, p.Spec.Selector, p.Spec.Types = fmt.Sprintf("p%d", i), fmt.Sprintf("role == 'r%d'", i), []model.Direction{model.Ingress}
		for j := range 10 {
			r := model.Rule{Action: model.Allow}
			r.Source.Selector = fmt.Sprintf("role in {'r%d', 'r%d'}", 10*i+j, i)
			p.Spec.Ingress = append(p.Spec.Ingress, r)
		}
		all = append(all, w, p)
	}
	return all
}

// TestVeryManySets crosses the number of sets from which on short lists keep no sets, up and down again: the table depends
// on the program alone, not on what was before.
func TestVeryManySets(t *testing.T) {
	s, c := store.New(), compile.NewCompiler(options)
	var previous *lower.Lowered
	for _, n := range []int{145, 155, 150, 151, 149} {
		change, err := s.Apply(&model.Bundle{Source: "test", Resources: crowd(n)})
		if err != nil {
			t.Fatal(err)
		}
		p := c.Compile(s.View(), change, compile.Host{Node: "n1"})
		fresh := lower.Lower(p, lower.Options{Group: lower.Blocks})
		reused := lower.Lower(p, lower.Options{Group: lower.Blocks, Previous: previous})
		previous = reused
		reused.Sort()
		text := fresh.Text()
		if d := cmp.Diff(noteless(text), noteless(reused.Text())); d != "" {
			t.Fatalf("%d policies: fresh (-), with memory (+):\n%s", n, d)
		}
		if err := fresh.Validate(); err != nil {
			t.Fatal(err)
		}
		if many, asked := len(p.Sets) > 1500, strings.Count(text, "ip saddr @"); many && asked > 10 || !many && asked < 1000 {
			t.Errorf("%d sets: %d rules ask for one", len(p.Sets), asked)
		}
	}
}

// TestCrowdedChangeAsksNoChain: with very many sets, a change of members is a change of elements that say accept. One that led to
// a chain would have the kernel check the whole table.
func TestCrowdedChangeAsksNoChain(t *testing.T) {
	s, c := store.New(), compile.NewCompiler(options)
	world := crowd(155)
	for _, r := range world {
		if p, ok := r.(*model.Policy); ok {
			for i := range p.Spec.Ingress {
				r := &p.Spec.Ingress[i]
				r.Protocol, r.Destination.Ports = model.ProtocolNumber(model.ProtoTCP), []model.Port{model.SinglePort(uint16(1000 + i))}
			}
		}
	}
	var previous *lower.Lowered
	for step := range 5 {
		w := *world[0].(*model.WorkloadEndpoint)
		w.Spec.Node = "n2"
		w.Metadata.Labels = map[string]string{"role": fmt.Sprintf("r%d", 1500+step)}
		world[0] = &w
		change, err := s.Apply(&model.Bundle{Source: "test", Resources: append([]model.Resource(nil), world...)})
		if err != nil {
			t.Fatal(err)
		}
		next := lower.Lower(c.Compile(s.View(), change, compile.Host{Node: "n1"}), lower.Options{Group: lower.Blocks, Previous: previous})
		if previous != nil {
			d, ok := ruleset.Diff(previous.Ruleset, next.Ruleset)
			if !ok || len(d.Elements) == 0 || len(d.Rules)+len(d.AddChains)+len(d.DelChains)+len(d.AddSets)+len(d.DelSets) > 0 {
				t.Fatalf("step %d: the difference is %+v", step, d)
			}
			for _, e := range d.Elements {
				for _, x := range append(e.Add, e.Del...) {
					if x.Verdict.Chain != "" {
						t.Errorf("step %d: element %s of %s", step, e.Set.ElementText(&x), e.Set.Name)
					}
				}
			}
		}
		previous = next
	}
}
