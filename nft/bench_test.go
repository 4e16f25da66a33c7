package nft_test

import (
	"context"
	"fmt"
	"net/netip"
	"testing"

	"rampart/bench/lab"
	"rampart/engine/compile"
	"rampart/engine/ir"
	"rampart/model"
	"rampart/model/store"
	"rampart/nft"
	"rampart/nft/lower"
)

// estate is a node with many workloads: each has an app, and policies of ten rules allow apps to apps.
func estate(endpoints, policies int) []model.Resource {
	var out []model.Resource
	apps := max(1, policies/2)
	for i := range endpoints {
		out = append(out, estateEndpoint(i, i%apps))
	}
	for i := range policies {
		p := model.New(model.KindGlobalNetworkPolicy).(*model.Policy)
		p.Metadata.Name, p.Spec.Selector = fmt.Sprintf("p%d", i), fmt.Sprintf("app == 'a%d'", i%apps)
		for j := range 10 {
			p.Spec.Ingress = append(p.Spec.Ingress, model.Rule{
				Action: model.Allow, Protocol: model.ProtocolNumber(model.ProtoTCP),
				Source:      model.EntityRule{Selector: fmt.Sprintf("app == 'a%d'", (i*7+j*13)%apps)},
				Destination: model.EntityRule{Ports: []model.Port{model.SinglePort(uint16(1000 + j))}},
			})
		}
		out = append(out, p)
	}
	return out
}

func estateEndpoint(i, app int) *model.WorkloadEndpoint {
	w := model.New(model.KindWorkloadEndpoint).(*model.WorkloadEndpoint)
	w.Metadata = model.Metadata{Name: fmt.Sprintf("w%06d", i), Namespace: "prod", Labels: map[string]string{"app": fmt.Sprintf("a%d", app)}}
	addr := netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)})
	w.Spec = model.WorkloadEndpointSpec{
		Node: "n1", InterfaceName: fmt.Sprintf("cali%d", i), Orchestrator: "k8s",
		IPNetworks: []model.Net{{Prefix: netip.PrefixFrom(addr, 32)}}, Profiles: []string{model.ProfileAllowAll},
	}
	return w
}

// BenchmarkLabelChange moves one of many workloads from one app to another and back, until the kernel has it.
func BenchmarkLabelChange(b *testing.B) {
	for _, policies := range []int{100, 1000} {
		for name, group := range map[string]lower.GroupFunc{"walk": lower.Walk, "blocks": lower.Blocks} {
			b.Run(fmt.Sprintf("endpoints=10000/policies=%d/%s", policies, name), func(b *testing.B) {
				backend := benchBackend(b, group)
				s := store.New()
				mustStore(b, s, "estate", estate(10_000, policies)...)
				c := compile.NewCompiler(options)
				host := compile.Host{Node: "n1"}
				p := c.Compile(s.View(), store.Change{}, host)
				receipt, err := backend.Apply(context.Background(), p)
				if err != nil {
					b.Fatal(err)
				}
				b.ReportMetric(receipt.Duration.Seconds()*1000, "ms/cold")
				step := 0
				for b.Loop() {
					b.StopTimer()
					step++
					change := mustStore(b, s, "edit", estateEndpoint(10_000, step%2))
					p = c.Compile(s.View(), change, host)
					b.StartTimer()
					if _, err := backend.Apply(context.Background(), p); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}

func mustStore(b *testing.B, s *store.Store, source string, resources ...model.Resource) store.Change {
	b.Helper()
	change, err := s.Apply(&model.Bundle{Source: source, Resources: resources})
	if err != nil {
		b.Fatal(err)
	}
	return change
}

func benchBackend(b *testing.B, group lower.GroupFunc) *nft.Backend {
	b.Helper()
	ns, err := lab.ForTest(b).Namespace("a")
	if err != nil {
		b.Fatal(err)
	}
	backend, err := nft.New(nft.Config{NetNS: ns.FD(), Group: group})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = backend.Close() })
	return backend
}

// BenchmarkPrefix adds a prefix to a set of a hundred thousand, and takes it out again.
func BenchmarkPrefix(b *testing.B) {
	for name, single := range map[string]bool{"addresses": true, "mixed": false} {
		b.Run(name, func(b *testing.B) {
			backend := benchBackend(b, lower.Walk)
			programs := []*ir.Program{blocklist(100_000, single), blocklist(100_001, single)}
			receipt, err := backend.Apply(context.Background(), programs[0])
			if err != nil {
				b.Fatal(err)
			}
			b.ReportMetric(receipt.Duration.Seconds()*1000, "ms/cold")
			step := 0
			for b.Loop() {
				step++
				if _, err := backend.Apply(context.Background(), programs[step%2]); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
