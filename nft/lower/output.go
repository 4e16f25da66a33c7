package lower

import (
	"rampart/engine/ir"
	"rampart/model"
	"rampart/nft/ruleset"
)

func (s *stager) rawOutput() {
	if !s.early {
		return
	}
	c := s.base("raw-output", ruleset.HookOutput, ruleset.PriorityRaw)
	add(c, ruleset.Interface(ruleset.OIFName, "lo", false), accept)
	s.clearMark(c)
	s.dispatch(c, ruleset.OIFName, ruleset.Verdict{}, func(e *ir.Endpoint) lot {
		if acting(e, model.Egress, model.LayerUntracked) == nil {
			return lot{}
		}
		v := Verdicts{Allow: s.allowEarly(chainAllowUntracked), Deny: drop}
		return own(s.entry("raw-out", e, model.Egress, model.LayerUntracked, v, func(c *ruleset.Chain) {
			s.failsafeRaw(c, model.Egress)
		}))
	})
}

func (s *stager) output() {
	if !s.hosts && len(s.program.Options.WorkloadPrefixes) == 0 {
		return
	}
	c := s.base("output", ruleset.HookOutput, ruleset.PriorityFilter)
	add(c, ruleset.Interface(ruleset.OIFName, "lo", false), accept)
	s.acceptedEarly(c)
	s.cut(c)
	s.established(c)
	v := Verdicts{Allow: accept, Deny: s.deny}
	s.dispatch(c, ruleset.OIFName, s.deny, func(e *ir.Endpoint) lot {
		if e.Workload {
			return lot{accept, true} // the host may always reach its workloads
		}
		return own(s.entry("host-out", e, model.Egress, model.LayerNormal, v, func(c *ruleset.Chain) {
			s.invalid(c)
			s.failsafe(c, model.Egress)
			s.failsafeSessions(c)
			s.discovery(c, "out")
			add(c, ruleset.Flags{Field: ruleset.CTStatus, Mask: ruleset.CTStatusDNAT}, accept) // see manglePostrouting
		}))
	})
}

// manglePostrouting applies the host's egress policy to connections of the host whose destination was rewritten. In the
// output hook such a packet has its new destination but still the interface of the old one; the kernel routes it again
// only after that hook. Answers other than silence are not possible here.
func (s *stager) manglePostrouting() {
	if !s.hosts {
		return
	}
	c := s.base("mangle-postrouting", ruleset.HookPostrouting, ruleset.PriorityMangle)
	to, _ := s.Chain("host-dnat", "the host's own connections to a rewritten destination")
	add(c, ruleset.Flags{Field: ruleset.CTStatus, Mask: ruleset.CTStatusDNAT}, ruleset.GotoChain(to.Name)) // all that most packets pay

	s.established(to)
	remote := ruleset.SourceIsLocal()
	remote.Not = true
	add(to, remote, accept)
	add(to, ruleset.Interface(ruleset.OIFName, "lo", false), accept)
	v := Verdicts{Allow: accept, Deny: drop}
	s.dispatch(to, ruleset.OIFName, ruleset.Verdict{}, func(e *ir.Endpoint) lot {
		if e.Workload {
			return lot{}
		}
		return own(s.entry("host-out-dnat", e, model.Egress, model.LayerNormal, v, func(c *ruleset.Chain) {
			s.failsafe(c, model.Egress)
		}))
	})
}
