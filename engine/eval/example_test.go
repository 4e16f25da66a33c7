package eval_test

import (
	"fmt"

	"rampart/conf"
	"rampart/engine/compile"
	"rampart/engine/eval"
	"rampart/engine/ir"
	"rampart/model"
	"rampart/model/store"
)

func Example() {
	world, _ := conf.Decode("policy.yaml", []byte(`
apiVersion: projectcalico.org/v3
kind: HostEndpoint
metadata: {name: web}
spec: {node: n1, interfaceName: eth0}
---
apiVersion: projectcalico.org/v3
kind: GlobalNetworkPolicy
metadata: {name: https-only}
spec:
  ingress:
  - action: Allow
    protocol: TCP
    destination: {ports: [443]}
`))
	program := compile.Compile(store.ViewOf(world...), compile.Host{Node: "n1"}, ir.Options{})
	packet, _ := model.ParsePacket("tcp 192.0.2.1:40000 > 198.51.100.1:80")
	walk, _ := eval.Explain(program, model.Probe{
		Endpoint: model.Key{Kind: model.KindHostEndpoint, Name: "web"}, Direction: model.Ingress, Packet: packet,
	})
	fmt.Println(walk.Verdict.Decision, "by", walk.Verdict.DecidedBy)
	for _, rule := range walk.Tiers[0].Policies[0].Rules {
		fmt.Println(rule.Origin, rule.Why)
	}
	// Output:
	// deny by tier-default:default
	// policy.yaml:12 destination port 80 is not 443
}
