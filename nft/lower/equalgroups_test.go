package lower_test

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"rampart/engine/ir"
	"rampart/model"
	"rampart/nft/lower"
)

// TestEqualGroups lowers a program in which two endpoints have equal groups that are different objects, and then one in which
// one of the two is gone. The chain that they share must stay.
func TestEqualGroups(t *testing.T) {
	for name, group := range map[string]lower.GroupFunc{"walk": lower.Walk, "blocks": lower.Blocks} {
		t.Run(name, func(t *testing.T) {
			p := compileYAML(t, []byte(`
apiVersion: projectcalico.org/v3
kind: HostEndpoint
metadata: {name: h1, labels: {host: "yes"}}
spec: {node: n1, interfaceName: eth0}
---
apiVersion: projectcalico.org/v3
kind: HostEndpoint
metadata: {name: h2, labels: {host: "yes"}}
spec: {node: n1, interfaceName: eth1}
---
apiVersion: projectcalico.org/v3
kind: GlobalNetworkPolicy
metadata: {name: p}
spec: {selector: has(host), types: [Ingress, Egress], ingress: [{action: Allow, protocol: TCP}], egress: [{action: Allow}]}
`), goldenOptions(t, ""))
			with := func(endpoints ...*ir.Endpoint) *ir.Program {
				q := *p
				q.Endpoints = endpoints
				return &q
			}
			another := *p.Endpoints[1]
			for _, groups := range []*[model.NumLayers]*ir.Group{&another.Ingress, &another.Egress} {
				for i, g := range groups {
					if g != nil {
						equal := *g
						groups[i] = &equal
					}
				}
			}
			var last *lower.Lowered
			for step, q := range []*ir.Program{with(p.Endpoints[0], &another), with(&another), with(p.Endpoints[0], &another), with(p.Endpoints[0])} {
				last = lower.Lower(q, lower.Options{Group: group, Previous: last})
				if err := last.Validate(); err != nil {
					t.Fatalf("step %d: %v", step, err)
				}
				fresh := lower.Lower(q, lower.Options{Group: group})
				sorted := *last
				rs := *last.Ruleset
				rs.Sets, rs.Chains = slices.Clone(rs.Sets), slices.Clone(rs.Chains)
				sorted.Ruleset = &rs
				sorted.Sort()
				if d := cmp.Diff(noteless(fresh.Text()), noteless(sorted.Text())); d != "" {
					t.Errorf("step %d: fresh (-), with memory (+):\n%s", step, d)
				}
			}
		})
	}
}
