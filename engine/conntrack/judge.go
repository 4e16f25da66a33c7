package conntrack

import (
	"net/netip"
	"slices"
	"strings"

	"rampart/engine/eval"
	"rampart/engine/ir"
	"rampart/model"
)

// judge says what one program makes of the first packet of a connection on its way through the node.
type judge struct {
	program   *ir.Program
	evaluator *eval.Indexed
	endpoints map[string]*ir.Endpoint // by interface
}

func newJudge(p *ir.Program) *judge {
	j := &judge{program: p, evaluator: eval.NewIndexed(p), endpoints: make(map[string]*ir.Endpoint, len(p.Endpoints))}
	for _, e := range p.Endpoints {
		if e.Interface != "" {
			j.endpoints[e.Interface] = e
		}
	}
	return j
}

// at is the endpoint that guards an interface: its own, else the host endpoint for all others. Nil is none.
func (j *judge) at(iface string) *ir.Endpoint {
	e := j.endpoints[iface]
	if e == nil && iface != "" && !j.workloadName(iface) {
		e = j.endpoints["*"]
	}
	return e
}

// workloadName tells that interfaces of this name are workloads': without an endpoint they are denied everything.
func (j *judge) workloadName(iface string) bool {
	return slices.ContainsFunc(j.program.Options.WorkloadPrefixes, func(p string) bool { return p != "" && strings.HasPrefix(iface, p) })
}

// failsafe tells that a connection of the host itself goes through a failsafe port. The first packet that the kernel saw
// of a connection may have been an answer, so either end may be the server.
func (j *judge) failsafe(f *flow, from, to place) bool {
	o := &j.program.Options
	guarded := func(p place) bool { e := j.at(p.iface); return e != nil && !e.Workload }
	first := f.routed()
	arrived := f.original()
	switch {
	case from.local && !to.local && guarded(to):
		return open(o.FailsafeOut, first.Protocol, first.DstPort, first.Dst) || open(o.FailsafeOut, first.Protocol, arrived.DstPort, first.Dst) ||
			open(o.FailsafeIn, first.Protocol, first.SrcPort, first.Dst)
	case to.local && !from.local && guarded(from):
		return open(o.FailsafeIn, first.Protocol, first.DstPort, first.Src) || open(o.FailsafeIn, first.Protocol, arrived.DstPort, first.Src) ||
			open(o.FailsafeOut, first.Protocol, first.SrcPort, first.Src)
	}
	return false
}

// open tells whether a list of failsafe ports has a port of the host or, outbound, of its peer.
func open(list []ir.Failsafe, protocol uint8, port uint16, peer netip.Addr) bool {
	return model.HasPorts(protocol) && slices.ContainsFunc(list, func(f ir.Failsafe) bool {
		return f.Protocol == protocol && f.Port == port && (!f.Net.IsValid() || f.Net.Contains(peer))
	})
}

// denies tells whether the program would not let the connection begin, and what denies it. Failsafe ports of the host are
// the caller's business; policies before destination NAT let them pass without knowing where the packet goes.
func (j *judge) denies(f *flow, from, to place) (by string, denied bool) {
	w := walk{judge: j, before: f.original(), after: f.routed()}
	if !from.local {
		w.arrives(from.iface)
	} else if e := j.at(to.iface); e != nil && !e.Workload && e.Interface != "*" {
		w.early(e, model.Egress, model.LayerUntracked)
	}
	switch {
	case w.over:
	case from.local:
		w.sent(to.iface)
	case to.local:
		w.received(from.iface)
	default:
		w.forwardedFrom(from.iface)
		w.forwardedTo(to.iface)
	}
	return w.by, w.over
}

// walk is the way of one packet. It is over once something has denied it; accepted tells that an untracked or preDNAT
// policy has allowed it, which makes the host endpoint it came by say no more.
type walk struct {
	*judge
	before, after  model.Packet
	accepted, over bool
	by             string
}

func (w *walk) deny(by string) { w.over, w.by = true, by }

// ask puts a packet to one layer of an endpoint.
func (w *walk) ask(e *ir.Endpoint, d model.Direction, l model.Layer, p model.Packet) model.Verdict {
	v, err := w.evaluator.Evaluate(model.Probe{Endpoint: e.Key, Direction: d, Layer: l, Packet: p})
	if err != nil {
		return model.Verdict{Decision: model.DecisionAllow} // the endpoint is the program's own: this does not happen
	}
	return v
}

// early asks a layer before connection tracking or destination NAT.
func (w *walk) early(e *ir.Endpoint, d model.Direction, l model.Layer) {
	if w.over || w.accepted {
		return
	}
	switch v := w.ask(e, d, l, w.before); v.Decision {
	case model.DecisionDeny:
		w.deny(v.DecidedBy)
	case model.DecisionAllow:
		w.accepted = true
	}
}

// arrives is what happens before routing.
func (w *walk) arrives(iface string) {
	e := w.at(iface)
	switch {
	case e == nil && w.workloadName(iface):
		w.deny("no workload endpoint on " + iface)
	case e == nil:
	case e.Workload:
		mayUse := func(n netip.Prefix) bool { return n.Contains(w.before.Src) }
		if !slices.ContainsFunc(e.Addrs, mayUse) && !slices.ContainsFunc(e.SpoofAllowed, mayUse) {
			w.deny("source address of " + e.Key.String())
		}
	default:
		o := &w.program.Options
		failsafe := open(o.FailsafeIn, w.before.Protocol, w.before.DstPort, w.before.Src)
		if answer := open(o.FailsafeOut, w.before.Protocol, w.before.SrcPort, w.before.Src); e.Interface != "*" && !failsafe && !answer {
			w.early(e, model.Ingress, model.LayerUntracked)
		}
		if !failsafe {
			w.early(e, model.Ingress, model.LayerPreDNAT)
		}
	}
}

// normal asks the layer that ends in a denial.
func (w *walk) normal(e *ir.Endpoint, d model.Direction) {
	if v := w.ask(e, d, model.LayerNormal, w.after); v.Decision != model.DecisionAllow {
		w.deny(v.DecidedBy)
	}
}

func (w *walk) received(iface string) {
	e := w.at(iface)
	switch {
	case e == nil:
	case e.Workload:
		if w.normal(e, model.Egress); !w.over && w.program.Options.EndpointToHost == model.Deny {
			w.deny("endpoint-to-host")
		}
	case !w.accepted:
		w.normal(e, model.Ingress)
	}
}

func (w *walk) sent(iface string) {
	switch e := w.at(iface); {
	case e == nil && w.workloadName(iface):
		w.deny("no workload endpoint on " + iface)
	case e != nil && !e.Workload && !w.accepted:
		w.normal(e, model.Egress)
	}
}

func (w *walk) forwardedFrom(iface string) {
	switch e := w.at(iface); {
	case e == nil:
	case e.Workload:
		w.normal(e, model.Egress)
	case !w.accepted:
		w.forward(e, model.Ingress)
	}
}

func (w *walk) forwardedTo(iface string) {
	switch e := w.at(iface); {
	case w.over:
	case e == nil && w.workloadName(iface):
		w.deny("no workload endpoint on " + iface)
	case e == nil:
	case e.Workload:
		w.normal(e, model.Ingress)
	default:
		w.forward(e, model.Egress)
	}
}

// forward asks a host endpoint's applyOnForward policies.
func (w *walk) forward(e *ir.Endpoint, d model.Direction) {
	if v := w.ask(e, d, model.LayerForward, w.after); v.Decision == model.DecisionDeny {
		w.deny(v.DecidedBy)
	}
}
