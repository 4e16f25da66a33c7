package lower

import (
	"slices"
	"strings"

	"rampart/engine/ir"
	"rampart/model"
	"rampart/nft/ruleset"
)

func (s *stager) input() {
	if !s.workloads && !s.hosts && len(s.program.Options.WorkloadPrefixes) == 0 {
		return
	}
	c := s.base("input", ruleset.HookInput, ruleset.PriorityFilter)
	add(c, ruleset.Interface(ruleset.IIFName, "lo", false), accept)
	s.acceptedEarly(c)
	s.cut(c)
	s.established(c)
	if s.workloads {
		s.invalidAt(c, ruleset.IIFName, isWorkload)
		for _, where := range s.at(ruleset.IIFName, isWorkload) {
			s.workloadDiscovery(c, where...)
		}
	}
	v := Verdicts{Allow: accept, Deny: s.deny}
	s.dispatch(c, ruleset.IIFName, s.deny, func(e *ir.Endpoint) lot {
		if e.Workload {
			return s.workload(e, model.Egress)
		}
		return own(s.entry("host-in", e, model.Ingress, model.LayerNormal, v, func(c *ruleset.Chain) {
			s.invalid(c)
			s.failsafe(c, model.Ingress)
			s.discovery(c, "in")
		}))
	})
}

// inputToHost applies the endpoint-to-host option to what a workload's egress policy has allowed. Allow and Pass need no
// stage: accepting in our table is not the last word on a packet.
func (s *stager) inputToHost() {
	if o := s.program.Options.EndpointToHost; !s.workloads || o == model.Allow || o == model.Pass {
		return
	}
	c := s.base("input-to-host", ruleset.HookInput, ruleset.PriorityFilter+1)
	s.established(c)
	to, _ := s.Chain("workload-to-host", "what workloads may send to this host")
	add(c, s.atWorkloads(ruleset.IIFName), ruleset.GotoChain(to.Name))
	s.workloadDiscovery(to)
	s.builtin(to, "endpoint-to-host", s.deny)
}

// workloadDiscovery accepts what a workload's IPv6 needs from its host as a router: multicast listener query, report and
// done, router solicitation, neighbour solicitation and advertisement (the types Calico lets through). where must match too.
func (s *stager) workloadDiscovery(c *ruleset.Chain, where ...ruleset.Statement) {
	st := []ruleset.Statement{ruleset.Family(6), ruleset.Protocol(false, model.ProtoICMPv6),
		ruleset.Octets(ruleset.ICMPv6Type, false, 130, 131, 132, 133, 135, 136)}
	s.builtin(c, "workload-neighbour-discovery", append(append(st, where...), accept)...)
}

// discovery keeps a host endpoint's IPv6 link alive: neighbour and router discovery, which nobody beyond the link can
// send with hop limit 255, and multicast listener messages, which never leave the link.
func (s *stager) discovery(c *ruleset.Chain, dir string) {
	icmpv6 := func(hops uint8, types ...uint8) []ruleset.Statement {
		return []ruleset.Statement{ruleset.Family(6), ruleset.Protocol(false, model.ProtoICMPv6),
			ruleset.Octets(ruleset.ICMPv6Type, false, types...), ruleset.Octets(ruleset.HopLimit, false, hops)}
	}
	s.builtin(c, "neighbour-discovery-"+dir, append(icmpv6(255, 133, 134, 135, 136), accept)...)
	s.builtin(c, "multicast-listener-"+dir, append(icmpv6(1, 130, 131, 132, 143),
		ruleset.Nets(ruleset.SrcV6, false, ofFamily(listenerSources, 6)), accept)...)
}

// outermost sorts elements of one prefix per interface and drops those inside others of the same interface: pipapo
// refuses an element whose ends lie in one that is there.
func outermost(list []ruleset.Element) []ruleset.Element {
	slices.SortFunc(list, func(a, b ruleset.Element) int {
		if c := strings.Compare(a.Key, b.Key); c != 0 {
			return c
		}
		return strings.Compare(b.End, a.End)
	})
	var out []ruleset.Element
	for _, e := range list {
		if n := len(out); n > 0 && e.Key <= out[n-1].End && e.End <= out[n-1].End {
			continue
		}
		out = append(out, e)
	}
	return out
}
