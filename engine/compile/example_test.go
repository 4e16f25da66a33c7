package compile_test

import (
	"fmt"

	"rampart/engine/compile"
	"rampart/engine/ir"
	"rampart/model"
	"rampart/model/store"
)

// The specification's sample: allow TCP from frontends to port 6379 of databases.
func Example() {
	policy := policyOf(model.KindNetworkPolicy, "prod/allow-tcp-6379", "role == 'database'",
		ingress(model.Rule{
			Action: model.Allow, Protocol: tcp,
			Source:      model.EntityRule{Selector: "role == 'frontend'"},
			Destination: model.EntityRule{Ports: []model.Port{model.SinglePort(6379)}},
		}),
		egress(model.Rule{Action: model.Allow}))
	v := store.ViewOf(policy,
		workload("db", "10.0.0.3", "role=database"),
		workload("web1", "10.0.0.1", "role=frontend", onNode("n2")),
		workload("web2", "10.0.0.2", "role=frontend", onNode("n3")))
	p := compile.Compile(v, compile.Host{Node: "n1"}, ir.Options{})
	fmt.Print(ir.Text(p))
	// Output:
	// program node "n1" hash 1c81eb3a0142310b
	// set se8f687f873c44dd6 {(projectcalico.org/namespace == "prod" && role == "frontend")}
	//   10.0.0.1/32
	//   10.0.0.2/32
	// policy NetworkPolicy/prod/allow-tcp-6379 tier default
	//   ingress
	//     0 Allow protocol tcp from {(projectcalico.org/namespace == "prod" && role == "frontend")} to port 6379
	//   egress
	//     0 Allow
	// group g434e725520b3932d ingress normal
	//   tier default end Deny
	//     policy NetworkPolicy/prod/allow-tcp-6379
	// group gc7e7ab537b937cbf egress normal
	//   tier default end Deny
	//     policy NetworkPolicy/prod/allow-tcp-6379
	// endpoint WorkloadEndpoint/prod/db interface "cali-db"
	//   address 10.0.0.3/32
	//   ingress normal g434e725520b3932d
	//   egress normal gc7e7ab537b937cbf
	// state NetworkPolicy/prod/allow-tcp-6379 tier default active endpoints 1
}
