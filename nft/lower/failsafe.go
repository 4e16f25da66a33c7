package lower

import (
	"fmt"
	"net/netip"
	"slices"

	"rampart/engine/ir"
	"rampart/model"
	"rampart/nft/ruleset"
)

// listenerSources are the sources multicast listener messages may have: link-local, or none yet (RFC 3590).
var listenerSources = []netip.Prefix{unspecified6, linkLocal}

// failsafe accepts the failsafe ports of a direction.
func (s *stager) failsafe(c *ruleset.Chain, d model.Direction) {
	s.failsafeRules(c, "failsafe-"+dirWord(d), s.failsafes(d), d, false)
}

// failsafeSessions accepts what the host sends in TCP connections to its inbound failsafe ports that conntrack does not
// know, because it looks at nothing before the first policy is in force. Such packets cannot open a connection. Without them
// a session would stand still until its other end says something, and end where denied packets are answered.
func (s *stager) failsafeSessions(c *ruleset.Chain) {
	tcp := slices.DeleteFunc(slices.Clone(s.failsafes(model.Ingress)), func(f ir.Failsafe) bool { return f.Protocol != model.ProtoTCP })
	s.failsafeRules(c, "failsafe-in-sessions", tcp, model.Egress, true,
		ruleset.Protocol(false, model.ProtoTCP), ruleset.Flags{Field: ruleset.TCPFlags, Mask: ruleset.TCPAck})
}

// failsafeRaw is failsafe before conntrack, where the replies of the other direction's failsafe connections have to pass
// as well. The accept here only keeps them from untracked policy: later stages see them tracked.
func (s *stager) failsafeRaw(c *ruleset.Chain, d model.Direction) {
	s.failsafe(c, d)
	other := model.Ingress
	if d == model.Ingress {
		other = model.Egress
	}
	s.failsafeRules(c, "failsafe-"+dirWord(other)+"-replies", s.failsafes(other), d, true)
}

func (s *stager) failsafes(d model.Direction) []ir.Failsafe {
	if d == model.Egress {
		return s.program.Options.FailsafeOut
	}
	return s.program.Options.FailsafeIn
}

// failsafeRules matches the list in packets of direction d: the peer's prefix at the far end, the port at the service's. first
// must match too.
func (s *stager) failsafeRules(c *ruleset.Chain, name string, list []ir.Failsafe, d model.Direction, replies bool, first ...ruleset.Statement) {
	atDst := !replies
	var anywhere []ruleset.Element
	for _, f := range list {
		if !f.Net.IsValid() {
			anywhere = append(anywhere, ruleset.Element{Key: ruleset.Key{}.Protocol(f.Protocol).Port(f.Port).String()})
		}
	}
	if len(anywhere) > 0 {
		set := &ruleset.Set{Name: name, Fields: []ruleset.Field{ruleset.L4Proto, ruleset.DstPort}, Elements: ruleset.SortKeys(anywhere)}
		set.Size = Size(len(set.Elements))
		s.AddSet(set)
		s.builtin(c, name, append(slices.Clip(first), ruleset.Lookup{Fields: []ruleset.Field{ruleset.L4Proto, portField(atDst)}, Set: name}, accept)...)
	}
	for _, f := range list {
		if !f.Net.IsValid() {
			continue
		}
		version := uint8(6)
		if f.Net.Addr().Is4() {
			version = 4
		}
		st := []ruleset.Statement{ruleset.Family(version)}
		if st = append(st, first...); len(first) == 0 {
			st = append(st, ruleset.Protocol(false, f.Protocol))
		}
		if f.Net.Bits() > 0 {
			st = append(st, ruleset.Nets(addrField(version, d == model.Egress), false, []netip.Prefix{f.Net}))
		}
		st = append(st, ruleset.Ports(portField(atDst), false, []ruleset.PortSpan{{Min: f.Port, Max: f.Port}}), accept)
		s.builtin(c, fmt.Sprintf("%s %s:%s:%d", name, model.ProtocolLabel(f.Protocol), f.Net, f.Port), st...)
	}
}
