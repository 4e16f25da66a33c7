package lower

import (
	"slices"

	"rampart/engine/ir"
	"rampart/model"
	"rampart/nft/ruleset"
)

// stages builds all base chains and what hangs on them.
func (b *Builder) stages() {
	s := &stager{Builder: b, deny: drop, byInterface: map[string]*ir.Endpoint{}}
	if b.program.Options.Reject {
		s.deny = s.rejectChain()
	}
	for _, e := range b.program.Endpoints {
		switch {
		case e.Interface == "":
		case e.Interface == "*" && !e.Workload:
			if s.star == nil {
				s.star = e
			}
		case s.byInterface[e.Interface] == nil:
			s.byInterface[e.Interface] = e
		}
	}
	for _, e := range s.all() {
		s.workloads = s.workloads || e.Workload
		s.hosts = s.hosts || !e.Workload
		s.untrackedIn = s.untrackedIn || acting(e, model.Ingress, model.LayerUntracked) != nil
		s.untrackedOut = s.untrackedOut || acting(e, model.Egress, model.LayerUntracked) != nil
		s.preDNAT = s.preDNAT || acting(e, model.Ingress, model.LayerPreDNAT) != nil
	}
	s.early = s.untrackedIn || s.untrackedOut || s.preDNAT
	s.rawPrerouting()
	s.manglePrerouting()
	s.input()
	s.inputToHost()
	s.forward(model.Egress, "forward-from", ruleset.IIFName, 0)
	s.forward(model.Ingress, "forward-to", ruleset.OIFName, 1)
	s.rawOutput()
	s.output()
	s.manglePostrouting()
}

// stager holds what the stages have in common.
type stager struct {
	*Builder
	// byInterface has one endpoint per interface: the first by key. star is the host endpoint of all other interfaces.
	byInterface map[string]*ir.Endpoint
	star        *ir.Endpoint
	// deny is the verdict for denied packets where an answer is possible.
	deny ruleset.Verdict

	workloads, hosts, untrackedIn, untrackedOut, preDNAT bool
	// early tells that some policy allows before conntrack or before DNAT.
	early bool
}

func (s *stager) all() []*ir.Endpoint {
	var list []*ir.Endpoint
	for _, e := range s.program.Endpoints {
		if e == s.star || s.byInterface[e.Interface] == e {
			list = append(list, e)
		}
	}
	return list
}

// rejectChain is where denied packets go that are to be answered.
func (s *stager) rejectChain() ruleset.Verdict {
	c, _ := s.Chain("answer-denied", "denied packets are answered")
	add(c, ruleset.Protocol(false, model.ProtoTCP), ruleset.Reject{TCPReset: true})
	add(c, ruleset.Reject{})
	return ruleset.GotoChain(c.Name)
}

// dispatch adds the look-up of the interface. verdict says what becomes of an endpoint's packets; the zero Verdict is
// "nothing here". unknown is for workload-like interfaces without an endpoint, zero to let them pass.
func (s *stager) dispatch(c *ruleset.Chain, f ruleset.Field, unknown ruleset.Verdict, verdict func(*ir.Endpoint) ruleset.Verdict) {
	var star ruleset.Verdict
	if s.star != nil {
		star = verdict(s.star)
	}
	hasStar := star.Kind != ruleset.Continue
	entries := map[string]ruleset.Verdict{}
	for name, e := range s.byInterface {
		v := verdict(e)
		if v.Kind == ruleset.Continue && (hasStar || unknown.Kind != ruleset.Continue && s.prefixed(name)) {
			v = accept // keep it from the rules for other interfaces
		}
		if v.Kind != ruleset.Continue {
			entries[name] = v
		}
	}
	if len(entries) > 0 {
		name := c.Name + "-interfaces"
		s.interfaceMap(name, f, entries)
		add(c, ruleset.VerdictMap{Fields: []ruleset.Field{f}, Map: name})
	}
	for _, prefix := range s.program.Options.WorkloadPrefixes {
		switch {
		case prefix == "":
		case unknown.Kind != ruleset.Continue:
			s.builtin(c, "unknown-workload-interface "+c.Name+" "+prefix, ruleset.Interface(f, prefix, true), unknown)
		case hasStar:
			add(c, ruleset.Interface(f, prefix, true), accept)
		}
	}
	if hasStar {
		add(c, star)
	}
}

func (s *stager) prefixed(name string) bool {
	return slices.ContainsFunc(s.program.Options.WorkloadPrefixes, func(p string) bool {
		return p != "" && len(name) >= len(p) && name[:len(p)] == p
	})
}

// established accepts packets of connections that policy has allowed before.
func (s *stager) established(c *ruleset.Chain) {
	add(c, ruleset.Flags{Field: ruleset.CTState, Mask: ruleset.CTEstablished | ruleset.CTRelated}, accept)
}

// invalid drops what conntrack cannot place. UDP-Lite is left to policy: see the package documentation.
func (s *stager) invalid(c *ruleset.Chain) {
	if s.program.Options.KeepInvalid {
		return
	}
	s.builtin(c, "invalid-connection-state", ruleset.Flags{Field: ruleset.CTState, Mask: ruleset.CTInvalid},
		ruleset.Protocol(true, model.ProtoUDPLite), drop)
}

// acceptedEarly lets packets pass that an untracked or preDNAT policy has allowed.
func (s *stager) acceptedEarly(c *ruleset.Chain) {
	if s.early {
		add(c, ruleset.Flags{Field: ruleset.Mark, Mask: s.options.Mark}, accept)
	}
}

// clearMark takes the mark from packets that enter the host with it.
func (s *stager) clearMark(c *ruleset.Chain) {
	if s.early {
		add(c, ruleset.Flags{Field: ruleset.Mark, Mask: s.options.Mark}, ruleset.SetMark{Mask: s.options.Mark, Clear: true})
	}
}

// acting is an endpoint's group in a layer other than normal, nil when it decides nothing: staged policies alone change
// nothing, not even for packets conntrack calls invalid.
func acting(e *ir.Endpoint, d model.Direction, l model.Layer) *ir.Group {
	g := e.Group(d, l)
	if g == nil || !slices.ContainsFunc(g.Tiers, func(t ir.Tier) bool { return t.Enforced() }) {
		return nil
	}
	return g
}

// policy is the chain of an endpoint's group; a normal layer without a group denies.
func (s *stager) policy(e *ir.Endpoint, d model.Direction, l model.Layer, v Verdicts) ruleset.Verdict {
	g := e.Group(d, l)
	if g == nil {
		g = noPolicy(d, l)
	}
	return ruleset.GotoChain(s.group(g, v))
}

// noPolicies are the groups of endpoints that have neither policy nor profile.
var noPolicies = map[model.Direction]*ir.Group{
	model.Ingress: {ID: "no-policy", Direction: model.Ingress},
	model.Egress:  {ID: "no-policy", Direction: model.Egress},
}

func noPolicy(d model.Direction, _ model.Layer) *ir.Group { return noPolicies[d] }

// entry is the chain in front of a group's chain in one stage, shared by the endpoints of the group. fill adds what
// comes before policy.
func (s *stager) entry(kind string, e *ir.Endpoint, d model.Direction, l model.Layer, v Verdicts, fill func(c *ruleset.Chain)) ruleset.Verdict {
	id := noPolicy(d, l).ID
	if g := e.Group(d, l); g != nil {
		id = g.ID
	}
	c, fresh := s.Chain(ChainName(kind, "", string(id)), "")
	if fresh {
		fill(c)
		add(c, s.policy(e, d, l, v))
	}
	return ruleset.GotoChain(c.Name)
}
