package kernel

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"rampart/engine/eval"
	"rampart/engine/ir"
	"rampart/model"
)

// Interface is an interface of the node with its addresses.
type Interface struct {
	Name  string
	Addrs []netip.Addr
}

// Path walks packets through one node as the policy model says, from the resources alone.
type Path struct {
	oracle    *eval.Oracle
	options   ir.Options
	workloads map[string]*model.WorkloadEndpoint // by interface
	hosts     map[string]*model.HostEndpoint     // by interface
	wildcard  *model.HostEndpoint
}

// Step is one place that had a say.
type Step struct {
	// Where names the place: an endpoint with direction and layer, or what surrounds policy.
	Where   string
	Verdict model.Verdict
}

// Outcome is where a walk ended and why.
type Outcome struct {
	Arrives bool
	// Unsure means that the model's text leaves the outcome open: conntrack calls the packet invalid, and whether some
	// preDNAT policy, all of which pass it on, acts at the endpoint at all is not known here. With one it is dropped.
	Unsure bool
	Steps  []Step
}

// String lists the steps.
func (o Outcome) String() string {
	var b strings.Builder
	for _, s := range o.Steps {
		fmt.Fprintf(&b, "%s: %s (%s)\n", s.Where, s.Verdict.Decision, s.Verdict.DecidedBy)
	}
	return b.String()
}

// NewPath reads the resources as seen by one node.
func NewPath(resources []model.Resource, node string, interfaces []Interface, options ir.Options) *Path {
	p := &Path{
		oracle: eval.NewOracle(resources, node), options: options,
		workloads: map[string]*model.WorkloadEndpoint{}, hosts: map[string]*model.HostEndpoint{},
	}
	var hosts []*model.HostEndpoint
	for _, r := range resources {
		switch r := r.(type) {
		case *model.WorkloadEndpoint:
			if r.Spec.Node == node {
				p.workloads[r.Spec.InterfaceName] = r
			}
		case *model.HostEndpoint:
			if r.Spec.Node == node {
				hosts = append(hosts, r)
			}
		}
	}
	// Of several host endpoints for one interface the first by name counts.
	slices.SortFunc(hosts, func(a, b *model.HostEndpoint) int { return strings.Compare(a.Metadata.Name, b.Metadata.Name) })
	for _, h := range hosts {
		if h.Spec.InterfaceName == "*" {
			if p.wildcard == nil {
				p.wildcard = h
			}
			continue
		}
		for _, i := range interfaces {
			if _, taken := p.hosts[i.Name]; !taken && fits(h, i) {
				p.hosts[i.Name] = h
			}
		}
	}
	return p
}

// fits tells whether a host endpoint is the given interface: by name, or when it has none by one of its addresses.
func fits(h *model.HostEndpoint, i Interface) bool {
	if h.Spec.InterfaceName != "" {
		return h.Spec.InterfaceName == i.Name
	}
	return slices.ContainsFunc(h.Spec.ExpectedIPs, func(a netip.Addr) bool { return slices.Contains(i.Addrs, a) })
}

// walk is one packet's way.
type walk struct {
	*Path
	in, out string
	packet  model.Packet
	steps   []Step
	// accepted means that the untracked or preDNAT layer allowed the packet, which then skips the later layers of the
	// host endpoint it came in by (or, untracked and sent by the host, leaves by); untracked that conntrack never sees it.
	accepted, untracked bool
	unsure              bool
	err                 error
}

// Walk says what becomes of the first packet of a connection that comes in by one interface ("" for a packet of the
// host's own) and, if allowed, goes out by another ("" for one that is for the host).
func (p *Path) Walk(in, out string, packet model.Packet) (Outcome, error) {
	w := &walk{Path: p, in: in, out: out, packet: packet}
	arrives := w.prerouting() && w.hook()
	return Outcome{Arrives: arrives, Unsure: w.unsure, Steps: w.steps}, w.err
}

// prerouting is what happens before the routing decision.
func (w *walk) prerouting() bool {
	switch {
	case w.in == "":
		return w.rawOutput()
	case w.workloadName(w.in):
		return w.source()
	}
	h, wildcard := w.host(w.in)
	if h == nil {
		return true
	}
	if !wildcard && !w.failsafe(w.options.FailsafeIn, w.options.FailsafeOut) {
		switch w.decide(h.Key(), model.Ingress, model.LayerUntracked) {
		case model.DecisionDeny:
			return false
		case model.DecisionAllow:
			w.accepted, w.untracked = true, true
			return true
		}
	}
	if w.failsafe(w.options.FailsafeIn, nil) {
		return true
	}
	switch w.decide(h.Key(), model.Ingress, model.LayerPreDNAT) {
	case model.DecisionDeny:
		return false
	case model.DecisionAllow:
		w.accepted = true
		return !w.invalid()
	}
	w.unsure = Invalid(w.packet) && !w.options.KeepInvalid
	return true
}

// rawOutput is the untracked layer of what the host sends.
func (w *walk) rawOutput() bool {
	h, wildcard := w.host(w.out)
	if h == nil || wildcard || w.failsafe(w.options.FailsafeOut, w.options.FailsafeIn) {
		return true
	}
	switch w.decide(h.Key(), model.Egress, model.LayerUntracked) {
	case model.DecisionDeny:
		return false
	case model.DecisionAllow:
		w.accepted, w.untracked = true, true
	}
	return true
}

// source is anti-spoofing: a workload sends from its own addresses and those it may borrow.
func (w *walk) source() bool {
	e := w.workloads[w.in]
	if e == nil {
		return w.say("unknown workload interface "+w.in, model.DecisionDeny)
	}
	for _, n := range slices.Concat(e.Spec.IPNetworks, e.Spec.AllowSpoofedSourcePrefixes) {
		if n.Masked().Contains(w.packet.Src) {
			return true
		}
	}
	return w.say("source address of "+w.in, model.DecisionDeny)
}

// invalid drops what conntrack cannot place, wherever policy acts: it comes before policy and failsafe ports.
func (w *walk) invalid() bool {
	if w.untracked || w.options.KeepInvalid || !Invalid(w.packet) {
		return false
	}
	w.say("connection tracking: invalid", model.DecisionDeny)
	return true
}

// hook is input, forward or output.
func (w *walk) hook() bool {
	switch {
	case w.in == "":
		return w.output()
	case w.out == "":
		return w.input()
	}
	return w.from() && w.to()
}

func (w *walk) input() bool {
	if w.workloadName(w.in) {
		if w.invalid() {
			return false
		}
		// Neighbour discovery and multicast listeners, without which IPv6 does not work at all.
		if w.packet.Protocol == model.ProtoICMPv6 && slices.Contains([]uint8{130, 131, 132, 133, 135, 136}, w.packet.ICMPType) {
			return w.say("ICMPv6 of a workload to its host", model.DecisionAllow)
		}
		if w.decide(w.workloads[w.in].Key(), model.Egress, model.LayerNormal) == model.DecisionDeny {
			return false
		}
		if w.options.EndpointToHost == model.Deny {
			return w.say("endpoint to host", model.DecisionDeny)
		}
		return w.say("endpoint to host", model.DecisionAllow)
	}
	h, _ := w.host(w.in)
	if h == nil || w.accepted {
		return true
	}
	if w.invalid() {
		return false
	}
	return w.failsafe(w.options.FailsafeIn, nil) || w.decide(h.Key(), model.Ingress, model.LayerNormal) == model.DecisionAllow
}

func (w *walk) output() bool {
	if w.workloadName(w.out) {
		if w.workloads[w.out] == nil {
			return w.say("unknown workload interface "+w.out, model.DecisionDeny)
		}
		return w.say("host to its workload", model.DecisionAllow)
	}
	h, _ := w.host(w.out)
	if h == nil || w.accepted {
		return true
	}
	if w.invalid() {
		return false
	}
	return w.failsafe(w.options.FailsafeOut, nil) || w.decide(h.Key(), model.Egress, model.LayerNormal) == model.DecisionAllow
}

// from and to are the two sides of the forward hook.
func (w *walk) from() bool {
	if w.workloadName(w.in) {
		return w.workload(w.in, model.Egress)
	}
	return w.accepted || w.forwarded(w.in, model.Ingress)
}

func (w *walk) to() bool {
	if w.workloadName(w.out) {
		return w.workload(w.out, model.Ingress)
	}
	return w.forwarded(w.out, model.Egress)
}

func (w *walk) workload(name string, d model.Direction) bool {
	e := w.workloads[name]
	if e == nil {
		return w.say("unknown workload interface "+name, model.DecisionDeny)
	}
	return !w.invalid() && w.decide(e.Key(), d, model.LayerNormal) != model.DecisionDeny
}

// forwarded asks a host endpoint's applyOnForward policies, if it has any in this direction.
func (w *walk) forwarded(name string, d model.Direction) bool {
	h, _ := w.host(name)
	if h == nil {
		return true
	}
	decision := w.decide(h.Key(), d, model.LayerForward)
	if w.steps[len(w.steps)-1].Verdict.DecidedBy == model.WhyForwardDefault {
		return true
	}
	return !w.invalid() && decision != model.DecisionDeny
}

// workloadName tells whether an interface name is a workload's.
func (w *walk) workloadName(name string) bool {
	return name != "" && slices.ContainsFunc(w.options.WorkloadPrefixes, func(p string) bool { return strings.HasPrefix(name, p) })
}

// host is the host endpoint of an interface: its own, else the one for all.
func (w *walk) host(name string) (h *model.HostEndpoint, wildcard bool) {
	if name == "" || w.workloadName(name) {
		return nil, false
	}
	if h := w.hosts[name]; h != nil {
		return h, false
	}
	return w.wildcard, w.wildcard != nil
}

// failsafe tells whether a failsafe port lets the packet through: to a port of the first list, or back from one of the
// second. The peer's address counts, which is the source of what comes in and the destination of what goes out.
func (w *walk) failsafe(to, back []ir.Failsafe) bool {
	peer := w.packet.Src
	if w.in == "" {
		peer = w.packet.Dst
	}
	match := func(list []ir.Failsafe, port uint16) bool {
		return slices.ContainsFunc(list, func(f ir.Failsafe) bool {
			return f.Protocol == w.packet.Protocol && f.Port == port && (!f.Net.IsValid() || f.Net.Contains(peer))
		})
	}
	if !w.packet.HasPorts() || !match(to, w.packet.DstPort) && !match(back, w.packet.SrcPort) {
		return false
	}
	w.say("failsafe port", model.DecisionAllow)
	return true
}

func (w *walk) decide(endpoint model.Key, d model.Direction, l model.Layer) model.Decision {
	v, err := w.oracle.Evaluate(model.Probe{Endpoint: endpoint, Direction: d, Layer: l, Packet: w.packet})
	if err != nil {
		w.err = err
	}
	w.steps = append(w.steps, Step{fmt.Sprintf("%s %s %s", endpoint, strings.ToLower(string(d)), l), v})
	return v.Decision
}

// say notes what is not policy; it returns whether the packet goes on.
func (w *walk) say(what string, d model.Decision) bool {
	w.steps = append(w.steps, Step{what, model.Verdict{Decision: d, DecidedBy: "not policy"}})
	return d == model.DecisionAllow
}

// Invalid tells whether conntrack calls a connection's first packet invalid: it tracks only those ICMP messages that
// ask for an answer, and leaves neighbour discovery and multicast listener messages alone (nf_conntrack_proto_icmp.c,
// nf_conntrack_proto_icmpv6.c).
func Invalid(p model.Packet) bool {
	switch p.Protocol {
	case model.ProtoICMP:
		return !p.Src.Is4() || !slices.Contains([]uint8{8, 13, 15, 17}, p.ICMPType)
	case model.ProtoICMPv6:
		return p.Src.Is4() || !slices.Contains([]uint8{128, 139, 130, 131, 132, 133, 134, 135, 136, 143}, p.ICMPType)
	}
	return false
}
