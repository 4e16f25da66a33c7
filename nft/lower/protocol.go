package lower

import (
	"slices"

	"rampart/nft/ruleset"
)

// askedOnce is from how many rules on it pays to ask for their protocol in front of them.
const askedOnce = 4

// onceForAll makes a list whose rules all ask for one layer 4 protocol ask for it once, in front: packets of any other go
// to the tail at once. Rules that ask for ports as well need not ask for the protocol then. They are shorter by a sixth, which
// counts where every endpoint has a list of its own, that is in no cache when its next packet comes.
//
// A packet whose protocol the kernel cannot tell passes by the first rule, and has no ports.
func onceForAll(rules, tail []*ruleset.Rule) []*ruleset.Rule {
	all := slices.Concat(rules, tail)
	protocol, ok := commonProtocol(rules)
	if !ok || len(tail) != 1 {
		return all
	}
	other := *tail[0]
	other.Statements = append([]ruleset.Statement{ruleset.Protocol(true, protocol)}, other.Statements...)
	short, n := []*ruleset.Rule{&other}, 0
	for _, r := range rules {
		if slices.ContainsFunc(r.Statements, asksPort) {
			with := *r
			with.Statements = slices.DeleteFunc(slices.Clone(r.Statements), asksProtocol)
			r = &with
			n++
		}
		short = append(short, r)
	}
	if n < askedOnce {
		return all
	}
	return append(short, tail...)
}

// commonProtocol is the one layer 4 protocol that every rule asks for.
func commonProtocol(rules []*ruleset.Rule) (protocol uint8, ok bool) {
	for i, r := range rules {
		p, ok := protocolOf(r)
		if !ok || i > 0 && p != protocol {
			return 0, false
		}
		protocol = p
	}
	return protocol, len(rules) > 0
}

// protocolOf is the one layer 4 protocol that a rule asks for.
func protocolOf(r *ruleset.Rule) (protocol uint8, ok bool) {
	i := slices.IndexFunc(r.Statements, asksProtocol)
	if i < 0 {
		return 0, false
	}
	return r.Statements[i].(ruleset.Match).Values[0].First[0], true
}

func asksProtocol(st ruleset.Statement) bool {
	m, ok := st.(ruleset.Match)
	return ok && m.Field == ruleset.L4Proto && !m.Not && len(m.Values) == 1 && m.Values[0].First == m.Values[0].Last
}

func asksPort(st ruleset.Statement) bool {
	m, ok := st.(ruleset.Match)
	return ok && (m.Field == ruleset.SrcPort || m.Field == ruleset.DstPort)
}
