package compile_test

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"rampart/engine/compile"
	"rampart/engine/ir"
	"rampart/model"
	"rampart/model/store"
)

// calcStates is Calico's table of datastore states and what its calculation graph makes of them on one node, with the
// walks its tests take through them.
type calcStates struct {
	States    []calcState `json:"states"`
	Sequences [][]string  `json:"sequences"`
}

type calcState struct {
	Name      string `json:"name"`
	Datastore []struct {
		Key   string          `json:"key"`
		Value json.RawMessage `json:"value"`
	} `json:"datastore"`
	IPSets   map[string][]string   `json:"ipSets"`
	Order    map[string][]calcTier `json:"endpointPolicyOrder"`
	Untrack  map[string][]calcTier `json:"untrackedOrder"`
	PreDNAT  map[string][]calcTier `json:"preDNATOrder"`
	resource []model.Resource
}

type calcTier struct {
	Name            string
	IngressPolicies []struct{ Name string }
	EgressPolicies  []struct{ Name string }
}

// notHere names the states that ask for what the model does not have, and why.
var notHere = map[string]string{
	"with always-programmed policy":   "performanceHints only asks Felix to program a policy that no endpoint needs",
	"EndpointSliceInactive":           "services",
	"EndpointSliceActive":             "services",
	"EndpointSliceActiveNewIPs":       "services",
	"EndpointSliceActiveNewIPs2":      "services",
	"EndpointSliceOverlap":            "services",
	"EndpointSlice2ActiveNewIPs2":     "services",
	"EndpointSliceActiveNoPorts":      "services",
	"EndpointSliceActivePortsNoPorts": "services",
}

const calcNode = "localhostname"

func TestCalculationGraphStates(t *testing.T) {
	var table calcStates
	readConformance(t, "calc_states.json", &table)
	byName := map[string]*calcState{}
	for i := range table.States {
		s := &table.States[i]
		s.resource = s.convert(t)
		byName[s.Name] = s
	}
	if len(byName) < 60 || len(table.Sequences) < 50 {
		t.Fatalf("%d states and %d walks in the table", len(byName), len(table.Sequences))
	}
	for name := range byName {
		if notHere[name] == "" {
			t.Run(name, func(t *testing.T) {
				s := byName[name]
				s.check(t, compile.Compile(store.ViewOf(s.resource...), compile.Host{Node: calcNode}, ir.Options{}))
			})
		}
	}
	for i, walk := range table.Sequences {
		back := slices.Clone(walk)
		slices.Reverse(back)
		for d, names := range map[string][]string{"forward": walk, "backward": back} {
			t.Run(fmt.Sprintf("walk %d %s", i, d), func(t *testing.T) {
				s := store.New()
				c := compile.NewCompiler(ir.Options{})
				for _, name := range names {
					change, err := s.Apply(&model.Bundle{Source: "etcd", Resources: byName[name].resource})
					if err != nil {
						t.Fatal(err)
					}
					p := c.Compile(s.View(), change, compile.Host{Node: calcNode})
					if notHere[name] == "" {
						byName[name].check(t, p)
					}
					fresh := compile.Compile(s.View(), compile.Host{Node: calcNode}, ir.Options{})
					if describe(p) != describe(fresh) {
						t.Errorf("%s:\n%s\na fresh compiler has\n%s", name, describe(p), describe(fresh))
					}
				}
			})
		}
	}
}

// check compares sets by their members and endpoints by the order of their policies.
func (s *calcState) check(t *testing.T, p *ir.Program) {
	t.Helper()
	var got, want []string
	folded := foldedSets(p)
	for _, set := range p.Sets {
		if !folded[set.ID] {
			got = append(got, calcMembers(set))
		}
	}
	for _, members := range s.IPSets {
		slices.Sort(members)
		want = append(want, strings.Join(members, " "))
	}
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("%s: sets\n  %s\nwant\n  %s", s.Name, strings.Join(got, "\n  "), strings.Join(want, "\n  "))
	}
	for layer, orders := range map[model.Layer]map[string][]calcTier{
		model.LayerNormal: s.Order, model.LayerUntracked: s.Untrack, model.LayerPreDNAT: s.PreDNAT,
	} {
		for name, tiers := range orders {
			e := p.Endpoint(calcKey(name))
			if e == nil {
				t.Errorf("%s: no endpoint %s", s.Name, name)
				continue
			}
			var ingress, egress string
			for _, tier := range tiers {
				for _, q := range tier.IngressPolicies {
					ingress += " " + tier.Name + "/" + q.Name
				}
				for _, q := range tier.EgressPolicies {
					egress += " " + tier.Name + "/" + q.Name
				}
			}
			if got := groupOrder(e.Ingress[layer]); got != ingress {
				t.Errorf("%s: ingress of %s in layer %s:%s, want%s", s.Name, name, layer, got, ingress)
			}
			if got := groupOrder(e.Egress[layer]); got != egress {
				t.Errorf("%s: egress of %s in layer %s:%s, want%s", s.Name, name, layer, got, egress)
			}
		}
	}
}

// foldedSets are those of notSelectors beside a positive selector. Felix folds the two into one selector; here they stay
// two sets, so that an address is excluded if ANYTHING that has it is. In this table none of the former has members.
func foldedSets(p *ir.Program) map[ir.SetID]bool {
	folded := map[ir.SetID]bool{}
	for _, q := range p.Policies {
		for _, r := range slices.Concat(q.Ingress, q.Egress) {
			for _, peer := range []*ir.Peer{&r.Match.Src, &r.Match.Dst} {
				if len(peer.Sets)+len(peer.PortSets) > 0 {
					for _, id := range peer.NotSets {
						folded[id] = p.Set(id).Nets.Len() == 0
					}
				}
			}
		}
	}
	return folded
}

func groupOrder(g *ir.Group) (s string) {
	if g != nil {
		for _, tier := range g.Tiers {
			for _, q := range tier.Policies {
				s += " " + tier.Name + "/" + q.Key.Name
			}
		}
	}
	return s
}

// calcMembers writes members as Felix does. It leaves out prefixes inside others, as Felix does too.
func calcMembers(s *ir.Set) string {
	var out []string
	nets := s.Nets.Slice()
	for i, n := range nets {
		inside := func(o netip.Prefix) bool { return o.Bits() < n.Bits() && o.Contains(n.Addr()) }
		if !slices.ContainsFunc(nets[:i], inside) {
			out = append(out, n.String())
		}
	}
	for _, m := range s.Ports {
		out = append(out, fmt.Sprintf("%s,%s:%d", m.Addr, model.ProtocolLabel(m.Protocol), m.Port))
	}
	slices.Sort(out)
	return strings.Join(out, " ")
}

// calcKey is the key that convert gives an endpoint: "orch/wl1/ep1" is a workload, "named" a host endpoint.
func calcKey(name string) model.Key {
	if orch, rest, ok := strings.Cut(name, "/"); ok {
		return model.Key{Kind: model.KindWorkloadEndpoint, Namespace: "default", Name: orch + "-" + strings.ReplaceAll(rest, "/", "-")}
	}
	return model.Key{Kind: model.KindHostEndpoint, Name: name}
}

// convert makes resources of a datastore, whose entries have the form that Calico's update processors give to Felix.
func (s *calcState) convert(t *testing.T) []model.Resource {
	profiles := map[string]*model.Profile{}
	profile := func(name string) *model.Profile {
		if profiles[name] == nil {
			profiles[name] = model.New(model.KindProfile).(*model.Profile)
			profiles[name].Metadata.Name = name
		}
		return profiles[name]
	}
	var out []model.Resource
	for _, kv := range s.Datastore {
		decode := func(into any) {
			if err := json.Unmarshal(kv.Value, into); err != nil {
				t.Fatalf("%s: %s: %v", s.Name, kv.Key, err)
			}
		}
		path := strings.Split(strings.TrimPrefix(kv.Key, "/calico/"), "/")
		switch {
		case path[1] == "config", path[1] == "Ready", strings.Contains(kv.Key, "kubernetesendpointslices"):
		case path[1] == "v3" && path[3] == "profiles":
			var v model.Profile
			decode(&v)
			profile(path[4]).Spec.LabelsToApply = v.Spec.LabelsToApply
		case path[1] == "policy" && path[2] == "profile":
			var v v1Policy
			decode(&v)
			profile(path[3]).Spec.Ingress, profile(path[3]).Spec.Egress = v1Rules(v.Inbound), v1Rules(v.Outbound)
		case path[1] == "policy" && path[2] == "tier":
			tier := model.New(model.KindTier).(*model.Tier)
			tier.Metadata.Name = path[3]
			decode(&tier.Spec)
			out = append(out, tier)
		case path[1] == "policy":
			var v v1Policy
			decode(&v)
			out = append(out, v.policy(path[4]))
		case path[1] == "netset":
			set := model.New(model.KindGlobalNetworkSet).(*model.NetworkSet)
			set.Metadata.Name = path[2]
			decode(&set.Spec)
			decode(&set.Metadata)
			out = append(out, set)
		case path[1] == "host":
			var v v1Endpoint
			decode(&v)
			if path[3] == "workload" {
				out = append(out, v.workload(calcKey(path[4]+"/"+path[5]+"/"+path[7]), path[2]))
			} else {
				out = append(out, v.host(calcKey(path[4]), path[2]))
			}
		default:
			t.Fatalf("%s: unknown key %s", s.Name, kv.Key)
		}
	}
	for _, p := range profiles {
		out = append(out, p)
	}
	return out
}

type v1Policy struct {
	Tier      string   `json:"tier"`
	Order     *float64 `json:"order"`
	Selector  string   `json:"selector"`
	Types     []string `json:"types"`
	Inbound   []v1Rule `json:"inbound_rules"`
	Outbound  []v1Rule `json:"outbound_rules"`
	Untracked bool     `json:"untracked"`
	PreDNAT   bool     `json:"pre_dnat"`
}

// policy: in this form a policy without types has both, except one before destination NAT.
func (v *v1Policy) policy(name string) *model.Policy {
	p := model.New(model.KindGlobalNetworkPolicy).(*model.Policy)
	p.Metadata.Name = name
	p.Spec = model.PolicySpec{
		Tier: v.Tier, Order: v.Order, Selector: v.Selector, Ingress: v1Rules(v.Inbound), Egress: v1Rules(v.Outbound),
		DoNotTrack: v.Untracked, PreDNAT: v.PreDNAT, ApplyOnForward: v.Untracked || v.PreDNAT,
		Types: []model.Direction{model.Ingress, model.Egress},
	}
	if len(v.Types) > 0 || v.PreDNAT {
		p.Spec.Types = nil
		for _, d := range model.Directions() {
			if slices.Contains(v.Types, strings.ToLower(string(d))) || v.PreDNAT && d == model.Ingress {
				p.Spec.Types = append(p.Spec.Types, d)
			}
		}
	}
	return p
}

type v1Rule struct {
	Protocol       string           `json:"protocol"`
	SrcSelector    string           `json:"src_selector"`
	DstSelector    string           `json:"dst_selector"`
	NotSrcSelector string           `json:"!src_selector"`
	NotDstSelector string           `json:"!dst_selector"`
	SrcPorts       []model.Port     `json:"src_ports"`
	NotSrcPorts    []model.Port     `json:"!src_ports"`
	NotDstPorts    []model.Port     `json:"!dst_ports"`
	HTTP           *model.HTTPMatch `json:"http"`
}

func v1Rules(rules []v1Rule) []model.Rule {
	var out []model.Rule
	for _, v := range rules {
		r := model.Rule{Action: model.Allow, HTTP: v.HTTP}
		r.Protocol = v1Protocol(v.Protocol)
		r.Source = model.EntityRule{Selector: v.SrcSelector, NotSelector: v.NotSrcSelector, Ports: v.SrcPorts, NotPorts: v.NotSrcPorts}
		r.Destination = model.EntityRule{Selector: v.DstSelector, NotSelector: v.NotDstSelector, NotPorts: v.NotDstPorts}
		out = append(out, r)
	}
	return out
}

func v1Protocol(name string) model.Protocol {
	p, _ := model.ParseProtocol(strings.ToUpper(name))
	if name == "" {
		return model.Protocol{}
	}
	return p
}

type v1Endpoint struct {
	Name     string            `json:"name"`
	Profiles []string          `json:"profile_ids"`
	Nets4    []model.Net       `json:"ipv4_nets"`
	Nets6    []model.Net       `json:"ipv6_nets"`
	Addrs4   []netip.Addr      `json:"expected_ipv4_addrs"`
	Addrs6   []netip.Addr      `json:"expected_ipv6_addrs"`
	Labels   map[string]string `json:"labels"`
	Ports    []struct {
		Name     string `json:"name"`
		Protocol string `json:"protocol"`
		Port     int    `json:"port"`
	} `json:"ports"`
}

func (v *v1Endpoint) ports() []model.EndpointPort {
	var out []model.EndpointPort
	for _, p := range v.Ports {
		out = append(out, model.EndpointPort{Name: p.Name, Protocol: v1Protocol(p.Protocol), Port: p.Port})
	}
	return out
}

func (v *v1Endpoint) workload(key model.Key, node string) *model.WorkloadEndpoint {
	w := model.New(model.KindWorkloadEndpoint).(*model.WorkloadEndpoint)
	w.Metadata = model.Metadata{Name: key.Name, Namespace: key.Namespace, Labels: v.Labels}
	w.Spec = model.WorkloadEndpointSpec{
		Node: node, InterfaceName: v.Name, Profiles: v.Profiles, IPNetworks: slices.Concat(v.Nets4, v.Nets6), Ports: v.ports(),
	}
	return w
}

func (v *v1Endpoint) host(key model.Key, node string) *model.HostEndpoint {
	h := model.New(model.KindHostEndpoint).(*model.HostEndpoint)
	h.Metadata = model.Metadata{Name: key.Name, Labels: v.Labels}
	h.Spec = model.HostEndpointSpec{
		Node: node, InterfaceName: v.Name, Profiles: v.Profiles, ExpectedIPs: slices.Concat(v.Addrs4, v.Addrs6), Ports: v.ports(),
	}
	return h
}

// readConformance decodes a file of the optional conformance data: of $RAMPART_DATA, else of shared/data beside the
// repository.
func readConformance(t *testing.T, name string, into any) {
	t.Helper()
	root := os.Getenv("RAMPART_DATA")
	if root == "" {
		root = filepath.Join("..", "..", "..", "shared", "data")
	}
	data, err := os.ReadFile(filepath.Join(root, "conformance", name))
	if err != nil {
		t.Skipf("no conformance data (set RAMPART_DATA): %v", err)
	}
	if err := json.Unmarshal(data, into); err != nil {
		t.Fatal(err)
	}
}
