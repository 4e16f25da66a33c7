package lower_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"rampart/engine/compile"
	"rampart/model"
	"rampart/model/store"
	"rampart/nft/lower"
)

// TestMovedRulesAreToldWhereTheyAre puts a line at the top of a file. What is decided stays, and so do the names of chains
// and counters; comments tell the new lines.
func TestMovedRulesAreToldWhereTheyAre(t *testing.T) {
	for name, group := range map[string]lower.GroupFunc{"walk": lower.Walk, "blocks": lower.Blocks, "eager blocks": lower.BlocksWith(eager())} {
		t.Run(name, func(t *testing.T) {
			s, c := store.New(), compile.NewCompiler(options)
			var previous *lower.Lowered
			for first := range 3 {
				list := peers()
				p := list[1].(*model.Policy)
				p.Origin = model.Origin{File: "policy.yaml", Line: first + 1}
				for i := range p.Spec.Ingress {
					p.Spec.Ingress[i].Origin = model.Origin{File: "policy.yaml", Line: first + 10 + i}
				}
				for i := range 10 {
					list = append(list, peer(i, i))
				}
				change, err := s.Apply(&model.Bundle{Source: "test", Resources: list})
				if err != nil {
					t.Fatal(err)
				}
				program := c.Compile(s.View(), change, compile.Host{Node: "n1"})
				fresh := lower.Lower(program, lower.Options{Group: group})
				reused := lower.Lower(program, lower.Options{Group: group, Previous: previous})
				reused.Sort()
				if d := cmp.Diff(fresh.Text(), reused.Text()); d != "" {
					t.Fatalf("at line %d: fresh (-), with memory (+):\n%s", first, d)
				}
				if previous != nil {
					if d := cmp.Diff(len(previous.Names), len(reused.Names)); d != "" {
						t.Errorf("counters of rules that moved are others:\n%s", d)
					}
				}
				previous = reused
			}
		})
	}
}
