package main

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"strconv"
	"strings"

	"rampart/bench/classbench"
	"rampart/bench/pktgen"
	"rampart/engine/ir"
	"rampart/model"
	"rampart/nft/blocks"
	"rampart/nft/lower"
	"rampart/nft/ruleset"
)

// load is a program, or a ruleset written by hand, and the packets sent through it.
type load struct {
	name    string
	program *ir.Program
	// script is what nft(8) loads instead of the program.
	script  string
	packets []model.Packet
	// ports are how many endpoints the packets go to, each behind an interface of its own; 0 is the usual path.
	ports int
	group lower.GroupFunc
	costs *blocks.Costs

	report lower.Report
	size   ruleset.Size
	path   *path
}

// program puts rules into policies of at most 1000 at a host endpoint, for forwarded traffic.
func program(rules []*ir.Rule) *ir.Program {
	g := &ir.Group{ID: "g", Direction: model.Ingress, Layer: model.LayerForward}
	tier := ir.Tier{Name: "default", Default: model.Deny}
	p := &ir.Program{Node: "n", Hash: "x"}
	for i := 0; i < len(rules); i += 1000 {
		key := model.Key{Kind: model.KindGlobalNetworkPolicy, Name: fmt.Sprintf("p%03d", i/1000)}
		pol := &ir.Policy{ID: ir.PolicyID(key.String()), Key: key, Tier: "default", Ingress: rules[i:min(i+1000, len(rules))]}
		for j, r := range pol.Ingress {
			r.Index = j
			r.ID = model.RuleID(i + j + 1)
		}
		tier.Policies = append(tier.Policies, pol)
		p.Policies = append(p.Policies, pol)
	}
	g.Tiers = []ir.Tier{tier}
	e := &ir.Endpoint{Key: model.Key{Kind: model.KindHostEndpoint, Name: "h"}, Interface: "f0"}
	e.Ingress[model.LayerForward] = g
	p.Groups, p.Endpoints = []*ir.Group{g}, []*ir.Endpoint{e}
	return p
}

// action is Allow or Deny, in turns.
func action(i int) model.Action {
	if i%2 == 0 {
		return model.Allow
	}
	return model.Deny
}

// manyFlows is how many packets are drawn for a load.
const manyFlows = 8192

const gre = 47 // Generic Routing Encapsulation

// loadOf is a load of filters, allowed and denied in turns. Its packets are drawn from the boxes of all filters alike;
// unless all is set, only those stay that the list allows.
func loadOf(name string, filters []classbench.Filter, all bool) *load {
	r := rand.New(rand.NewPCG(7, 7))
	rules := make([]*ir.Rule, len(filters))
	for i := range filters {
		rules[i] = &ir.Rule{Action: action(i), Match: filters[i].Match()}
	}
	l := &load{name: name, program: program(rules), group: lower.Walk}
	first := newIndex(filters)
	for range 20 * manyFlows {
		if len(l.packets) == manyFlows || len(filters) == 0 {
			break
		}
		f := &filters[r.IntN(len(filters))]
		if !f.Forwardable() {
			continue
		}
		p := f.Packet(r)
		if p.Protocol == gre {
			p.SrcPort, p.DstPort = 0, 0x0800 // where its header is: version 0, or connection tracking takes it for a broken one
		}
		if all || action(first.match(&p)) == model.Allow {
			l.packets = append(l.packets, p)
		}
	}
	return l
}

// index finds the first filter that matches, by the first octet of the source.
type index struct {
	filters []classbench.Filter
	by      [256][]int
}

func newIndex(filters []classbench.Filter) *index {
	x := &index{filters: filters}
	for i := range filters {
		from := filters[i].Src
		lo, hi := int(from.Addr().AsSlice()[0]), 255
		if from.Bits() >= 8 {
			hi = lo
		} else {
			hi = lo + 1<<(8-from.Bits()) - 1
		}
		for b := lo; b <= hi; b++ {
			x.by[b] = append(x.by[b], i)
		}
	}
	return x
}

// match is the place of the first filter that matches, which there is.
func (x *index) match(p *model.Packet) int {
	for _, i := range x.by[p.Src.AsSlice()[0]] {
		if x.filters[i].Matches(p) {
			return i
		}
	}
	panic(fmt.Sprintf("no filter matches %v", p))
}

// generate makes rules of net, protocol and port.
func generate(n int, seed uint64) []classbench.Filter {
	r := rand.New(rand.NewPCG(seed, 1))
	out := make([]classbench.Filter, n)
	for i := range out {
		bits := []int{16, 20, 22, 24, 24, 24, 26, 28, 32, 32}[r.IntN(10)]
		a := pktgen.Addr4(uint32(r.IntN(200)+10)<<24 | uint32(r.IntN(1<<24)))
		if a.IsLoopback() {
			a = pktgen.Addr4(10 << 24)
		}
		port := uint16(r.IntN(2000) + 1)
		f := classbench.Filter{Src: netip.PrefixFrom(a, bits).Masked(), Dst: netip.MustParsePrefix("0.0.0.0/0"), SrcPorts: ir.PortRange{Max: 65535},
			DstPorts: ir.PortRange{Min: port, Max: port}, Protocol: model.ProtoTCP}
		if r.IntN(3) == 0 {
			f.Protocol = model.ProtoUDP
		}
		if r.IntN(10) == 0 {
			f.DstPorts.Max = port + uint16(r.IntN(100))
		}
		out[i] = f
	}
	return out
}

// linear is how one writes generated rules by hand: one rule after the other, in one chain.
func linear(filters []classbench.Filter) string {
	var b strings.Builder
	b.WriteString("table inet linear {\nchain forward {\ntype filter hook forward priority 0;\nct state established,related accept\nct state invalid drop\n")
	for i := range filters {
		f := &filters[i]
		verdict := "accept"
		if action(i) == model.Deny {
			verdict = "drop"
		}
		proto := "tcp"
		if f.Protocol == model.ProtoUDP {
			proto = "udp"
		}
		port := strconv.Itoa(int(f.DstPorts.Min))
		if f.DstPorts.Max > f.DstPorts.Min {
			port += "-" + strconv.Itoa(int(f.DstPorts.Max))
		}
		fmt.Fprintf(&b, "ip saddr %s %s dport %s counter %s\n", f.Src, proto, port, verdict)
	}
	b.WriteString("drop\n}\n}\n")
	return b.String()
}
