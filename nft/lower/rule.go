package lower

import (
	"net/netip"
	"slices"

	"rampart/engine/ir"
	"rampart/model"
	"rampart/nft/ruleset"
)

// portProtocols are the protocols whose ports rules may match.
var portProtocols = []uint8{model.ProtoTCP, model.ProtoUDP, model.ProtoSCTP}

// Rules lowers one policy rule to plain rules. ref names it (model.RuleRef). Allow and Deny become v's verdicts, Pass
// becomes pass, and Log logs and goes on.
//
// One policy rule may need several: one per family when it looks at addresses, and one per alternative where nftables
// has no "or". The alternatives of a Log rule exclude each other, so that a packet is logged and counted once.
//
// A rule with an http clause lowers to nothing: at layer 3 and 4 it can match no packet.
func (b *Builder) Rules(r *ir.Rule, ref string, v Verdicts, pass ruleset.Verdict) []*ruleset.Rule {
	if r.Match.HTTP != nil {
		return nil
	}
	var act []ruleset.Statement
	switch r.Action {
	case model.Allow:
		act = []ruleset.Statement{ruleset.Counter{}, v.Allow}
	case model.Deny:
		act = []ruleset.Statement{ruleset.Counter{}, v.Deny}
	case model.Pass:
		act = []ruleset.Statement{ruleset.Counter{}, pass}
	case model.Log:
		act = b.log(ref, r.ID)
	default:
		return nil
	}
	b.Name(r.ID, ref)
	comment := Comment(ref, r.Origin, r.ID)
	var rules []*ruleset.Rule
	for _, match := range b.alternatives(&r.Match, r.Action == model.Log) {
		rules = append(rules, &ruleset.Rule{Statements: append(match, act...), Comment: comment, ID: r.ID})
	}
	return rules
}

func (b *Builder) log(ref string, id model.RuleID) []ruleset.Statement {
	if b.logs = true; b.recording != nil {
		b.recording.logs = true
	}
	o := &b.program.Options
	act := []ruleset.Statement{ruleset.Counter{}}
	if o.LogRate > 0 {
		act = append(act, ruleset.Limit{PerSecond: o.LogRate})
	}
	return append(act, ruleset.Log{Prefix: LogPrefix(o.LogPrefix, ref, id), Group: o.LogGroup, Snaplen: b.options.Snaplen})
}

// conjunction is a list of statements all of which must match.
type conjunction = []ruleset.Statement

// alternatives lowers a match to conjunctions of which any one must hold. With disjoint at most one can.
func (b *Builder) alternatives(m *ir.Match, disjoint bool) []conjunction {
	if m.Protocol != 0 && m.Protocol == m.NotProtocol {
		return nil
	}
	var out []conjunction
	for _, version := range families(m) {
		a := matcher{b: b, m: m, version: version, disjoint: disjoint}
		out = append(out, a.run()...)
	}
	return out
}

// families are the IP versions a match must be lowered for one by one; 0 stands for both at once.
func families(m *ir.Match) []uint8 {
	switch {
	case m.IPVersion != 0:
		return []uint8{m.IPVersion}
	case (m.ICMP != nil || m.NotICMP != nil) && mayBeICMP(m.Protocol) || looksAtAddresses(&m.Src) || looksAtAddresses(&m.Dst):
		return []uint8{4, 6}
	}
	return []uint8{0}
}

// mayBeICMP tells whether packets of the protocol, 0 for any, can have an ICMP type.
func mayBeICMP(protocol uint8) bool {
	return protocol == 0 || protocol == model.ProtoICMP || protocol == model.ProtoICMPv6
}

func looksAtAddresses(p *ir.Peer) bool {
	return len(p.Nets)+len(p.NotNets)+len(p.Sets)+len(p.NotSets)+len(p.PortSets)+len(p.NotPortSets) > 0
}

// matcher lowers one match for one IP version.
type matcher struct {
	b        *Builder
	m        *ir.Match
	version  uint8
	disjoint bool
	// list holds the alternatives so far; nil once nothing can match.
	list []conjunction
}

func (a *matcher) run() []conjunction {
	a.list = []conjunction{nil}
	late := a.late()
	if a.version != 0 && !late {
		a.all(ruleset.Family(a.version))
	}
	a.protocol()
	a.icmp()
	a.ports(&a.m.Src, false)
	a.ports(&a.m.Dst, true)
	if a.version != 0 && late {
		a.all(ruleset.Family(a.version))
	}
	a.addresses(&a.m.Src, false)
	a.addresses(&a.m.Dst, true)
	return a.list
}

// late tells that the IP version may be asked just before the addresses, so that most packets fail a rule before that.
func (a *matcher) late() bool {
	m := a.m
	early := m.ICMP != nil || m.NotICMP != nil || len(m.Src.PortSets)+len(m.Src.NotPortSets)+len(m.Dst.PortSets)+len(m.Dst.NotPortSets) > 0
	return !early && (looksAtAddresses(&m.Src) || looksAtAddresses(&m.Dst))
}

// all adds statements to every alternative.
func (a *matcher) all(st ...ruleset.Statement) {
	for i := range a.list {
		a.list[i] = append(slices.Clip(a.list[i]), st...)
	}
}

// any splits every alternative into one per choice.
func (a *matcher) any(choices ...conjunction) {
	var list []conjunction
	for _, left := range a.list {
		for _, right := range choices {
			list = append(list, slices.Concat(left, right))
		}
	}
	a.list = list
}

func (a *matcher) protocol() {
	switch {
	case a.m.Protocol != 0:
		a.all(ruleset.Protocol(false, a.m.Protocol))
	case a.needsPorts():
		// Ports without a protocol: only packets that have ports.
		a.all(ruleset.Protocol(false, without(portProtocols, a.m.NotProtocol)...))
	case a.m.NotProtocol != 0:
		a.all(ruleset.Protocol(true, a.m.NotProtocol))
	}
}

func without(list []uint8, p uint8) []uint8 {
	return slices.DeleteFunc(slices.Clone(list), func(q uint8) bool { return q == p })
}

func (a *matcher) needsPorts() bool { return needsPorts(&a.m.Src) || needsPorts(&a.m.Dst) }

// needsPorts tells that the peer names ports that a packet must have.
func needsPorts(p *ir.Peer) bool { return len(p.Ports)+len(p.PortSets) > 0 }

// icmp handles icmp and notICMP. Type and code are looked at in both ICMP protocols whatever the IP version, as a rule
// that gives the protocol by number demands.
func (a *matcher) icmp() {
	protocols := a.icmpProtocols()
	if want := a.m.ICMP; want != nil {
		var choices []conjunction
		for _, p := range protocols {
			c := append(a.icmpProtocol(p), ruleset.Octets(a.icmpType(p), false, want.Type))
			if want.HasCode {
				c = append(c, ruleset.Octets(a.icmpCode(p), false, want.Code))
			}
			choices = append(choices, c)
		}
		a.any(choices...)
	}
	not := a.m.NotICMP
	if not == nil || len(protocols) == 0 {
		return
	}
	var choices []conjunction
	if a.m.Protocol == 0 {
		choices = append(choices, conjunction{ruleset.Protocol(true, model.ProtoICMP, model.ProtoICMPv6)})
	}
	for _, p := range protocols {
		choices = append(choices, append(a.icmpProtocol(p), ruleset.Octets(a.icmpType(p), true, not.Type)))
		if not.HasCode {
			choices = append(choices, append(a.icmpProtocol(p),
				ruleset.Octets(a.icmpType(p), false, not.Type), ruleset.Octets(a.icmpCode(p), true, not.Code)))
		}
	}
	a.any(choices...)
}

// icmpProtocols are the ICMP protocols the rule's other conditions leave.
func (a *matcher) icmpProtocols() []uint8 {
	var list []uint8
	for _, p := range []uint8{model.ProtoICMP, model.ProtoICMPv6} {
		if a.m.Protocol == p || a.m.Protocol == 0 && a.m.NotProtocol != p && !a.needsPorts() {
			list = append(list, p)
		}
	}
	return list
}

// icmpProtocol matches the protocol where the rule has not yet done so.
func (a *matcher) icmpProtocol(p uint8) conjunction {
	if a.m.Protocol != 0 {
		return nil
	}
	return conjunction{ruleset.Protocol(false, p)}
}

// icmpType is the field of the type. nft knows ICMP in IPv4 and ICMPv6 in IPv6 only; elsewhere it must be told where the
// octet is.
func (a *matcher) icmpType(protocol uint8) ruleset.Field {
	switch {
	case protocol == model.ProtoICMP && a.version == 4:
		return ruleset.ICMPType
	case protocol == model.ProtoICMPv6 && a.version == 6:
		return ruleset.ICMPv6Type
	}
	return ruleset.TransportOctet0
}

func (a *matcher) icmpCode(protocol uint8) ruleset.Field {
	switch a.icmpType(protocol) {
	case ruleset.ICMPType:
		return ruleset.ICMPCode
	case ruleset.ICMPv6Type:
		return ruleset.ICMPv6Code
	}
	return ruleset.TransportOctet1
}

// ports handles a peer's ports and notPorts.
func (a *matcher) ports(p *ir.Peer, dst bool) {
	if !p.HasPorts() {
		return
	}
	portless := a.m.Protocol != 0 && !model.HasPorts(a.m.Protocol)
	if needsPorts(p) {
		if portless {
			a.list = nil
			return
		}
		a.any(a.portChoices(p, dst)...)
	}
	if len(p.NotPorts)+len(p.NotPortSets) == 0 || portless {
		return
	}
	var not conjunction
	if len(p.NotPorts) > 0 {
		not = append(not, a.b.lists(ruleset.Ports(portField(dst), true, spans(p.NotPorts))))
	}
	for _, lookup := range a.portSets(p.NotPortSets, dst) {
		not = append(not, lookup(true))
	}
	if a.m.Protocol != 0 || a.needsPorts() {
		a.all(not...)
		return
	}
	// A packet of a protocol without ports is not on any of the excluded ones.
	a.any(
		conjunction{ruleset.Protocol(true, portProtocols...)},
		append(conjunction{ruleset.Protocol(false, without(portProtocols, a.m.NotProtocol)...)}, not...),
	)
}

// portChoices are the alternatives of a list of port numbers and named ports.
func (a *matcher) portChoices(p *ir.Peer, dst bool) []conjunction {
	var choices []conjunction
	var earlier conjunction // what rules out the choices before
	choose := func(yes, no ruleset.Statement) {
		choices = append(choices, append(slices.Clone(earlier), yes))
		if a.disjoint {
			earlier = append(earlier, no)
		}
	}
	if len(p.Ports) > 0 {
		choose(a.b.lists(ruleset.Ports(portField(dst), false, spans(p.Ports))), a.b.lists(ruleset.Ports(portField(dst), true, spans(p.Ports))))
	}
	if a.b.peopled[a.version] == 0 {
		return choices // nobody has a port of any name
	}
	for _, lookup := range a.portSets(p.PortSets, dst) {
		choose(lookup(false), lookup(true))
	}
	return choices
}

// portSets are look-ups, each with and without "not", one for each of a few named ports, or one for many.
func (a *matcher) portSets(ids []ir.SetID, dst bool) []func(not bool) ruleset.Statement {
	lookup := func(set string) func(not bool) ruleset.Statement {
		return func(not bool) ruleset.Statement {
			fields := []ruleset.Field{addrField(a.version, dst), ruleset.L4Proto, portField(dst)}
			return ruleset.Lookup{Fields: fields, Set: set, Not: not}
		}
	}
	if len(ids) > maxPortSets {
		return []func(bool) ruleset.Statement{lookup(a.b.PortUnion(ids, a.version))}
	}
	var all []func(bool) ruleset.Statement
	for _, id := range ids {
		all = append(all, lookup(a.b.PortSet(id, a.version)))
	}
	return all
}

func spans(ranges []ir.PortRange) []ruleset.PortSpan {
	out := make([]ruleset.PortSpan, len(ranges))
	for i, r := range ranges {
		out[i] = ruleset.PortSpan(r)
	}
	return out
}

// addresses handles a peer's nets and sets.
func (a *matcher) addresses(p *ir.Peer, dst bool) {
	f := addrField(a.version, dst)
	if len(p.Nets) > 0 {
		nets := ofFamily(p.Nets, a.version)
		switch {
		case len(nets) == 0:
			a.list = nil
			return
		case !slices.ContainsFunc(nets, isAll): // else the match on the family has said it
			a.all(a.b.lists(ruleset.Nets(f, false, nets)))
		}
	}
	if nets := ofFamily(p.NotNets, a.version); len(nets) > 0 {
		if slices.ContainsFunc(nets, isAll) {
			a.list = nil
			return
		}
		a.all(a.b.lists(ruleset.Nets(f, true, nets)))
	}
	lookup := func(set AddressSet, not bool) ruleset.Statement {
		return ruleset.Lookup{Fields: []ruleset.Field{f}, Set: set.Name, Bits: set.Bits, Not: not}
	}
	if a.b.peopled[a.version] == 0 {
		if len(p.Sets) > 0 {
			a.list = nil
		}
		return
	}
	m := a.m
	few := a.disjoint || len(m.Src.Sets)+len(m.Src.NotSets)+len(m.Dst.Sets)+len(m.Dst.NotSets) > 1
	for _, id := range p.Sets {
		sets := a.b.AddressSets(id, a.version, few)
		if len(sets) == 1 {
			a.all(lookup(sets[0], false))
			continue
		}
		var choices []conjunction
		var earlier conjunction
		for _, s := range sets {
			choices = append(choices, append(slices.Clone(earlier), lookup(s, false)))
			if a.disjoint {
				earlier = append(earlier, lookup(s, true))
			}
		}
		a.any(choices...)
	}
	for _, id := range p.NotSets {
		for _, s := range a.b.AddressSets(id, a.version, few) {
			a.all(lookup(s, true))
		}
	}
}

func isAll(p netip.Prefix) bool { return p.Bits() == 0 }

func ofFamily(nets []netip.Prefix, version uint8) []netip.Prefix {
	var list []netip.Prefix
	for _, n := range nets {
		if n.Addr().Is4() == (version == 4) {
			list = append(list, n)
		}
	}
	return list
}
