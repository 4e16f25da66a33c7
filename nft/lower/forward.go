package lower

import (
	"rampart/engine/ir"
	"rampart/model"
	"rampart/nft/ruleset"
)

// forward builds one of the two stages of forwarded traffic. workload is the direction of a workload's policy there: its
// egress where the packet comes from, its ingress where it goes to. For host endpoints it is the other way round.
func (s *stager) forward(workload model.Direction, name string, f ruleset.Field, after int) {
	host := model.Ingress
	if workload == model.Ingress {
		host = model.Egress
	}
	hasHost := false
	for _, e := range s.examples() {
		hasHost = hasHost || !e.Workload && acting(e, host, model.LayerForward) != nil
	}
	if !s.workloads && !hasHost && len(s.program.Options.WorkloadPrefixes) == 0 {
		return
	}
	c := s.base(name, ruleset.HookForward, ruleset.PriorityFilter+after)
	if workload == model.Egress {
		s.acceptedEarly(c)
	}
	s.cut(c)
	s.established(c)
	s.invalidAt(c, f, func(e *ir.Endpoint) bool { return e.Workload || acting(e, host, model.LayerForward) != nil })
	v := Verdicts{Allow: accept, Deny: s.deny}
	s.services(c, f, workload)
	s.dispatch(c, f, s.deny, func(e *ir.Endpoint) lot {
		switch {
		case e.Workload:
			return s.workload(e, workload)
		case acting(e, host, model.LayerForward) != nil:
			return own(s.policy(e, host, model.LayerForward, v))
		}
		return lot{}
	})
}
