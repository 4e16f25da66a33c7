package eval

import (
	"fmt"
	"strings"

	"rampart/engine/ir"
	"rampart/model"
)

// describe says in one sentence why a rule did not match; "" for a rule that did.
func (e *Evaluator) describe(f miss, p *model.Packet) string {
	end, addr, port := "source", p.Src, p.SrcPort
	if f.dst {
		end, addr, port = "destination", p.Dst, p.DstPort
	}
	switch f.clause {
	case clauseIPVersion:
		return fmt.Sprintf("the packet is IPv%d, the rule is for IPv%d only", p.IPVersion(), f.match.IPVersion)
	case clauseProtocol:
		return fmt.Sprintf("protocol is %s, not %s", model.ProtocolLabel(p.Protocol), model.ProtocolLabel(f.match.Protocol))
	case clauseNotProtocol:
		return fmt.Sprintf("protocol is %s, which the rule excludes", model.ProtocolLabel(p.Protocol))
	case clauseICMP:
		return fmt.Sprintf("%s, not %s", icmpOf(p), icmpText(f.match.ICMP))
	case clauseNotICMP:
		return fmt.Sprintf("%s, the rule excludes %s", icmpOf(p), icmpText(f.match.NotICMP))
	case clauseNets:
		return fmt.Sprintf("%s %s is not in %s", end, addr, listed(f.peer.Nets, 4))
	case clauseNotNets:
		return fmt.Sprintf("%s %s is in the excluded %s", end, addr, listed(f.peer.NotNets, 4))
	case clauseSet:
		return fmt.Sprintf("%s %s is not selected by %s", end, addr, setText(f.set))
	case clauseNotSet:
		return fmt.Sprintf("%s %s is selected by the excluded %s", end, addr, setText(f.set))
	case clausePorts:
		return fmt.Sprintf("%s is not %s", portOf(end, port, p), e.portsText(f.peer.Ports, f.peer.PortSets))
	case clauseNotPorts:
		return fmt.Sprintf("%s, the rule excludes %s", portOf(end, port, p), e.portsText(f.peer.NotPorts, f.peer.NotPortSets))
	case clauseHTTP:
		if p.HTTP == nil {
			return "the packet carries no HTTP request"
		}
		return fmt.Sprintf("HTTP request %s %s is not among the rule's methods and paths", p.HTTP.Method, p.HTTP.Path)
	}
	return ""
}

func icmpOf(p *model.Packet) string {
	switch {
	case !isICMP(p):
		return "the packet is " + model.ProtocolLabel(p.Protocol)
	case p.Fragment:
		return "a fragment shows no ICMP type"
	}
	return fmt.Sprintf("ICMP is type %d code %d", p.ICMPType, p.ICMPCode)
}

func icmpText(m *ir.ICMP) string {
	if m.HasCode {
		return fmt.Sprintf("type %d code %d", m.Type, m.Code)
	}
	return fmt.Sprintf("type %d", m.Type)
}

func portOf(end string, port uint16, p *model.Packet) string {
	switch {
	case p.Fragment:
		return fmt.Sprintf("a fragment shows no %s port", end)
	case !p.HasPorts():
		return fmt.Sprintf("%s has no %s port", model.ProtocolLabel(p.Protocol), end)
	}
	return fmt.Sprintf("%s port %d", end, port)
}

func setText(s *lazySet) string {
	switch {
	case s == nil:
		return "a set the program lacks"
	case s.set.Selector == "":
		return "all()"
	}
	return s.set.Selector
}

func (e *Evaluator) portsText(ranges []ir.PortRange, sets []ir.SetID) string {
	var words []string
	for _, r := range ranges {
		words = append(words, model.Port{Min: r.Min, Max: r.Max}.String())
	}
	for _, id := range sets {
		if s := e.sets[id]; s != nil {
			words = append(words, fmt.Sprintf("%q of a known endpoint", s.set.PortName))
		}
	}
	return listed(words, 6)
}

// listed joins at most n items and counts the rest.
func listed[T any](items []T, n int) string {
	var words []string
	for i, it := range items {
		if i == n {
			words = append(words, fmt.Sprintf("%d more", len(items)-n))
			break
		}
		words = append(words, fmt.Sprint(it))
	}
	return strings.Join(words, ", ")
}
