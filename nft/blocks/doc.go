// Package blocks lowers a first-match list (engine/ir/flat) to look-ups, so that a packet's cost does not grow with the
// number of rules.
//
//	entries ──► boxes in five dimensions ──► cuts into regions ──► maps, rules ──► ruleset.Chain, ruleset.Set
//
// Every entry is a box: the product of a set of sources, destinations, protocols, source ports and destination ports. A
// short list is looked through by plain rules; a longer one is one verdict map whose key is the fields that its rules
// look at, with the priority of the rules resolved at compile time: exact keys in a hash map, ranges in a pipapo map,
// which finds the first of those inserted. Where such a map would be slow (the kernel pays for every element that still
// matches after each field: wildcards are dear) or large, the list is first cut along one dimension: a map sends each
// region to a chain of its own, with the rules that reach into it, and so on, as decision trees do. Regions with equal
// rules share a chain. A region that its first rule decides has the verdict in the map itself.
//
// Rules that are narrow in both addresses, or in one, are looked up before the others where they are many: see narrow.go.
//
// A cost model (Costs, measured by bench/lowering) chooses between these on a sample of packets drawn from the boxes.
// Everything is deterministic, and where a list is cut depends on the rules nearby: a small change of the list makes
// small changes of the plan.
//
// What no box can say (ICMP types, large negated sets, named ports) stays a plain rule, placed by a box around it; so do
// rules that log. Exactly the entry that decides in the list decides in the plan, so that counters are right.
//
// Packets that show no port (fragments, odd protocols) cannot be looked up in a map that asks for one. They are looked
// through a second time, without the rules that name ports: see finish.
package blocks
