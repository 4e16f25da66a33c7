package model

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// ruleContext is what a rule's validity depends on outside the rule.
type ruleContext struct {
	direction Direction
	// global: the rule belongs to a global policy or to a profile, so it has no namespace of its own.
	global  bool
	profile bool
}

func rulesPath(d Direction) string { return "spec." + strings.ToLower(string(d)) }

func index(path string, i int) string { return path + "[" + strconv.Itoa(i) + "]" }

func (f *findings) rules(rules []Rule, ctx ruleContext) {
	path := rulesPath(ctx.direction)
	f.limit(path, len(rules), maxRules)
	decided := -1
	for i := range rules {
		at := index(path, i)
		f.rule(at, &rules[i], ctx)
		if decided >= 0 {
			f.warnf(at, "the rule is never reached: rule %d before it matches everything", decided)
		} else if rules[i].Action != Log && rules[i].matchesEverything() {
			decided = i
		}
	}
}

func (f *findings) rule(at string, r *Rule, ctx ruleContext) {
	if !slices.Contains([]Action{Allow, Deny, Log, Pass}, r.Action) {
		f.oneOf(at+".action", "Allow", "Deny", "Log", "Pass")
	}
	if r.IPVersion != 0 && r.IPVersion != 4 && r.IPVersion != 6 {
		f.oneOf(at+".ipVersion", "4", "6")
	}
	f.protocol(at+".protocol", r.Protocol, r.IPVersion)
	f.protocol(at+".notProtocol", r.NotProtocol, r.IPVersion)
	f.icmp(at+".icmp", r.ICMP)
	f.icmp(at+".notICMP", r.NotICMP)
	if !r.ICMP.isEmpty() && r.Protocol.Number != ProtoICMP && r.Protocol.Number != ProtoICMPv6 {
		f.mismatch(at+".icmp", r.Protocol, "ICMP fields require protocol to be ICMP or ICMPv6")
	}
	f.entity(at+".source", &r.Source, r.Protocol)
	f.entity(at+".destination", &r.Destination, r.Protocol)
	f.families(at, r)
	f.services(at, r, ctx)
	f.http(at, r, ctx)
	if r.Metadata != nil {
		f.annotations(at+".metadata.annotations", r.Metadata.Annotations)
	}
	f.contradictions(at, r)
	if ctx.profile && r.Action == Pass {
		f.warnf(at+".action", "Pass in a profile goes on to the endpoint's next profile")
	}
}

func (f *findings) protocol(path string, p Protocol, v IPVersion) {
	switch {
	case p.unknown() && digits.MatchString(p.Name):
		f.errorf(path, "protocol number invalid")
	case p.unknown():
		names := ProtocolNames()
		f.notOneOf(path, fmt.Sprintf("protocol name invalid: %q is none of %s, nor a number from 1 to 255", p.Name, strings.Join(names, ", ")), names)
	case p.Name == "ICMP" && v == 6:
		f.errorf(path, "protocol ICMP requires ipVersion 4")
	case p.Name == "ICMPv6" && v == 4:
		f.errorf(path, "protocol ICMPv6 requires ipVersion 6")
	}
}

func (f *findings) icmp(path string, m *ICMP) {
	if m == nil {
		return
	}
	f.between(path+".type", m.Type, 0, 254)
	f.between(path+".code", m.Code, 0, 255)
	if m.Code != nil && m.Type == nil {
		f.errorf(path, "ICMP code specified without an ICMP type")
	}
}

func (f *findings) between(path string, n *int, least, most int) {
	switch {
	case n == nil:
	case *n < least:
		f.errorf(path, "%s in body should be greater than or equal to %d", path, least)
	case *n > most:
		f.errorf(path, "%s in body should be less than or equal to %d", path, most)
	}
}

// matchesEverything tells that the rule has no condition at all.
func (r *Rule) matchesEverything() bool {
	return r.IPVersion == 0 && r.Protocol.IsZero() && r.NotProtocol.IsZero() && r.HTTP == nil &&
		r.ICMP.isEmpty() && r.NotICMP.isEmpty() && r.Source.isEmpty() && r.Destination.isEmpty()
}

func (m *ICMP) isEmpty() bool { return m == nil || m.Type == nil && m.Code == nil }

func (e *EntityRule) isEmpty() bool {
	return len(e.Nets) == 0 && len(e.NotNets) == 0 && e.Selector == "" && e.NotSelector == "" && e.NamespaceSelector == "" &&
		len(e.Ports) == 0 && len(e.NotPorts) == 0 && e.Services == nil &&
		(e.ServiceAccounts == nil || len(e.ServiceAccounts.Names) == 0 && e.ServiceAccounts.Selector == "")
}
