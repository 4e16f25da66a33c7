package xdp

import (
	"fmt"
	"slices"
	"strings"

	"rampart/engine/ir"
	"rampart/engine/ir/flat"
	"rampart/model"
	"rampart/xdp/table"
)

// endpointOf is the endpoint in force on an interface, chosen as nftables chooses it: the first of the interface's name,
// else that of all interfaces unless the name is a workload's. It is nil where there is none.
func endpointOf(p *ir.Program, name string) *ir.Endpoint {
	var star *ir.Endpoint
	for _, e := range p.Endpoints {
		if e.Interface == name {
			return e
		}
		if e.Interface == "*" && !e.Workload && star == nil {
			star = e
		}
	}
	if slices.ContainsFunc(p.Options.WorkloadPrefixes, func(w string) bool { return w != "" && strings.HasPrefix(name, w) }) {
		return nil
	}
	return star
}

// plan is what the fast path would do on an interface, and why not more.
type plan struct {
	policy *policy // nil for nothing
	// layers are those in which packets are denied early; limits say why others are not.
	layers []string
	limits []string
}

func (p *plan) limit(format string, args ...any) {
	p.limits = append(p.limits, fmt.Sprintf(format, args...))
}

// planner makes the plans of one program.
type planner struct {
	program *ir.Program
	flat    *flat.Program
	builder *table.Builder
	deniers *table.Deniers
	// fresh is how many deniers there were when they were last numbered from nothing.
	fresh  int
	around *surroundings
	// conntrack says why conntrack cannot be asked, nil when it can.
	conntrack error
}

// newPlanner takes over what it can from the planner of the program before, nil for none.
func newPlanner(p *ir.Program, around *surroundings, conntrack error, limits table.Limits, previous *planner) *planner {
	out := &planner{
		program: p, flat: flat.Build(p), around: around, conntrack: conntrack,
		builder: &table.Builder{Sets: p.Set, Limits: limits, Deniers: &table.Deniers{}},
	}
	// Deniers are only ever added: begin anew when most of them must be gone.
	if previous != nil && len(previous.deniers.List()) < 2*previous.fresh+1024 {
		out.builder.Previous, out.builder.Deniers, out.fresh = previous.builder, previous.deniers, previous.fresh
	}
	out.deniers = out.builder.Deniers
	return out
}

// finish is called when all plans are made.
func (b *planner) finish() {
	b.builder.Previous = nil
	if b.fresh == 0 {
		b.fresh = len(b.deniers.List())
	}
}

// plan decides which layers the fast path takes part in on an interface. A layer takes part only where the packet is sure
// to reach it in nftables with the same addresses and ports, and belongs to no connection that is accepted before policy.
func (b *planner) plan(name string) (*plan, error) {
	out := &plan{}
	e := endpointOf(b.program, name)
	switch {
	case e == nil:
		out.limit("there is no host endpoint on it")
		return out, nil
	case e.Workload:
		out.limit("it belongs to a workload")
		return out, nil
	}
	if why := b.around.obstacle(name); why != "" {
		out.limit("%s", why)
		return out, nil
	}
	p := &policy{}
	var err error
	if g := e.Group(model.Ingress, model.LayerUntracked); g != nil {
		if p.untracked, err = b.builder.Build(b.flat.Heads[g.ID]); err != nil {
			return nil, err
		}
		out.layers = append(out.layers, "untracked")
	}
	switch {
	case b.conntrack != nil:
		out.limit("the kernel cannot ask conntrack from XDP (%v), so only untracked policy is applied early", b.conntrack)
	case b.around.related != "":
		out.limit("%s, so only untracked policy is applied early", b.around.related)
	default:
		if err := b.tracked(e, p, out); err != nil {
			return nil, err
		}
	}
	if p.decides() {
		p.setLocals(b.around.locals)
		p.setReplies(b.program.Options.FailsafeOut)
		out.policy = p
	} else {
		out.limit("no policy can be applied early here")
	}
	return out, nil
}

// tracked adds the layers behind conntrack.
func (b *planner) tracked(e *ir.Endpoint, p *policy, out *plan) (err error) {
	if g := e.Group(model.Ingress, model.LayerPreDNAT); g != nil {
		if p.preDNAT, err = b.builder.Build(b.flat.Heads[g.ID]); err != nil {
			return err
		}
		out.layers = append(out.layers, "preDNAT")
	}
	switch {
	case b.program.Options.Reject:
		out.limit("normal policy answers what it denies, so it is left to nftables")
		return nil
	case b.around.rewritten != "":
		out.limit("%s, so normal policy is left to nftables", b.around.rewritten)
		return nil
	}
	list := &flat.List{Name: "no policy", ID: "no-policy", End: flat.End{Verdict: flat.Deny, Why: model.WhyNoProfileMatch, Origin: e.Origin}}
	if g := e.Group(model.Ingress, model.LayerNormal); g != nil {
		list = b.flat.Heads[g.ID]
	}
	if p.normal, err = b.builder.Build(list); err != nil {
		return err
	}
	out.layers = append(out.layers, "normal")
	return nil
}
