package ir

import (
	"fmt"
	"net/netip"
	"strings"

	"rampart/model"
)

// Describe is the set's definition on one line: the selector in braces, after the port's name and protocol for a set
// of ports.
func (s *Set) Describe() string {
	if s.Kind == SetNets {
		return "{" + s.Selector + "}"
	}
	name := s.PortName
	if s.Protocol != 0 {
		name += "/" + model.ProtocolLabel(s.Protocol)
	}
	if s.Selector == "" {
		return name
	}
	return name + "{" + s.Selector + "}"
}

// RuleText is the rule on one line: the action, then the conditions, all of which must hold. Lists are alternatives;
// sets of the program stand by their definition.
func (p *Program) RuleText(r *Rule) string {
	return strings.Join(append([]string{string(r.Action)}, p.Conditions(r)...), " ")
}

// Conditions are the rule's conditions one by one, in the words of RuleText; empty for a rule that matches everything.
func (p *Program) Conditions(r *Rule) []string {
	var out []string
	m := &r.Match
	if m.IPVersion != 0 {
		out = append(out, fmt.Sprintf("ipv%d", m.IPVersion))
	}
	if m.Protocol != 0 {
		out = append(out, "protocol "+model.ProtocolLabel(m.Protocol))
	}
	if m.NotProtocol != 0 {
		out = append(out, "protocol not "+model.ProtocolLabel(m.NotProtocol))
	}
	if m.ICMP != nil {
		out = append(out, m.ICMP.text(""))
	}
	if m.NotICMP != nil {
		out = append(out, m.NotICMP.text("not "))
	}
	out = append(out, p.peer("from", &m.Src)...)
	out = append(out, p.peer("to", &m.Dst)...)
	if m.HTTP != nil {
		out = append(out, httpText(m.HTTP))
	}
	return out
}

func (m *ICMP) text(not string) string {
	if m.HasCode {
		return fmt.Sprintf("icmp %stype %d code %d", not, m.Type, m.Code)
	}
	return fmt.Sprintf("icmp %stype %d", not, m.Type)
}

func (p *Program) peer(end string, e *Peer) []string {
	var out []string
	if len(e.Nets) > 0 {
		out = append(out, end+" "+prefixText(e.Nets))
	}
	if len(e.NotNets) > 0 {
		out = append(out, end+" not "+prefixText(e.NotNets))
	}
	for _, id := range e.Sets {
		out = append(out, end+" "+p.setText(id))
	}
	for _, id := range e.NotSets {
		out = append(out, end+" not "+p.setText(id))
	}
	if s := p.portText(e.Ports, e.PortSets); s != "" {
		out = append(out, end+" port "+s)
	}
	if s := p.portText(e.NotPorts, e.NotPortSets); s != "" {
		out = append(out, end+" port not "+s)
	}
	return out
}

func (p *Program) setText(id SetID) string {
	if s := p.Set(id); s != nil {
		return s.Describe()
	}
	return "@" + string(id)
}

func prefixText(list []netip.Prefix) string {
	words := make([]string, len(list))
	for i, n := range list {
		words[i] = n.String()
	}
	return strings.Join(words, ",")
}

func (p *Program) portText(ranges []PortRange, sets []SetID) string {
	var words []string
	for _, r := range ranges {
		words = append(words, r.String())
	}
	for _, id := range sets {
		words = append(words, p.setText(id))
	}
	return strings.Join(words, ",")
}

// String is "80" or "80-90".
func (r PortRange) String() string {
	if r.Min == r.Max {
		return fmt.Sprint(r.Min)
	}
	return fmt.Sprintf("%d-%d", r.Min, r.Max)
}

func httpText(h *model.HTTPMatch) string {
	words := []string{"http"}
	if len(h.Methods) > 0 {
		words = append(words, strings.Join(h.Methods, ","))
	}
	for _, path := range h.Paths {
		if path.Exact != "" {
			words = append(words, "path "+path.Exact)
		} else {
			words = append(words, "path "+strings.TrimSuffix(path.Prefix, "/")+"/…")
		}
	}
	return strings.Join(words, " ")
}
