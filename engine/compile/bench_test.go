package compile_test

import (
	"fmt"
	"net/netip"
	"testing"

	"rampart/engine/compile"
	"rampart/engine/ir"
	"rampart/model"
	"rampart/model/store"
)

// estate is a made-up cluster: endpoints spread over nodes, each with an app out of apps, in one of 20 namespaces; and
// policies with ten rules each, whose selectors name an app and a tier of it.
func estate(endpoints, perNode, policies, apps int) []model.Resource {
	var out []model.Resource
	for i := range 20 {
		ns := model.New(model.KindNamespace).(*model.Namespace)
		ns.Metadata = model.Metadata{Name: fmt.Sprintf("ns%d", i), Labels: map[string]string{"team": fmt.Sprintf("t%d", i%5)}}
		out = append(out, ns)
	}
	for i := range endpoints {
		out = append(out, estateEndpoint(i, perNode, i%apps))
	}
	for i := range policies {
		p := model.New(model.KindGlobalNetworkPolicy).(*model.Policy)
		p.Metadata.Name = fmt.Sprintf("p%d", i)
		order := float64(i % 100)
		p.Spec.Order = &order
		p.Spec.Selector = fmt.Sprintf("app == 'a%d'", i%apps)
		for j := range 10 {
			p.Spec.Ingress = append(p.Spec.Ingress, model.Rule{
				Action: model.Allow, Protocol: tcp,
				Source:      model.EntityRule{Selector: fmt.Sprintf("app == 'a%d' && tier in {'t%d', 't%d'}", (i*7+j*13)%apps, j%4, (i/apps)%4)},
				Destination: model.EntityRule{Ports: []model.Port{model.SinglePort(uint16(1000 + j))}},
			})
		}
		out = append(out, p)
	}
	return out
}

func estateEndpoint(i, perNode, app int) *model.WorkloadEndpoint {
	w := model.New(model.KindWorkloadEndpoint).(*model.WorkloadEndpoint)
	w.Metadata = model.Metadata{
		Name: fmt.Sprintf("w%06d", i), Namespace: fmt.Sprintf("ns%d", i%20),
		Labels: map[string]string{"app": fmt.Sprintf("a%d", app), "tier": fmt.Sprintf("t%d", i%4), "pod": fmt.Sprintf("w%06d", i), "zone": "z" + fmt.Sprint(i%3)},
	}
	addr := netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)})
	w.Spec = model.WorkloadEndpointSpec{
		Node: fmt.Sprintf("node%d", i/perNode), InterfaceName: fmt.Sprintf("cali%d", i), Orchestrator: "k8s",
		IPNetworks: []model.Net{{Prefix: netip.PrefixFrom(addr, 32)}},
	}
	return w
}

func BenchmarkCompile(b *testing.B) {
	for _, c := range []struct{ endpoints, perNode, policies, apps int }{
		{1_000, 100, 100, 50},
		{10_000, 10_000, 1_000, 500},
		{10_000, 100, 1_000, 500},
		{100_000, 100, 1_000, 500},
	} {
		b.Run(fmt.Sprintf("endpoints=%d/local=%d/policies=%d", c.endpoints, c.perNode, c.policies), func(b *testing.B) {
			v := store.ViewOf(estate(c.endpoints, c.perNode, c.policies, c.apps)...)
			b.ReportAllocs()
			for b.Loop() {
				compile.Compile(v, compile.Host{Node: "node0"}, ir.Options{})
			}
		})
	}
}

// BenchmarkLabelChange moves one endpoint of another node from one app to the next.
func BenchmarkLabelChange(b *testing.B) {
	benchmarkChange(b, func(endpoints, step int) model.Resource { return estateEndpoint(endpoints, 100, step%500) })
}

// BenchmarkPolicyEdit replaces one policy by one with other ports and another peer.
func BenchmarkPolicyEdit(b *testing.B) {
	benchmarkChange(b, func(_, step int) model.Resource {
		return global("edited", "app == 'a7'", ingress(model.Rule{
			Action: model.Allow, Protocol: tcp, Source: model.EntityRule{Selector: fmt.Sprintf("app == 'a%d'", step%500)},
			Destination: model.EntityRule{Ports: []model.Port{model.SinglePort(uint16(1 + step%60000))}},
		}))
	})
}

func benchmarkChange(b *testing.B, change func(endpoints, step int) model.Resource) {
	for _, endpoints := range []int{1_000, 10_000, 100_000} {
		b.Run(fmt.Sprintf("endpoints=%d", endpoints), func(b *testing.B) {
			s := store.New()
			if _, err := s.Apply(&model.Bundle{Source: "estate", Resources: estate(endpoints, 100, 1_000, 500)}); err != nil {
				b.Fatal(err)
			}
			c := compile.NewCompiler(ir.Options{})
			host := compile.Host{Node: "node0"}
			c.Compile(s.View(), store.Change{}, host)
			step := 0
			for b.Loop() {
				b.StopTimer()
				step++
				made, err := s.Apply(&model.Bundle{Source: "edit", Resources: []model.Resource{change(endpoints, step)}})
				if err != nil {
					b.Fatal(err)
				}
				v := s.View()
				b.StartTimer()
				c.Compile(v, made, host)
			}
		})
	}
}
