package compile_test

import (
	"testing"

	"rampart/engine/compile"
	"rampart/engine/ir"
	"rampart/model"
	"rampart/model/store"
)

// TestOnlyWhatChangedIsCompiled has two policies for two endpoints. What a change of one resource does not touch is the very
// object that it was: sets, policies, groups and endpoints.
func TestOnlyWhatChangedIsCompiled(t *testing.T) {
	s, c := store.New(), compile.NewCompiler(ir.Options{})
	from := func(selector string) func(*model.PolicySpec) {
		return func(p *model.PolicySpec) {
			p.Ingress = []model.Rule{{Action: model.Allow, Source: model.EntityRule{Selector: selector}}}
		}
	}
	x, y := workload("x", "10.0.0.1", "app=x"), workload("y", "10.0.0.2", "app=y")
	peer := workload("peer", "10.0.0.3", "role=one", onNode("other"))
	first, second := global("first", "app == 'x'", from("role == 'one'")), global("second", "app == 'y'", from("role == 'two'"))
	compiled := func(resources ...model.Resource) *ir.Program {
		t.Helper()
		change, err := s.Apply(&model.Bundle{Source: "s", Resources: resources})
		if err != nil {
			t.Fatal(err)
		}
		return c.Compile(s.View(), change, compile.Host{Node: "n1"})
	}
	before := compiled(x, y, peer, first, second)
	if len(before.Sets) != 2 || len(before.Policies) != 2 || len(before.Endpoints) != 2 {
		t.Fatalf("not what was meant:\n%s", ir.Text(before))
	}
	for _, step := range []struct {
		what      string
		resources []model.Resource
		// How many objects are others than before.
		sets, policies, groups, endpoints int
	}{
		{"nothing", []model.Resource{x, y, peer, first, second}, 0, 0, 0, 0},
		{"a peer's label", []model.Resource{x, y, workload("peer", "10.0.0.3", "role=two", onNode("other")), first, second}, 2, 0, 0, 0},
		{"a peer's address", []model.Resource{x, y, workload("peer", "10.0.0.4", "role=two", onNode("other")), first, second}, 1, 0, 0, 0},
		{"a policy's rules", []model.Resource{x, y, workload("peer", "10.0.0.4", "role=two", onNode("other")), first,
			global("second", "app == 'y'", from("role == 'three'"))}, 1, 1, 1, 1},
	} {
		now := compiled(step.resources...)
		fresh := func(n int, had func(int) bool) (others int) {
			for i := range n {
				if !had(i) {
					others++
				}
			}
			return others
		}
		sets := fresh(len(now.Sets), func(i int) bool { return before.Set(now.Sets[i].ID) == now.Sets[i] })
		policies := fresh(len(now.Policies), func(i int) bool { return before.Policy(now.Policies[i].ID) == now.Policies[i] })
		groups := fresh(len(now.Groups), func(i int) bool { return before.Group(now.Groups[i].ID) == now.Groups[i] })
		endpoints := fresh(len(now.Endpoints), func(i int) bool { return before.Endpoints[i] == now.Endpoints[i] })
		if sets != step.sets || policies != step.policies || groups != step.groups || endpoints != step.endpoints {
			t.Errorf("after a change of %s: %d sets, %d policies, %d groups and %d endpoints are others, want %d, %d, %d and %d",
				step.what, sets, policies, groups, endpoints, step.sets, step.policies, step.groups, step.endpoints)
		}
		before = now
	}
}
