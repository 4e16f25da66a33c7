package flat_test

import (
	"fmt"

	"rampart/engine/ir"
	"rampart/engine/ir/flat"
	"rampart/model"
)

func Example() {
	allow := &ir.Rule{ID: 1, Action: model.Allow, Match: ir.Match{Protocol: model.ProtoTCP}}
	policy := &ir.Policy{Key: model.Key{Kind: model.KindNetworkPolicy, Namespace: "prod", Name: "db"}, Tier: "default", Ingress: []*ir.Rule{allow}}
	group := &ir.Group{Direction: model.Ingress, Tiers: []ir.Tier{{Name: "default", Default: model.Deny, Policies: []*ir.Policy{policy}}}}
	list := flat.Of(group)
	for _, e := range list.Entries {
		fmt.Println(e.Verdict, e.Why)
	}
	fmt.Println(list.End.Verdict, list.End.Why)
	// Output:
	// allow default/NetworkPolicy:prod/db[0]
	// deny tier-default:default
}
