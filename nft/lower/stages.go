package lower

import (
	"slices"
	"strings"

	"rampart/engine/ir"
	"rampart/model"
	"rampart/nft/ruleset"
)

// stages builds all base chains and what hangs on them.
func (b *Builder) stages() {
	b.endpoints = b.roster()
	s := &stager{Builder: b, roster: b.endpoints, deny: drop, entries: map[entryKey]ruleset.Verdict{}}
	if b.program.Options.Reject {
		s.deny = s.rejectChain()
	}
	for _, e := range b.program.Endpoints {
		if e.Interface == "*" && !e.Workload {
			s.star = e
			break
		}
	}
	for _, e := range s.examples() {
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
	roster *roster
	// star is the host endpoint of all interfaces that have none of their own.
	star *ir.Endpoint
	// deny is the verdict for denied packets where an answer is possible.
	deny ruleset.Verdict
	// entries are the chains in front of groups that have been made, by stage and group.
	entries map[entryKey]ruleset.Verdict

	workloads, hosts, untrackedIn, untrackedOut, preDNAT bool
	// early tells that some policy allows before conntrack or before DNAT.
	early bool
}

type entryKey struct {
	kind  string
	group *ir.Group
}

// examples are endpoints that are in force, one of every kind.
func (s *stager) examples() []*ir.Endpoint {
	var list []*ir.Endpoint
	for i := range s.roster.kinds.list {
		if k := &s.roster.kinds.list[i]; k.count > 0 {
			list = append(list, k.example)
		}
	}
	if s.star != nil {
		list = append(list, s.star)
	}
	return list
}

// rejectChain is where denied packets go that are to be answered.
func (s *stager) rejectChain() ruleset.Verdict {
	c, _ := s.Chain("answer-denied", "denied packets are answered")
	// A packet from the midst of a connection that conntrack does not know yet must not end it: what its other end sends may
	// be allowed.
	add(c, ruleset.Flags{Field: ruleset.CTState, Mask: ruleset.CTNew}, ruleset.Protocol(false, model.ProtoTCP),
		ruleset.Flags{Field: ruleset.TCPFlags, Mask: ruleset.TCPAck}, drop)
	add(c, ruleset.Protocol(false, model.ProtoTCP), ruleset.Reject{TCPReset: true})
	add(c, ruleset.Reject{})
	return ruleset.GotoChain(c.Name)
}

// fewInterfaces is up to how many names are compared one by one: each takes 10 ns or less, a look-up in a map 50.
const fewInterfaces = 3

// few tells that there are no more interfaces than that, and no rules for all others.
func (s *stager) few() bool { return s.star == nil && len(s.roster.endpoints) <= fewInterfaces }

// lot says what becomes of an endpoint's packets at a stage; the zero Verdict is "nothing here". A lot that is common is
// that of every workload about which neither policy nor profile says anything there.
type lot struct {
	ruleset.Verdict
	common bool
}

// dispatch adds the look-up of the interface. unknown is for workload-like interfaces without an endpoint, zero to let them
// pass. There may be ten thousand workloads: those of the common lot need no elements in the stage's map, because a set
// that all stages share has their interfaces.
func (s *stager) dispatch(c *ruleset.Chain, f ruleset.Field, unknown ruleset.Verdict, cast func(*ir.Endpoint) lot) {
	var star ruleset.Verdict
	if s.star != nil {
		star = cast(s.star).Verdict
	}
	hasStar := star.Kind != ruleset.Continue
	var common ruleset.Verdict
	m := s.roster.mapped(c.Name+"-interfaces", f, s.oldMap(c.Name+"-interfaces"), func(k *kind) ruleset.Verdict {
		l := cast(k.example)
		switch {
		case l.common && !s.few() && (common.Kind == ruleset.Continue || common == l.Verdict):
			common = l.Verdict
			return ruleset.Verdict{}
		case l.Kind == ruleset.Continue && (hasStar || unknown.Kind != ruleset.Continue && k.prefixed):
			return accept // keep it from the rules for other interfaces
		}
		return l.Verdict
	})
	switch {
	case m == nil:
	case len(m.Elements) <= fewInterfaces:
		for _, e := range m.Elements {
			add(c, ruleset.Match{Field: f, Values: []ruleset.Span{{First: e.Key, Last: e.Key}}}, e.Verdict)
		}
	default:
		s.maps[m.Name] = m
		s.AddSet(m)
		add(c, ruleset.VerdictMap{Fields: m.Fields, Map: m.Name})
	}
	if common.Kind != ruleset.Continue {
		add(c, s.atWorkloads(f), common)
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

// at matches the interfaces of some endpoints, all workloads among them: a packet at one of them meets one of the
// conditions. Asked in front of the look-up of the interface, what few packets need costs the others no chain of their
// endpoint's.
func (s *stager) at(f ruleset.Field, which func(*ir.Endpoint) bool) (conditions [][]ruleset.Statement) {
	all := s.star != nil && which(s.star)
	own := ruleset.Match{Field: f, Not: all}
	for i, e := range s.roster.endpoints {
		if which(e) != all && (s.few() || !e.Workload) {
			own.Values = append(own.Values, ruleset.Span{First: s.roster.keys[i], Last: s.roster.keys[i]})
		}
	}
	switch {
	case len(own.Values) > 0:
		conditions = append(conditions, []ruleset.Statement{own})
	case all:
		conditions = append(conditions, nil)
	}
	if !all && !s.few() && s.workloads {
		conditions = append(conditions, []ruleset.Statement{s.atWorkloads(f)})
	}
	return conditions
}

func isWorkload(e *ir.Endpoint) bool { return e.Workload }

// atWorkloads matches the interfaces of workloads.
func (s *stager) atWorkloads(f ruleset.Field) ruleset.Statement {
	const interfaces = "workload-interfaces"
	s.Fragment(interfaces, s.roster.version, func(*Builder) {
		set := &ruleset.Set{Name: interfaces, Fields: []ruleset.Field{ruleset.IIFName}}
		for i, e := range s.roster.endpoints {
			if e.Workload {
				set.Elements = append(set.Elements, ruleset.Element{Key: s.roster.keys[i]})
			}
		}
		set.Size = Size(len(set.Elements))
		s.AddSet(set)
	})
	return ruleset.Lookup{Fields: []ruleset.Field{f}, Set: interfaces}
}

func (b *Builder) prefixed(name string) bool {
	return slices.ContainsFunc(b.program.Options.WorkloadPrefixes, func(p string) bool {
		return p != "" && strings.HasPrefix(name, p)
	})
}

// established accepts packets of connections that policy has allowed before.
func (s *stager) established(c *ruleset.Chain) {
	add(c, ruleset.Flags{Field: ruleset.CTState, Mask: ruleset.CTEstablished | ruleset.CTRelated}, accept)
}

// cut denies packets of open connections that a later policy no longer allows. Whoever runs the program marks them; both
// directions end, also the one that policy would let begin a connection of its own. What is only related to one passes: that
// is the reset or the error that answers a denied packet (nf_conntrack_attach).
func (s *stager) cut(c *ruleset.Chain) {
	if bit := s.program.Options.CutMark; bit != 0 {
		s.builtin(c, "cut-connection", ruleset.Flags{Field: ruleset.CTMark, Mask: bit},
			ruleset.Flags{Field: ruleset.CTState, Mask: ruleset.CTEstablished}, s.deny)
	}
}

// invalid drops what conntrack cannot place. UDP-Lite is left to policy: see the package documentation.
func (s *stager) invalid(c *ruleset.Chain, where ...ruleset.Statement) {
	if s.program.Options.KeepInvalid {
		return
	}
	st := []ruleset.Statement{ruleset.Flags{Field: ruleset.CTState, Mask: ruleset.CTInvalid}, ruleset.Protocol(true, model.ProtoUDPLite)}
	s.builtin(c, "invalid-connection-state", append(append(st, where...), drop)...)
}

// invalidAt is invalid at the interfaces of some endpoints, all workloads among them.
func (s *stager) invalidAt(c *ruleset.Chain, f ruleset.Field, which func(*ir.Endpoint) bool) {
	for _, where := range s.at(f, which) {
		s.invalid(c, where...)
	}
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
		g = noPolicies[d]
	}
	return ruleset.GotoChain(s.group(g, v))
}

// noPolicies are the groups of endpoints that have neither policy nor profile.
var noPolicies = map[model.Direction]*ir.Group{
	model.Ingress: {ID: "no-policy", Direction: model.Ingress},
	model.Egress:  {ID: "no-policy", Direction: model.Egress},
}

// entry is the chain in front of a group's chain in one stage, shared by the endpoints of the group. fill adds what
// comes before policy; when that is nothing, packets go to the group's chain at once.
func (s *stager) entry(kind string, e *ir.Endpoint, d model.Direction, l model.Layer, v Verdicts, fill func(c *ruleset.Chain)) ruleset.Verdict {
	g := e.Group(d, l)
	key := entryKey{kind, g}
	if made, ok := s.entries[key]; ok {
		return made
	}
	if g == nil {
		g = noPolicies[d]
	}
	name := "entry " + kind + " " + string(g.ID)
	f := s.fragment(name, g, func(*Builder) string {
		to := s.policy(e, d, l, v)
		c := &ruleset.Chain{Name: ChainName(kind, groupWord(g), string(g.ID))}
		if fill(c); len(c.Rules) == 0 {
			return to.Chain
		}
		add(c, to)
		s.AddChain(c)
		return c.Name
	})
	s.part(f)
	s.entries[key] = ruleset.GotoChain(f.result)
	return s.entries[key]
}

// workload is the lot of a workload whose packets go to its group's chain.
func (s *stager) workload(e *ir.Endpoint, d model.Direction) lot {
	g := e.Group(d, model.LayerNormal)
	v := s.policy(e, d, model.LayerNormal, Verdicts{Allow: accept, Deny: s.deny})
	return lot{v, g == nil || len(g.Tiers)+len(g.Profiles) == 0}
}

// own is a lot that is an endpoint's own.
func own(v ruleset.Verdict) lot { return lot{Verdict: v} }
