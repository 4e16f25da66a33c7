package ir_test

import (
	"fmt"
	"net/netip"

	"rampart/engine/ir"
	"rampart/model"
)

// frontendToDatabase is the specification's sample policy as a program.
func frontendToDatabase(frontends ...string) *ir.Program {
	set := &ir.Set{Kind: ir.SetNets, Selector: "role == 'frontend'"}
	set.ID = ir.NewSetID(set.Kind, set.Selector, "", 0)
	var nets []netip.Prefix
	for _, f := range frontends {
		nets = append(nets, netip.MustParsePrefix(f))
	}
	set.Nets = ir.PrefixesOf(nets...)
	allow := &ir.Rule{Action: model.Allow, Match: ir.Match{Protocol: model.ProtoTCP}}
	allow.Match.Src.Sets = []ir.SetID{set.ID}
	allow.Match.Dst.Ports = []ir.PortRange{{Min: 6379, Max: 6379}}
	policy := &ir.Policy{
		Key:     model.Key{Kind: model.KindNetworkPolicy, Namespace: "production", Name: "allow-tcp-6379"},
		Tier:    model.DefaultTier,
		Ingress: []*ir.Rule{allow},
		Origin:  model.Origin{File: "policy.yaml", Line: 1},
	}
	policy.ID = ir.PolicyID(policy.Key.String())
	group := &ir.Group{Direction: model.Ingress, Tiers: []ir.Tier{
		{Name: model.DefaultTier, Default: model.Deny, Policies: []*ir.Policy{policy}},
	}}
	database := &ir.Endpoint{
		Key:       model.Key{Kind: model.KindWorkloadEndpoint, Namespace: "production", Name: "node1-k8s-db-eth0"},
		Interface: "cali1",
		Workload:  true,
		Addrs:     []netip.Prefix{netip.MustParsePrefix("10.0.0.3/32")},
	}
	database.Ingress[model.LayerNormal] = group
	p := &ir.Program{
		Node: "node1", Sets: []*ir.Set{set}, Policies: []*ir.Policy{policy},
		Groups: []*ir.Group{group}, Endpoints: []*ir.Endpoint{database},
	}
	ir.Seal(p)
	return p
}

func ExampleText() {
	fmt.Print(ir.Text(frontendToDatabase("10.0.0.2/32", "10.0.0.1/32")))
	// Output:
	// program node "node1" hash c7a62fe2f566d7b7
	// set sdd5b33a2652d7741 {role == 'frontend'}
	//   10.0.0.1/32
	//   10.0.0.2/32
	// policy NetworkPolicy/production/allow-tcp-6379 tier default  # policy.yaml:1
	//   ingress
	//     0 Allow protocol tcp from {role == 'frontend'} to port 6379
	// group gbcfe0931621128d2 ingress normal
	//   tier default end Deny
	//     policy NetworkPolicy/production/allow-tcp-6379
	// endpoint WorkloadEndpoint/production/node1-k8s-db-eth0 interface "cali1"
	//   address 10.0.0.3/32
	//   ingress normal gbcfe0931621128d2
}

func ExampleDiff() {
	d := ir.Diff(frontendToDatabase("10.0.0.1/32", "10.0.0.2/32"), frontendToDatabase("10.0.0.2/32", "10.0.0.9/32"))
	for _, s := range d.Sets {
		fmt.Println(s.Set.Describe(), "add", s.AddNets, "delete", s.DelNets)
	}
	fmt.Println("rules unchanged:", d.Policies.Empty() && d.Groups.Empty())
	// Output:
	// {role == 'frontend'} add [10.0.0.9/32] delete [10.0.0.1/32]
	// rules unchanged: true
}
