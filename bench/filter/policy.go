package filter

import (
	"fmt"
	"net/netip"

	"rampart/engine/ir"
	"rampart/model"
)

// policyLength is how many rules of a plain list one policy holds: as many as somebody might still look through.
const policyLength = 1000

// listed gives a set of plain rules its policies: the rules in order, policyLength to a policy. Its change is one more
// rule at the top of the first policy.
func (s *Set) listed() {
	s.resources = func() []model.Resource {
		out := []model.Resource{hostEndpoint()}
		for i := 0; i < len(s.Rules); i += policyLength {
			p := policy(fmt.Sprintf("%s-%03d", s.Name, i/policyLength), i/policyLength)
			for j := range s.Rules[i:min(i+policyLength, len(s.Rules))] {
				p.Spec.Ingress = append(p.Spec.Ingress, s.Rules[i+j].policyRule(s.Family))
			}
			out = append(out, p)
		}
		return out
	}
	s.change = func(number int) *Change {
		added, packet := allowFlow(s.Family, number)
		after := &Set{Name: s.Name, Family: s.Family, Seed: s.Seed, Default: s.Default, Rules: append([]Rule{added}, s.Rules...)}
		after.listed()
		// The policies keep their borders, so that only the first is another one.
		after.resources = func() []model.Resource {
			out := s.Resources()
			first := *out[1].(*model.Policy)
			first.Spec.Ingress = append([]model.Rule{added.policyRule(s.Family)}, first.Spec.Ingress...)
			out[1] = &first
			return out
		}
		return &Change{What: "one more rule at the top", Rules: []Rule{added}, After: after, Packet: packet}
	}
}

// allowFlow is a rule that lets a stranger in, and a packet of his.
func allowFlow(family, number int) (Rule, model.Packet) {
	src, dst := stranger(family, number), receiver(family)
	r := Rule{Action: model.Allow}
	r.Src, r.Dst = netip.PrefixFrom(src, src.BitLen()), netip.PrefixFrom(dst, dst.BitLen())
	r.SrcPorts, r.DstPorts = anyPorts, ir.PortRange{Min: changePort, Max: changePort}
	r.Protocol = model.ProtoUDP
	return r, model.Packet{Src: src, Dst: dst, Protocol: model.ProtoUDP, SrcPort: 40000, DstPort: changePort}
}

// changePort is Discard's (RFC 863).
const changePort = 9

// policyRule is the rule in the model's words.
func (r *Rule) policyRule(family int) model.Rule {
	out := model.Rule{Action: r.Action}
	if !r.AnyProtocol {
		out.Protocol = model.ProtocolNumber(r.Protocol)
	}
	if r.Src.Bits() > 0 {
		out.Source.Nets = []netip.Prefix{r.Src}
	}
	if r.Dst.Bits() > 0 {
		out.Destination.Nets = []netip.Prefix{r.Dst}
	}
	if r.Src.Bits() == 0 && r.Dst.Bits() == 0 {
		out.IPVersion = model.IPVersion(family)
	}
	if r.HasSrcPorts() {
		out.Source.Ports = []model.Port{{Min: r.SrcPorts.Min, Max: r.SrcPorts.Max}}
	}
	if r.HasDstPorts() {
		out.Destination.Ports = []model.Port{{Min: r.DstPorts.Min, Max: r.DstPorts.Max}}
	}
	return out
}

// hostEndpoint is the interface that packets come in by.
func hostEndpoint() model.Resource {
	h := model.New(model.KindHostEndpoint).(*model.HostEndpoint)
	h.Metadata = model.Metadata{Name: "gate", Labels: map[string]string{"role": "gate"}}
	h.Spec = model.HostEndpointSpec{Node: Node, InterfaceName: Interface}
	return h
}

// policy is an empty policy for traffic forwarded from the host endpoint.
func policy(name string, order int) *model.Policy {
	p := model.New(model.KindGlobalNetworkPolicy).(*model.Policy)
	p.Metadata.Name = name
	o := float64(order)
	p.Spec = model.PolicySpec{Order: &o, Selector: "role == 'gate'", ApplyOnForward: true, Types: []model.Direction{model.Ingress}}
	return p
}
