package ir

import (
	"fmt"
	"strings"

	"rampart/model"
)

// Text is the program in a form for people and golden tests: one line an object, its parts indented below it. Where a
// rule uses a set, the set's selector stands in braces; a comment gives the origin. Equal programs have equal texts.
func Text(p *Program) string {
	w := &textWriter{program: p}
	fmt.Fprintf(w, "program node %q hash %s\n", p.Node, p.Hash)
	w.options(&p.Options)
	for _, s := range p.Sets {
		w.set(s)
	}
	for _, q := range p.Policies {
		w.policy(q)
	}
	for _, q := range p.Profiles {
		w.profile(q)
	}
	for _, g := range p.Groups {
		w.group(g)
	}
	for _, e := range p.Endpoints {
		w.endpoint(e)
	}
	for i := range p.States {
		w.state(&p.States[i])
	}
	return w.String()
}

type textWriter struct {
	strings.Builder
	program *Program
}

func (w *textWriter) options(o *Options) {
	if len(o.WorkloadPrefixes) > 0 {
		fmt.Fprintf(w, "option workload-prefixes %s\n", strings.Join(o.WorkloadPrefixes, " "))
	}
	w.failsafes("failsafe-in", o.FailsafeIn)
	w.failsafes("failsafe-out", o.FailsafeOut)
	if o.EndpointToHost != "" {
		fmt.Fprintf(w, "option endpoint-to-host %s\n", o.EndpointToHost)
	}
	if o.Reject {
		w.WriteString("option reject\n")
	}
	if o.KeepInvalid {
		w.WriteString("option keep-invalid\n")
	}
	if o.CutMark != 0 {
		fmt.Fprintf(w, "option cut connections marked 0x%08x\n", o.CutMark)
	}
	if o.LogGroup != 0 || o.LogPrefix != "" || o.LogRate != 0 {
		fmt.Fprintf(w, "option log group %d prefix %q rate %d\n", o.LogGroup, o.LogPrefix, o.LogRate)
	}
}

func (w *textWriter) failsafes(name string, list []Failsafe) {
	if len(list) == 0 {
		return
	}
	fmt.Fprintf(w, "option %s", name)
	for _, f := range list {
		fmt.Fprintf(w, " %s:", model.ProtocolLabel(f.Protocol))
		switch {
		case !f.Net.IsValid():
		case f.Net.Addr().Is6():
			fmt.Fprintf(w, "[%s]:", f.Net)
		default:
			fmt.Fprintf(w, "%s:", f.Net)
		}
		fmt.Fprintf(w, "%d", f.Port)
	}
	w.WriteByte('\n')
}

func (w *textWriter) set(s *Set) {
	fmt.Fprintf(w, "set %s %s\n", s.ID, s.Describe())
	for n := range s.Nets.All() {
		fmt.Fprintf(w, "  %s\n", n)
	}
	for _, m := range s.Ports {
		fmt.Fprintf(w, "  %s %s %d\n", m.Addr, model.ProtocolLabel(m.Protocol), m.Port)
	}
}

func (w *textWriter) policy(q *Policy) {
	fmt.Fprintf(w, "policy %s tier %s", q.Key, q.Tier)
	if q.Staged {
		w.WriteString(" staged")
	}
	w.origin(q.Origin)
	w.rules(q.Ingress, q.Egress)
}

func (w *textWriter) profile(q *Profile) {
	fmt.Fprintf(w, "profile %s", q.Name)
	if q.Missing {
		w.WriteString(" missing")
	}
	w.origin(q.Origin)
	w.rules(q.Ingress, q.Egress)
}

func (w *textWriter) rules(ingress, egress []*Rule) {
	for i, list := range [2][]*Rule{ingress, egress} {
		if list == nil {
			continue
		}
		fmt.Fprintf(w, "  %s\n", [2]string{"ingress", "egress"}[i])
		for _, r := range list {
			fmt.Fprintf(w, "    %d %s", r.Index, w.program.RuleText(r))
			w.origin(r.Origin)
		}
	}
}

func (w *textWriter) origin(o model.Origin) {
	if s := o.String(); s != "" {
		fmt.Fprintf(w, "  # %s", s)
	}
	w.WriteByte('\n')
}

func (w *textWriter) group(g *Group) {
	fmt.Fprintf(w, "group %s %s %s\n", g.ID, strings.ToLower(string(g.Direction)), g.Layer)
	for _, t := range g.Tiers {
		fmt.Fprintf(w, "  tier %s end %s", t.Name, t.Default)
		if t.Missing {
			w.WriteString(" missing")
		}
		w.WriteByte('\n')
		for _, p := range t.Policies {
			word := "policy"
			if p.Staged {
				word = "staged"
			}
			fmt.Fprintf(w, "    %s %s\n", word, p.Key)
		}
	}
	for _, p := range g.Profiles {
		fmt.Fprintf(w, "  profile %s\n", p.Name)
	}
}

func (w *textWriter) endpoint(e *Endpoint) {
	fmt.Fprintf(w, "endpoint %s interface %q", e.Key, e.Interface)
	w.origin(e.Origin)
	for _, n := range e.Addrs {
		fmt.Fprintf(w, "  address %s\n", n)
	}
	for _, n := range e.SpoofAllowed {
		fmt.Fprintf(w, "  spoof-allowed %s\n", n)
	}
	for i, groups := range [2]*[model.NumLayers]*Group{&e.Ingress, &e.Egress} {
		for layer, g := range groups {
			if g != nil {
				fmt.Fprintf(w, "  %s %s %s\n", [2]string{"ingress", "egress"}[i], model.Layer(layer), g.ID)
			}
		}
	}
}

func (w *textWriter) state(s *PolicyState) {
	word := "inactive"
	if s.Active {
		word = "active"
	}
	fmt.Fprintf(w, "state %s tier %s %s endpoints %d\n", s.Key, s.Tier, word, s.Endpoints)
	for _, r := range s.Reasons {
		fmt.Fprintf(w, "  %s\n", r)
	}
}
