package lower_test

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"rampart/engine/compile"
	"rampart/engine/eval"
	"rampart/engine/ir"
	"rampart/model"
	"rampart/model/store"
	"rampart/nft/lower"
	"rampart/nft/ruleset"
)

// namedPorts is a program with a rule that names n ports, or all but them, of so many workloads, and more rules after it.
func namedPorts(n, workloads int, log, not bool) *ir.Program {
	host := model.New(model.KindHostEndpoint).(*model.HostEndpoint)
	host.Metadata.Name, host.Spec = "h1", model.HostEndpointSpec{Node: "n1", InterfaceName: "eth0"}
	all := []model.Resource{host}
	var names []model.Port
	for i := range n {
		names = append(names, model.Port{Name: fmt.Sprintf("port-%d", i)})
	}
	for w := range workloads {
		e := model.New(model.KindWorkloadEndpoint).(*model.WorkloadEndpoint)
		e.Metadata = model.Metadata{Name: fmt.Sprintf("w%d", w), Namespace: "prod", Labels: map[string]string{fmt.Sprintf("in-%d", w%20): "yes"}}
		e.Spec = model.WorkloadEndpointSpec{Node: "n2", InterfaceName: fmt.Sprintf("cali%d", w), IPNetworks: []model.Net{
			{Prefix: netip.PrefixFrom(netip.AddrFrom4([4]byte{10, 0, 0, byte(w)}), 32)},
		}}
		for i := range n {
			e.Spec.Ports = append(e.Spec.Ports, model.EndpointPort{
				Name: fmt.Sprintf("port-%d", i), Protocol: model.ProtocolNumber(model.ProtoTCP), Port: 1000 + i + w,
			})
		}
		all = append(all, e)
	}
	p := model.New(model.KindGlobalNetworkPolicy).(*model.Policy)
	p.Metadata.Name, p.Spec.Selector, p.Spec.ApplyOnForward = "p", "all()", true
	rule := model.Rule{Action: model.Allow, Protocol: model.ProtocolNumber(model.ProtoTCP)}
	if log {
		rule.Action = model.Log
	}
	if not {
		rule.Destination.NotPorts = names
	} else {
		rule.Destination.Ports = names
	}
	// This one keeps a list of networks beside the named port.
	mixed := model.Rule{Action: model.Deny, Protocol: model.ProtocolNumber(model.ProtoTCP)}
	mixed.Destination.Ports = names[:1]
	mixed.Source.Nets = []netip.Prefix{netip.MustParsePrefix("20.1.0.0/17"), netip.MustParsePrefix("20.3.0.0/17"),
		netip.MustParsePrefix("2001:db8:1::/48"), netip.MustParsePrefix("2001:db8:5::/48")}
	p.Spec.Ingress = []model.Rule{mixed, rule}
	// And these depend on the workloads' addresses.
	for i := range 20 {
		p.Spec.Ingress = append(p.Spec.Ingress, model.Rule{
			Action: []model.Action{model.Allow, model.Deny}[i%2], Protocol: model.ProtocolNumber(model.ProtoTCP),
			Source:      model.EntityRule{Selector: fmt.Sprintf("in-%d == 'yes'", i)},
			Destination: model.EntityRule{Ports: []model.Port{model.SinglePort(uint16(2000 + i))}},
		})
	}
	for i := range 20 {
		p.Spec.Ingress = append(p.Spec.Ingress, model.Rule{
			Action: []model.Action{model.Allow, model.Deny}[i%2], Protocol: model.ProtocolNumber(model.ProtoTCP),
			Source: model.EntityRule{Nets: []netip.Prefix{netip.PrefixFrom(netip.AddrFrom4([4]byte{20, byte(i), 0, 0}), 16)}},
		})
	}
	return compile.Compile(store.ViewOf(append(all, p)...), compile.Host{Node: "n1"}, options)
}

// Rules of more named ports than a rule has room for are look-ups in one set, which means the same.
func TestManyNamedPorts(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 6))
	for name, group := range map[string]lower.GroupFunc{"walk": lower.Walk, "blocks": lower.Blocks} {
		for _, log := range []bool{false, true} {
			for _, not := range []bool{false, true} {
				var previous *lower.Lowered
				for _, n := range []int{5, 20} {
					for _, workloads := range []int{22, 23} {
						p := namedPorts(n, workloads, log, not)
						previous = lower.Lower(p, lower.Options{Group: group, Previous: previous})
						if err := previous.Validate(); err != nil {
							t.Fatalf("%s, %d ports of %d workloads, log %v, not %v: %v", name, n, workloads, log, not, err)
						}
						fresh := lower.Lower(p, lower.Options{Group: group})
						sorted := *previous
						sorted.Ruleset = &ruleset.Ruleset{Table: previous.Table, Sets: slices.Clone(previous.Sets), Chains: slices.Clone(previous.Chains)}
						if sorted.Sort(); sorted.Text() != fresh.Text() {
							t.Fatalf("%s: the table made with memory is another one:\n%s", name, cmp.Diff(fresh.Text(), sorted.Text()))
						}
						m, e := ruleset.NewMachine(fresh.Ruleset), eval.NewEvaluator(p)
						for range 100 {
							pr := model.Probe{
								Endpoint: model.Key{Kind: model.KindHostEndpoint, Name: "h1"}, Direction: model.Ingress, Layer: model.LayerForward,
								Packet: model.Packet{
									Src: netip.AddrFrom4([4]byte{20, byte(rng.IntN(22)), 0, 1}), Dst: netip.AddrFrom4([4]byte{10, 0, 0, byte(rng.IntN(5))}),
									Protocol: model.ProtoTCP, SrcPort: 40000, DstPort: uint16(998 + rng.IntN(60)),
								},
							}
							want, err := e.Evaluate(pr)
							if err != nil {
								t.Fatal(err)
							}
							if err := compareBlocks(fresh, m, "eth0", pr, want); err != nil {
								t.Fatalf("%s, %d ports of %d workloads, log %v, not %v: %v: %v", name, n, workloads, log, not, pr.Packet, err)
							}
						}
					}
				}
			}
		}
	}
}
