// Package gen makes random policy models and packets from seeds, for differential tests and benchmarks.
//
// World makes resources that are valid and awkward: nets inside nets, nets of one family held against packets of the
// other, ports with one name and two numbers, chains of Pass through three tiers, policies without rules, tiers and
// profiles that do not exist, staged policies, negated selectors of every kind. Probes aims packets at the borders of
// what the rules mention. The same seed and Config give the same result, on every machine.
//
//	cfg := gen.DefaultConfig()
//	world := gen.World(42, cfg)
//	for _, probe := range gen.Probes(42, cfg, world, 100) { … }
//
// A Config says which endpoints the node has and which addresses exist, so that a test can realise a world in network
// namespaces: give the slots the interfaces and addresses of the lab, and set LabOnly.
//
// Shrink makes a failing world and probe as small as it can, and Case keeps it in a file that a test replays.
package gen
