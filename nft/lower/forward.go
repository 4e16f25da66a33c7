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
	v := Verdicts{Allow: accept, Deny: s.deny}
	invalid := s.invalid
	if s.few() {
		// Asked here it saves packets a chain.
		s.invalidAt(c, f, host)
		invalid = func(*ruleset.Chain) {}
	}
	s.dispatch(c, f, s.deny, func(e *ir.Endpoint) lot {
		switch {
		case e.Workload:
			return s.workload("workload-"+dirWord(workload), e, workload, invalid)
		case acting(e, host, model.LayerForward) != nil:
			return own(s.entry("forward-"+dirWord(host), e, host, model.LayerForward, v, invalid))
		}
		return lot{}
	})
}

// invalidAt drops what conntrack cannot place at the interfaces whose traffic passes policy when it is forwarded.
func (s *stager) invalidAt(c *ruleset.Chain, f ruleset.Field, host model.Direction) {
	where := ruleset.Match{Field: f}
	for i, e := range s.roster.endpoints {
		if e.Workload || acting(e, host, model.LayerForward) != nil {
			where.Values = append(where.Values, ruleset.Span{First: s.roster.keys[i], Last: s.roster.keys[i]})
		}
	}
	if len(where.Values) > 0 {
		s.invalidWhere(c, where)
	}
}
