package lower

import (
	"net/netip"

	"rampart/engine/ir"
	"rampart/model"
	"rampart/nft/ruleset"
)

// earlyChains are where untracked and preDNAT policy goes to allow a packet.
const (
	chainAllowUntracked = "allow-untracked"
	chainAllowPreDNAT   = "allow-preDNAT"
)

// allowEarly is the allow verdict of the untracked and preDNAT layers: it marks the packet for the later stages.
func (s *stager) allowEarly(name string) ruleset.Verdict {
	c, fresh := s.Chain(name, "allowed here, so later stages of the host endpoint accept")
	if fresh {
		mark := ruleset.SetMark{Mask: s.options.Mark}
		if name == chainAllowUntracked {
			add(c, ruleset.Notrack{}, mark, accept)
		} else {
			add(c, mark, accept)
		}
	}
	return ruleset.GotoChain(name)
}

func (s *stager) rawPrerouting() {
	if !s.workloads && !s.early {
		return
	}
	c := s.base("raw-prerouting", ruleset.HookPrerouting, ruleset.PriorityRaw)
	add(c, ruleset.Interface(ruleset.IIFName, "lo", false), accept)
	s.clearMark(c)
	s.dispatch(c, ruleset.IIFName, ruleset.Verdict{}, func(e *ir.Endpoint) lot {
		switch {
		case e.Workload:
			return lot{s.workloadSources(), true}
		case acting(e, model.Ingress, model.LayerUntracked) != nil:
			v := Verdicts{Allow: s.allowEarly(chainAllowUntracked), Deny: drop}
			return own(s.entry("raw-in", e, model.Ingress, model.LayerUntracked, v, func(c *ruleset.Chain) {
				s.failsafeRaw(c, model.Ingress)
			}))
		}
		return lot{}
	})
}

func (s *stager) manglePrerouting() {
	if !s.preDNAT {
		return
	}
	c := s.base("mangle-prerouting", ruleset.HookPrerouting, ruleset.PriorityMangle)
	add(c, ruleset.Interface(ruleset.IIFName, "lo", false), accept)
	s.established(c)
	s.acceptedEarly(c)
	s.dispatch(c, ruleset.IIFName, ruleset.Verdict{}, func(e *ir.Endpoint) lot {
		if acting(e, model.Ingress, model.LayerPreDNAT) == nil {
			return lot{}
		}
		v := Verdicts{Allow: s.allowEarly(chainAllowPreDNAT), Deny: drop}
		return own(s.entry("preDNAT-in", e, model.Ingress, model.LayerPreDNAT, v, func(c *ruleset.Chain) {
			s.invalid(c)
			s.failsafe(c, model.Ingress)
		}))
	})
}

// workloadSources is the chain that checks where a workload's packets claim to come from.
func (s *stager) workloadSources() ruleset.Verdict {
	const name = "workload-sources"
	s.Fragment(name, s.roster.version, func(*Builder) {
		c, _ := s.Chain(name, "source addresses that workloads may use")
		s.sources(c)
	})
	return ruleset.GotoChain(name)
}

func (s *stager) sources(c *ruleset.Chain) {
	for _, version := range []uint8{4, 6} {
		s.sourceSets(c, version)
	}
	unspecified4 := netip.PrefixFrom(netip.IPv4Unspecified(), 32)
	s.builtin(c, "workload-dhcp", ruleset.Family(4), ruleset.Protocol(false, model.ProtoUDP),
		ruleset.Nets(ruleset.SrcV4, false, []netip.Prefix{unspecified4}),
		ruleset.Ports(ruleset.SrcPort, false, []ruleset.PortSpan{{Min: 68, Max: 68}}),
		ruleset.Ports(ruleset.DstPort, false, []ruleset.PortSpan{{Min: 67, Max: 67}}), accept)
	s.builtin(c, "workload-link-local", ruleset.Family(6), ruleset.Nets(ruleset.SrcV6, false, []netip.Prefix{linkLocal}), accept)
	// Duplicate address detection, router solicitation and multicast listener reports are sent before there is an address
	// (RFC 4862, RFC 3590, RFC 3810).
	s.builtin(c, "workload-no-address-yet", ruleset.Family(6), ruleset.Protocol(false, model.ProtoICMPv6),
		ruleset.Nets(ruleset.SrcV6, false, []netip.Prefix{unspecified6}),
		ruleset.Octets(ruleset.ICMPv6Type, false, 131, 133, 135, 143), accept)
	s.builtin(c, "workload-source-address", drop)
}

var (
	linkLocal    = netip.MustParsePrefix("fe80::/10")
	unspecified6 = netip.PrefixFrom(netip.IPv6Unspecified(), 128)
)

// sourceSets adds the sets of interface and source address: single addresses in a hash table, prefixes, if any, in
// a set of intervals.
func (s *stager) sourceSets(c *ruleset.Chain, version uint8) {
	fields := []ruleset.Field{ruleset.IIFName, addrField(version, false)}
	var exact, nets []ruleset.Element
	for i, e := range s.roster.endpoints {
		if !e.Workload {
			continue
		}
		for _, list := range [][]netip.Prefix{e.Addrs, e.SpoofAllowed} {
			for _, p := range ofFamily(list, version) {
				first, last := ruleset.Prefix(p)
				el := ruleset.Element{Key: s.roster.keys[i] + string(first.AsSlice())}
				if first == last {
					exact = append(exact, el)
					continue
				}
				el.End = s.roster.keys[i] + string(last.AsSlice())
				nets = append(nets, el)
			}
		}
	}
	suffix := map[uint8]string{4: "-v4", 6: "-v6"}[version]
	exact = ruleset.SortKeys(exact)
	s.AddSet(&ruleset.Set{Name: "workload-addrs" + suffix, Fields: fields, Size: Size(len(exact)), Elements: exact})
	add(c, ruleset.Family(version), ruleset.Lookup{Fields: fields, Set: "workload-addrs" + suffix}, accept)
	if len(nets) > 0 {
		s.AddSet(&ruleset.Set{Name: "workload-nets" + suffix, Fields: fields, Interval: true, Disjoint: true, Elements: outermost(nets)})
		add(c, ruleset.Family(version), ruleset.Lookup{Fields: fields, Set: "workload-nets" + suffix}, accept)
	}
}
