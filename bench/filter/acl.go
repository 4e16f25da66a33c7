package filter

import (
	"math/rand/v2"

	"rampart/engine/ir"
	"rampart/model"
)

// Statistics of ACL lists, in percent. The classes are those of ClassBench (wildcard, ephemeral, well-known, arbitrary
// range, exact); the shares are in the middle of what its published seeds of access lists and firewalls have.
const (
	aclDeny         = 10
	aclAnySource    = 15
	aclAnyReceiver  = 5  // but see aclWide
	aclSameReceiver = 60 // of the rest: one that another rule has
	aclTCP          = 65
	aclUDP          = 25
	aclICMP         = 5 // the rest is any protocol
	aclSrcEphemeral = 7
	aclSrcExact     = 3
	aclDstExact     = 60
	aclDstAny       = 15
	aclDstEphemeral = 10
	aclDstWellKnown = 5 // the rest is an arbitrary range
)

// aclWide bounds the rules for any receiver: however long a list gets, few rules are about everybody.
const aclWide = 20

// Shares of prefix lengths in ACL lists.
var (
	aclSources4   = lengths{{8, 3}, {12, 5}, {16, 15}, {20, 12}, {24, 30}, {28, 10}, {32, 25}}
	aclReceivers4 = lengths{{16, 10}, {20, 10}, {24, 30}, {28, 15}, {32, 35}}
	aclSources6   = lengths{{20, 3}, {32, 20}, {40, 10}, {48, 30}, {64, 22}, {128, 15}}
	aclReceivers6 = lengths{{40, 10}, {48, 20}, {56, 15}, {64, 25}, {128, 30}}
)

// Well-known ports that exact rules name half of the time.
var aclPorts = []uint16{22, 25, 53, 80, 110, 123, 143, 161, 179, 389, 443, 445, 514, 587, 636, 993, 1433, 1521, 3306, 3389, 5432, 6379, 8080, 8443, 9092}

// ACL makes an access list: n different rules, permits and denials mixed, and a denial at the end.
func ACL(family, n int, seed uint64) *Set {
	r := rand.New(rand.NewPCG(seed, 1))
	s := &Set{Name: "acl", Family: family, Seed: seed, Default: model.Deny}
	src := nets{space: space(family, senders4, senders6), bits: aclSources4}
	dst := nets{space: space(family, receivers4, receivers6), bits: aclReceivers4}
	if family == 6 {
		src.bits, dst.bits = aclSources6, aclReceivers6
	}
	seen := map[Rule]bool{}
	wide := 0
	for len(s.Rules) < n {
		rule := aclRule(r, family, &src, &dst, wide < aclWide)
		box := rule
		box.Action = ""
		if seen[box] || rule.Src.Bits() == 0 && rule.Dst.Bits() == 0 {
			continue
		}
		seen[box] = true
		if rule.Dst.Bits() == 0 {
			wide++
		}
		s.Rules = append(s.Rules, rule)
	}
	s.listed()
	return s
}

func aclRule(r *rand.Rand, family int, src, dst *nets, anyReceiver bool) Rule {
	rule := Rule{Action: model.Allow}
	if r.IntN(100) < aclDeny {
		rule.Action = model.Deny
	}
	rule.Src, rule.Dst = anyNet(family), anyNet(family)
	if r.IntN(100) >= aclAnySource {
		rule.Src = src.draw(r)
	}
	if r.IntN(100) >= aclAnyReceiver || !anyReceiver {
		if r.IntN(100) < aclSameReceiver {
			rule.Dst = dst.again(r)
		} else {
			rule.Dst = dst.draw(r)
		}
	}
	rule.SrcPorts, rule.DstPorts = anyPorts, anyPorts
	switch x := r.IntN(100); {
	case x < aclTCP:
		rule.Protocol = model.ProtoTCP
	case x < aclTCP+aclUDP:
		rule.Protocol = model.ProtoUDP
	case x < aclTCP+aclUDP+aclICMP:
		rule.Protocol = model.ProtoICMP
		if family == 6 {
			rule.Protocol = model.ProtoICMPv6
		}
		return rule
	default:
		rule.AnyProtocol = true
		return rule
	}
	rule.SrcPorts = aclSrcPorts(r)
	rule.DstPorts = aclDstPorts(r)
	return rule
}

func aclSrcPorts(r *rand.Rand) ir.PortRange {
	switch x := r.IntN(100); {
	case x < aclSrcEphemeral:
		return ir.PortRange{Min: 1024, Max: 65535}
	case x < aclSrcEphemeral+aclSrcExact:
		p := aclPorts[r.IntN(len(aclPorts))]
		return ir.PortRange{Min: p, Max: p}
	}
	return anyPorts
}

func aclDstPorts(r *rand.Rand) ir.PortRange {
	switch x := r.IntN(100); {
	case x < aclDstExact:
		p := uint16(1 + r.IntN(65535))
		if r.IntN(2) == 0 {
			p = aclPorts[r.IntN(len(aclPorts))]
		}
		return ir.PortRange{Min: p, Max: p}
	case x < aclDstExact+aclDstAny:
		return anyPorts
	case x < aclDstExact+aclDstAny+aclDstEphemeral:
		return ir.PortRange{Min: 1024, Max: 65535}
	case x < aclDstExact+aclDstAny+aclDstEphemeral+aclDstWellKnown:
		return ir.PortRange{Min: 1, Max: 1023}
	}
	lo := uint16(1 + r.IntN(60000))
	return ir.PortRange{Min: lo, Max: lo + uint16(r.IntN(500)) + 1}
}
