package eval_test

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"testing"

	"rampart/model"
)

// bpfTable is Calico's table of packets for its BPF policy programs: rules as the compiler of Calico hands them on, with
// selectors already turned into named sets of addresses.
type bpfTable struct {
	Tests []struct {
		Name, Table string
		HasSetup    bool
		IPVersion   int
		IPSets      map[string][]string
		Rules       struct {
			Tiers, HostNormalTiers, HostForwardTiers, HostPreDNATTiers []bpfTier
			HostProfiles                                               []bpfPolicy
			ForHostInterface, SuppressNormalHostPolicy, ForXDP         bool
		}
		Packets []bpfPacket
	}
}

type bpfTier struct {
	EndAction string
	Policies  []bpfPolicy
}

type bpfPolicy struct {
	Rules []bpfRule
}

type bpfRule struct {
	Action                                     model.Action
	Protocol, NotProtocol                      *bpfProtocol
	SrcNet, DstNet, NotSrcNet, NotDstNet       []netip.Prefix
	SrcPorts, DstPorts                         []bpfPorts
	NotSrcPorts, NotDstPorts                   []bpfPorts
	SrcIPSetIDs, DstIPSetIDs                   []string
	NotSrcIPSetIDs, NotDstIPSetIDs             []string
	SrcNamedPortIPSetIDs, DstNamedPortIPSetIDs []string
	ICMPType, NotICMPType                      *int
	ICMPTypeCode, NotICMPTypeCode              *bpfICMP
}

type bpfProtocol struct {
	Name   string
	Number uint8
}

type bpfPorts struct{ First, Last uint16 }

type bpfICMP struct{ Type, Code int }

type bpfPacket struct {
	Src, Dst           netip.Addr
	Proto              uint8
	SPort, DPort       uint16
	ICMPType, ICMPCode uint8
	PreNATDst          netip.Addr
	PreNATDPort        uint16
	ToHost, FromHost   bool
	Expect             string
}

// bpfDecidedOtherwise names the tests of the table with packets for which the model decides otherwise, and why. The packets
// are those of the other IP version.
var bpfDecidedOtherwise = map[string]string{
	"allow to !CIDRs": "the table runs IPv6 packets through a program for IPv4; a rule with IPv4 nets, even negated ones, never applies to IPv6",
}

// TestConformanceBPFTable translates each rule set of the table to global policies at one workload and one host endpoint
// per layer, and walks each packet through the layers as the table's program does.
func TestConformanceBPFTable(t *testing.T) {
	var file bpfTable
	readConformance(t, "policy_bpf_table.json", &file)
	packets := 0
	for _, tc := range file.Tests {
		if tc.HasSetup {
			t.Logf("%s: skipped, it needs state that the table does not carry", tc.Name)
			continue
		}
		w := bpfWorld{}
		w.tiers("workload", tc.Rules.Tiers, nil)
		w.tiers("forward", tc.Rules.HostForwardTiers, func(s *model.PolicySpec) { s.ApplyOnForward = true })
		w.tiers("prednat", tc.Rules.HostPreDNATTiers, func(s *model.PolicySpec) { s.ApplyOnForward, s.PreDNAT = true, true })
		if tc.Rules.ForXDP {
			w.tiers("raw", tc.Rules.HostNormalTiers, func(s *model.PolicySpec) { s.ApplyOnForward, s.DoNotTrack = true, true })
		} else {
			w.tiers("normal", tc.Rules.HostNormalTiers, nil)
		}
		w.endpoints(tc.Rules.HostProfiles)
		w.sets(tc.IPSets)
		for _, e := range both(w.resources, "n1") {
			for _, p := range tc.Packets {
				packets++
				want := p.Expect
				if _, ok := bpfDecidedOtherwise[tc.Name]; ok && p.Src.Is6() == (tc.IPVersion == 4) {
					want = "deny"
				}
				got := bpfWalk(t, e, p, tc.Rules.ForXDP, tc.Rules.ForHostInterface, tc.Rules.SuppressNormalHostPolicy || tc.Table == "workload")
				if got != want {
					t.Errorf("%s: %s: %+v: %s, want %s", tc.Name, e.name, p, got, want)
				}
			}
		}
	}
	t.Logf("%d verdicts", packets)
}

// bpfWalk asks layer after layer: preDNAT on the original destination, then host or forward policy, then the workload's.
// At a host's interface an allow before NAT is final.
func bpfWalk(t *testing.T, e named, p bpfPacket, raw, hostOnly, noHost bool) string {
	t.Helper()
	packet := model.Packet{Src: p.Src, Dst: p.Dst, Protocol: p.Proto, SrcPort: p.SPort, DstPort: p.DPort, ICMPType: p.ICMPType, ICMPCode: p.ICMPCode}
	ask := func(kind model.Kind, name string, l model.Layer, packet model.Packet) string {
		pr := model.Probe{Endpoint: model.Key{Kind: kind, Name: name}, Direction: model.Ingress, Layer: l, Packet: packet}
		if kind == model.KindWorkloadEndpoint {
			pr.Endpoint.Namespace = "default"
		}
		v, err := e.Evaluate(pr)
		if err != nil {
			t.Fatalf("%s: %v", e.name, err)
		}
		return string(v.Decision)
	}
	if raw {
		if d := ask(model.KindHostEndpoint, "raw", model.LayerUntracked, packet); d != "continue" {
			return d
		}
		return "unmatched"
	}
	original := packet
	if p.PreNATDst.IsValid() {
		original.Dst, original.DstPort = p.PreNATDst, p.PreNATDPort
	}
	d := ask(model.KindHostEndpoint, "prednat", model.LayerPreDNAT, original)
	if d == "continue" {
		switch toOrFromHost := p.ToHost || p.FromHost; {
		case toOrFromHost && !noHost:
			d = ask(model.KindHostEndpoint, "normal", model.LayerNormal, packet)
		case !toOrFromHost:
			d = ask(model.KindHostEndpoint, "forward", model.LayerForward, packet)
		}
	}
	if d == "deny" || hostOnly {
		return d
	}
	return ask(model.KindWorkloadEndpoint, "w", model.LayerNormal, packet)
}

// bpfWorld collects the resources that stand for one rule set.
type bpfWorld struct{ resources []model.Resource }

// tiers makes a tier resource and policies for each tier; the policies select the endpoint of that name only.
func (w *bpfWorld) tiers(endpoint string, tiers []bpfTier, flags func(*model.PolicySpec)) {
	for i, bt := range tiers {
		tier := model.New(model.KindTier).(*model.Tier)
		order := float64(i)
		tier.Metadata.Name, tier.Spec.Order, tier.Spec.DefaultAction = fmt.Sprintf("%s-%d", endpoint, i), &order, model.Deny
		if bt.EndAction == "pass" {
			tier.Spec.DefaultAction = model.Pass
		}
		w.resources = append(w.resources, tier)
		for j, bp := range bt.Policies {
			p := model.New(model.KindGlobalNetworkPolicy).(*model.Policy)
			order := float64(j)
			p.Metadata.Name = fmt.Sprintf("%s-%d-%d", endpoint, i, j)
			p.Spec = model.PolicySpec{Tier: tier.Metadata.Name, Order: &order, Selector: "at == '" + endpoint + "'", Types: []model.Direction{model.Ingress}}
			if flags != nil {
				flags(&p.Spec)
			}
			for _, r := range bp.Rules {
				p.Spec.Ingress = append(p.Spec.Ingress, r.rule())
			}
			w.resources = append(w.resources, p)
		}
	}
}

func (w *bpfWorld) endpoints(profiles []bpfPolicy) {
	workload := model.New(model.KindWorkloadEndpoint).(*model.WorkloadEndpoint)
	workload.Metadata = model.Metadata{Name: "w", Namespace: "default", Labels: map[string]string{"at": "workload"}}
	workload.Spec = model.WorkloadEndpointSpec{Node: "n1", InterfaceName: "cali1"}
	w.resources = append(w.resources, workload)
	var names []string
	for i, bp := range profiles {
		p := model.New(model.KindProfile).(*model.Profile)
		p.Metadata.Name = fmt.Sprintf("profile-%d", i)
		names = append(names, p.Metadata.Name)
		for _, r := range bp.Rules {
			p.Spec.Ingress = append(p.Spec.Ingress, r.rule())
		}
		w.resources = append(w.resources, p)
	}
	for i, name := range []string{"forward", "normal", "prednat", "raw"} {
		h := model.New(model.KindHostEndpoint).(*model.HostEndpoint)
		h.Metadata = model.Metadata{Name: name, Labels: map[string]string{"at": name}}
		h.Spec = model.HostEndpointSpec{Node: "n1", InterfaceName: fmt.Sprintf("eth%d", i), Profiles: names}
		w.resources = append(w.resources, h)
	}
}

// sets makes a network set for a set of addresses, and an endpoint of another node for each member of a set of ports.
func (w *bpfWorld) sets(sets map[string][]string) {
	for id, members := range sets {
		set := model.New(model.KindGlobalNetworkSet).(*model.NetworkSet)
		set.Metadata = model.Metadata{Name: "set-" + id, Labels: map[string]string{id: ""}}
		for i, m := range members {
			addr, port, isPort := strings.Cut(m, ",")
			n, err := model.ParseNet(addr)
			if err != nil {
				panic(err)
			}
			if !isPort {
				set.Spec.Nets = append(set.Spec.Nets, n)
				continue
			}
			proto, number, _ := strings.Cut(port, ":")
			num, err := strconv.Atoi(number)
			if err != nil {
				panic(err)
			}
			h := model.New(model.KindHostEndpoint).(*model.HostEndpoint)
			h.Metadata.Name = fmt.Sprintf("port-%s-%d", id, i)
			h.Spec = model.HostEndpointSpec{
				Node: "n2", InterfaceName: fmt.Sprintf("%s-%d", id, i), ExpectedIPs: []netip.Addr{n.Addr()},
				Ports: []model.EndpointPort{{Name: strings.ToLower(id), Protocol: (&bpfProtocol{Name: proto}).protocol(), Port: num}},
			}
			w.resources = append(w.resources, h)
		}
		w.resources = append(w.resources, set)
	}
}

func (p *bpfProtocol) protocol() model.Protocol {
	switch {
	case p == nil:
		return model.Protocol{}
	case p.Name == "":
		return model.ProtocolNumber(p.Number)
	}
	proto, err := model.ParseProtocol(strings.ToUpper(p.Name))
	if err != nil {
		panic(err)
	}
	return proto
}

func (r *bpfRule) rule() model.Rule {
	end := func(nets, notNets []netip.Prefix, ports, notPorts []bpfPorts, sets, notSets, named []string) model.EntityRule {
		e := model.EntityRule{Nets: nets, NotNets: notNets}
		for _, p := range ports {
			e.Ports = append(e.Ports, model.Port{Min: p.First, Max: p.Last})
		}
		for _, p := range notPorts {
			e.NotPorts = append(e.NotPorts, model.Port{Min: p.First, Max: p.Last})
		}
		for _, id := range named {
			e.Ports = append(e.Ports, model.Port{Name: strings.ToLower(id)})
		}
		has := func(ids []string) (terms []string) {
			for _, id := range ids {
				terms = append(terms, "has("+id+")")
			}
			return terms
		}
		e.Selector = strings.Join(has(sets), " && ")
		e.NotSelector = strings.Join(has(notSets), " || ")
		return e
	}
	rule := model.Rule{
		Action: r.Action, Protocol: r.Protocol.protocol(), NotProtocol: r.NotProtocol.protocol(),
		Source:      end(r.SrcNet, r.NotSrcNet, r.SrcPorts, r.NotSrcPorts, r.SrcIPSetIDs, r.NotSrcIPSetIDs, r.SrcNamedPortIPSetIDs),
		Destination: end(r.DstNet, r.NotDstNet, r.DstPorts, r.NotDstPorts, r.DstIPSetIDs, r.NotDstIPSetIDs, r.DstNamedPortIPSetIDs),
	}
	icmp := func(t *int, tc *bpfICMP) *model.ICMP {
		switch {
		case tc != nil:
			return &model.ICMP{Type: &tc.Type, Code: &tc.Code}
		case t != nil:
			return &model.ICMP{Type: t}
		}
		return nil
	}
	rule.ICMP, rule.NotICMP = icmp(r.ICMPType, r.ICMPTypeCode), icmp(r.NotICMPType, r.NotICMPTypeCode)
	return rule
}
