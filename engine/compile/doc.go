// Package compile turns a view of the resources into the program of one node: it resolves selectors to members, named
// ports to addresses and ports, orders tiers and policies, and gives every endpoint its lists of policies.
//
//	store.View ─┬─► endpoints, sets ──► labels ──► which selectors match ──┬─► members of sets
//	            └─► policies, tiers, profiles ──► rules, order ────────────┴─► groups ──► *ir.Program
//
// The semantics are Calico's (its projectcalico.org/v3 API and the calculation graph of Felix). Compiling never fails:
// what a policy cannot do is in its ir.PolicyState. The result depends only on the view, the host and the options, so
// the same input gives the same program, byte for byte.
//
// Compile is a fresh Compiler used once. A Compiler that is kept follows the store: it re-evaluates only the selectors
// that a change of labels can affect, counts references to members, and shares every unchanged object with the program
// before. Its programs equal those of a fresh one.
//
// A Compiler belongs to one goroutine; programs may be shared.
package compile
