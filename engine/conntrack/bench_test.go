package conntrack

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"testing"

	"rampart/engine/compile"
	"rampart/engine/ir"
	"rampart/model"
	"rampart/model/store"
)

// manyRules are a host endpoint and policies of altogether n rules for it, each about a net and a port of its own.
func manyRules(n int) *ir.Program {
	h := &model.HostEndpoint{Object: model.Object{Kind: model.KindHostEndpoint, Metadata: model.Metadata{Name: "eth0"}}}
	h.Spec.Node, h.Spec.InterfaceName = "n1", "eth0"
	resources := []model.Resource{h}
	const perPolicy = 1000
	for first := 0; first < n; first += perPolicy {
		p := &model.Policy{Object: model.Object{Kind: model.KindGlobalNetworkPolicy, Metadata: model.Metadata{Name: fmt.Sprintf("p%06d", first)}}}
		for i := first; i < min(n, first+perPolicy); i++ {
			p.Spec.Ingress = append(p.Spec.Ingress, model.Rule{
				Action:      model.Deny,
				Protocol:    model.Protocol{Name: "TCP", Number: model.ProtoTCP},
				Source:      model.EntityRule{Nets: []netip.Prefix{netip.PrefixFrom(address(10, i), 28).Masked()}},
				Destination: model.EntityRule{Ports: []model.Port{model.SinglePort(uint16(1 + i%1000))}},
			})
		}
		resources = append(resources, p)
	}
	return compile.Compile(store.ViewOf(resources...), compile.Host{Node: "n1"}, ir.Options{CutMark: DefaultMark})
}

func address(network byte, n int) netip.Addr {
	a := [4]byte{}
	binary.BigEndian.PutUint32(a[:], uint32(network)<<24|uint32(n)*16)
	return netip.AddrFrom4(a)
}

// BenchmarkReview is the judging of open connections after a change that concerns all of them: with the reading of the
// kernel's table and the look-up of routes it is what revalidation takes.
func BenchmarkReview(b *testing.B) {
	for _, c := range []struct{ rules, flows int }{{100, 10_000}, {10_000, 10_000}, {10_000, 100_000}} {
		old, now := manyRules(c.rules-1), manyRules(c.rules)
		flows := make([]flow, c.flows)
		where := &atlas{places: map[netip.Addr]place{}}
		host := netip.MustParseAddr("192.0.2.1")
		where.places[host] = place{local: true, known: true}
		for i := range flows {
			f := &flows[i]
			f.orig = tuple{src: address(10, i), dst: host, protocol: model.ProtoTCP, sport: 40000, dport: uint16(1 + i%1500)}
			f.reply = tuple{src: host, dst: f.orig.src, protocol: model.ProtoTCP, sport: f.orig.dport, dport: f.orig.sport}
			where.places[f.orig.src] = place{iface: "eth0", known: true}
		}
		b.Run(fmt.Sprintf("rules=%d/connections=%d", c.rules, c.flows), func(b *testing.B) {
			for b.Loop() {
				v := (&Revalidator{Config{Keep: func(uint8, netip.AddrPort, netip.AddrPort) bool { return false }}}).review([]*ir.Program{old, now}, where)
				for i := range flows {
					v.visit(&flows[i])
				}
				if v.cuts.Tracked != c.flows {
					b.Fatal(v.cuts)
				}
			}
		})
	}
}
