package main

import (
	"cmp"
	"fmt"
	"math"
	"net/netip"
	"slices"
	"strings"

	"rampart/engine/ir"
	"rampart/engine/ir/flat"
	"rampart/nft/lower"
)

func explainList(r, oneMap, noMap lower.Report) explainedList {
	e := explainedList{
		ID: r.From.ID, Name: r.From.Name, Chain: r.List, Family: r.Version, HashMaps: r.Hash, RangeMaps: r.Boxes, Elements: r.Elements,
		RulesLeft: r.Plain, Chains: r.Chains, ExpectedNS: math.Round(r.Expected), OneMapNS: math.Round(oneMap.Expected), NoMapNS: math.Round(noMap.Expected),
	}
	for i := range r.From.Entries {
		if concerns(&r.From.Entries[i].Rule.Match, r.Version) {
			e.Rules++
		}
	}
	for _, i := range r.Redundant {
		e.Unreached = append(e.Unreached, named(&r.From.Entries[i]))
	}
	for i := range r.From.Shadowed {
		e.Unreached = append(e.Unreached, named(&r.From.Shadowed[i]))
	}
	for by, n := range r.Cuts {
		e.Cuts = append(e.Cuts, explainedCut{by, n, r.Regions[by], reason(by)})
	}
	slices.SortFunc(e.Cuts, func(a, b explainedCut) int { return cmp.Or(cmp.Compare(b.Regions, a.Regions), cmp.Compare(a.By, b.By)) })
	return e
}

// concerns tells that packets of an IP version may match, as far as the rule itself says.
func concerns(m *ir.Match, version uint8) bool {
	other := func(nets []netip.Prefix) bool {
		return len(nets) > 0 && !slices.ContainsFunc(nets, func(n netip.Prefix) bool { return n.Addr().Is4() == (version == 4) })
	}
	return (m.IPVersion == 0 || m.IPVersion == version) && !other(m.Src.Nets) && !other(m.Dst.Nets)
}

func named(e *flat.Entry) string {
	if at := e.Rule.Origin.String(); at != "" {
		return fmt.Sprintf("%s (%s)", e.Why, at)
	}
	return e.Why
}

// reason says why a list is cut in one way. That the cost model found it the cheapest of those it tried goes without
// saying.
func reason(by string) string {
	switch {
	case strings.HasSuffix(by, "by sets"):
		return "rules ask for sets: each address is sorted by the sets that hold it, once, and not looked up in one set after the other"
	case strings.HasSuffix(by, "by mask"):
		return "most prefixes are of one length, which a hash table finds at once"
	case by == "source", by == "destination":
		return "few rules reach into each range of addresses"
	case strings.HasSuffix(by, " and protocol"):
		return "few rules of one protocol reach into each range of addresses"
	case by == "protocol":
		return "rules name protocols, and what is for one need not be looked at for another"
	}
	return "each port, or range of ports, has few rules"
}
