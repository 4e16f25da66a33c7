package main

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"rampart/engine/compile"
	"rampart/engine/ir"
	"rampart/model"
	"rampart/model/store"
	"rampart/nft/blocks"
)

// Shape of the estates: local endpoints behind interfaces of their own, others elsewhere that send to them, roles by
// which rules select senders, and rules in a policy.
const (
	endpoints  = 1000
	senders    = 1000
	roles      = 100
	labelRules = 10
)

// labels measures policies that select endpoints and peers by label: one packet to each endpoint in turn.
func (o *options) labels(counts []string) error {
	var loads []*load
	for _, c := range counts {
		// N or NxM: N policies, M of which select each endpoint.
		first, second, _ := strings.Cut(c, "x")
		n, err := strconv.Atoi(first)
		if err != nil {
			return err
		}
		each := 1
		if second != "" {
			if each, err = strconv.Atoi(second); err != nil {
				return err
			}
		}
		for _, set := range strings.Split(o.costs, ";") {
			c, err := costsOf(set)
			if err != nil {
				return err
			}
			loads = append(loads, labelLoad(n, each, set, &c))
		}
	}
	return o.run(loads)
}

func labelLoad(policies, each int, set string, costs *blocks.Costs) *load {
	e := estate{policies: policies, each: min(each, policies)}
	var world []model.Resource
	for i := range endpoints + senders {
		world = append(world, e.endpoint(i))
	}
	for p := range policies {
		world = append(world, e.policy(p))
	}
	l := &load{
		name:    fmt.Sprintf("%d policies, %d for each endpoint %s", policies, e.each, set),
		program: compile.Compile(store.ViewOf(world...), compile.Host{Node: "here"}, ir.Options{WorkloadPrefixes: []string{"cali"}}),
		costs:   costs, ports: endpoints,
	}
	r := rand.New(rand.NewPCG(9, 9))
	for range manyFlows / endpoints {
		for i := range endpoints {
			l.packets = append(l.packets, e.packet(r, i))
		}
	}
	return l
}

// estate is who is there and what policies say of them.
type estate struct{ policies, each int }

func address(i int) netip.Addr { return netip.AddrFrom4([4]byte{10, 1, byte(i >> 8), byte(i)}) }

func (e estate) endpoint(i int) model.Resource {
	w := model.New(model.KindWorkloadEndpoint).(*model.WorkloadEndpoint)
	w.Metadata = model.Metadata{Name: fmt.Sprintf("workload-%05d", i), Namespace: "default", Labels: map[string]string{"role": fmt.Sprint(i % roles)}}
	for _, p := range e.of(i) {
		w.Metadata.Labels[fmt.Sprintf("app-%d", p)] = ""
	}
	w.Spec = model.WorkloadEndpointSpec{
		Node: "here", InterfaceName: port(i),
		IPNetworks: []model.Net{{Prefix: netip.PrefixFrom(address(i), 32)}},
	}
	if i >= endpoints {
		w.Spec.Node = "elsewhere"
	}
	return w
}

// of are the policies that select an endpoint.
func (e estate) of(i int) []int {
	var out []int
	for k := range e.each {
		if p := (i + k*(e.policies/e.each)) % e.policies; !slices.Contains(out, p) {
			out = append(out, p)
		}
	}
	slices.Sort(out)
	return out
}

func (e estate) policy(p int) model.Resource {
	q := model.New(model.KindNetworkPolicy).(*model.Policy)
	q.Metadata = model.Metadata{Name: fmt.Sprintf("policy-%04d", p), Namespace: "default"}
	order := float64(p)
	q.Spec = model.PolicySpec{Order: &order, Selector: fmt.Sprintf("has(app-%d)", p), Types: []model.Direction{model.Ingress}}
	for r := range labelRules {
		q.Spec.Ingress = append(q.Spec.Ingress, model.Rule{
			Action: model.Allow, Protocol: model.ProtocolNumber(model.ProtoTCP),
			Source:      model.EntityRule{Selector: fmt.Sprintf("role == '%d'", role(p, r))},
			Destination: model.EntityRule{Ports: []model.Port{model.SinglePort(destination(p, r))}},
		})
	}
	return q
}

func role(p, r int) int           { return (p*7 + r*11) % roles }
func destination(p, r int) uint16 { return uint16(1000 + (p*3+r)%500) }

// packet is one to an endpoint that a rule drawn at random allows.
func (e estate) packet(r *rand.Rand, i int) model.Packet {
	of := e.of(i)
	p, rule := of[r.IntN(len(of))], r.IntN(labelRules)
	from := endpoints + role(p, rule) + roles*r.IntN(senders/roles)
	return model.Packet{
		Src: address(from), Dst: address(i), Protocol: model.ProtoTCP,
		SrcPort: uint16(30000 + r.IntN(30000)), DstPort: destination(p, rule),
	}
}
