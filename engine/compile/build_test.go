package compile_test

import (
	"net/netip"
	"strings"
	"testing"

	"rampart/engine/compile"
	"rampart/engine/ir"
	"rampart/model"
	"rampart/model/store"
)

// What follows writes resources in few words, so that tests read like policy.

var tcp, udp = model.Protocol{Name: "TCP", Number: 6}, model.Protocol{Name: "UDP", Number: 17}

// labels reads "a=1 b=2".
func labels(text string) map[string]string {
	out := map[string]string{}
	for _, f := range strings.Fields(text) {
		k, v, _ := strings.Cut(f, "=")
		out[k] = v
	}
	return out
}

// workload is an endpoint of node n1 in namespace prod unless edited.
func workload(name, addrs, labelText string, edits ...func(*model.WorkloadEndpoint)) *model.WorkloadEndpoint {
	w := model.New(model.KindWorkloadEndpoint).(*model.WorkloadEndpoint)
	w.Metadata = model.Metadata{Namespace: "prod", Name: name, Labels: labels(labelText)}
	w.Spec = model.WorkloadEndpointSpec{Node: "n1", InterfaceName: "cali-" + name}
	for _, a := range strings.Fields(addrs) {
		n, err := model.ParseNet(a)
		if err != nil {
			panic(err)
		}
		w.Spec.IPNetworks = append(w.Spec.IPNetworks, n)
	}
	for _, edit := range edits {
		edit(w)
	}
	return w
}

func onNode(node string) func(*model.WorkloadEndpoint) {
	return func(w *model.WorkloadEndpoint) { w.Spec.Node = node }
}

func inNamespace(name string) func(*model.WorkloadEndpoint) {
	return func(w *model.WorkloadEndpoint) { w.Metadata.Namespace = name }
}

func withProfiles(names ...string) func(*model.WorkloadEndpoint) {
	return func(w *model.WorkloadEndpoint) { w.Spec.Profiles = names }
}

func withPort(name string, proto model.Protocol, port int) func(*model.WorkloadEndpoint) {
	return func(w *model.WorkloadEndpoint) {
		w.Spec.Ports = append(w.Spec.Ports, model.EndpointPort{Name: name, Protocol: proto, Port: port})
	}
}

func hostEndpoint(name, iface, addrs, labelText string) *model.HostEndpoint {
	h := model.New(model.KindHostEndpoint).(*model.HostEndpoint)
	h.Metadata = model.Metadata{Name: name, Labels: labels(labelText)}
	h.Spec = model.HostEndpointSpec{Node: "n1", InterfaceName: iface}
	for _, a := range strings.Fields(addrs) {
		h.Spec.ExpectedIPs = append(h.Spec.ExpectedIPs, netip.MustParseAddr(a))
	}
	return h
}

// policyOf makes a policy; the name is "namespace/name" for kinds that have a namespace.
func policyOf(kind model.Kind, name, selector string, edits ...func(*model.PolicySpec)) *model.Policy {
	p := model.New(kind).(*model.Policy)
	if ns, rest, ok := strings.Cut(name, "/"); ok {
		p.Metadata.Namespace, name = ns, rest
	}
	p.Metadata.Name = name
	p.Spec.Selector = selector
	for _, edit := range edits {
		edit(&p.Spec)
	}
	return p
}

func global(name, selector string, edits ...func(*model.PolicySpec)) *model.Policy {
	return policyOf(model.KindGlobalNetworkPolicy, name, selector, edits...)
}

func order(n float64) func(*model.PolicySpec) { return func(s *model.PolicySpec) { s.Order = &n } }
func inTier(n string) func(*model.PolicySpec) { return func(s *model.PolicySpec) { s.Tier = n } }
func applyOnForward(s *model.PolicySpec)      { s.ApplyOnForward = true }
func preDNAT(s *model.PolicySpec)             { s.ApplyOnForward, s.PreDNAT = true, true }
func doNotTrack(s *model.PolicySpec)          { s.ApplyOnForward, s.DoNotTrack = true, true }
func both(s *model.PolicySpec)                { s.Types = []model.Direction{model.Ingress, model.Egress} }
func egressOnly(s *model.PolicySpec)          { s.Types = []model.Direction{model.Egress} }
func ingress(r ...model.Rule) func(*model.PolicySpec) {
	return func(s *model.PolicySpec) { s.Ingress = append(s.Ingress, r...) }
}
func egress(r ...model.Rule) func(*model.PolicySpec) {
	return func(s *model.PolicySpec) { s.Egress = append(s.Egress, r...) }
}

func tierOf(name string, order float64, end model.Action) *model.Tier {
	t := model.New(model.KindTier).(*model.Tier)
	t.Metadata.Name = name
	t.Spec = model.TierSpec{Order: &order, DefaultAction: end}
	return t
}

func profileOf(name, labelText string, ingress ...model.Rule) *model.Profile {
	p := model.New(model.KindProfile).(*model.Profile)
	p.Metadata.Name = name
	p.Spec = model.ProfileSpec{LabelsToApply: labels(labelText), Ingress: ingress}
	return p
}

func globalSet(name, labelText string, nets ...string) *model.NetworkSet {
	s := model.New(model.KindGlobalNetworkSet).(*model.NetworkSet)
	s.Metadata = model.Metadata{Name: name, Labels: labels(labelText)}
	for _, text := range nets {
		n, err := model.ParseNet(text)
		if err != nil {
			panic(err)
		}
		s.Spec.Nets = append(s.Spec.Nets, n)
	}
	return s
}

func compiled(resources ...model.Resource) *ir.Program {
	return compile.Compile(store.ViewOf(resources...), compile.Host{Node: "n1"}, ir.Options{})
}

// listed is a group's policies by tier, "tier: a b; tier2: c", with marks for staged policies and missing tiers, and
// the end action of each tier.
func listed(g *ir.Group) string {
	if g == nil {
		return "none"
	}
	var tiers []string
	for _, t := range g.Tiers {
		s := t.Name
		if t.Missing {
			s += "?"
		}
		for i, p := range t.Policies {
			s += " "
			if i == 0 {
				s = strings.TrimSuffix(s, " ") + ": "
			}
			if p.Staged {
				s += "~"
			}
			s += p.Key.Name
		}
		tiers = append(tiers, s+" then "+string(t.Default))
	}
	for _, p := range g.Profiles {
		s := "profile " + p.Name
		if p.Missing {
			s += "?"
		}
		tiers = append(tiers, s)
	}
	return strings.Join(tiers, "; ")
}

// groupsOf finds the groups of an endpoint by its name.
func groupOf(t *testing.T, p *ir.Program, endpoint string, d model.Direction, l model.Layer) *ir.Group {
	t.Helper()
	for _, e := range p.Endpoints {
		if e.Key.Name == endpoint {
			return e.Group(d, l)
		}
	}
	t.Fatalf("no endpoint %s:\n%s", endpoint, ir.Text(p))
	return nil
}
