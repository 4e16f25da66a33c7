// Package ir is the compiled program: what the policy model says about the endpoints of one node, with every name
// resolved. Selectors have become sets, named ports sets of address and port, profiles and tiers ordered lists, and
// every rule has a stable RuleID and an origin.
//
//	model/store ──► engine/compile ──► *ir.Program ──► nft, xdp, engine/eval
//
// Seal brings a program into its one canonical form and names its parts: sets and groups by what they are, rules by a
// RuleID that other rules do not change. Text shows it to people. Diff tells what changed since the last program, down
// to the members of sets, so that a backend writes the difference only; programs share the objects that did not change.
//
// A Program is immutable once built and may be shared between goroutines. It is canonical: the same model gives the
// same Program, the same Hash and the same text, whatever the order of the input.
package ir
