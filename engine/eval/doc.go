// Package eval decides packets in Go: the reference the kernel is measured against, and what explain shows.
//
// It holds two evaluators that share nothing but the packet and the verdict:
//
//	*ir.Program ──► Evaluator   the compiled program, as the backends see it
//	[]Resource  ──► Oracle      the resources themselves, walked naively as the policy model's text says
//
// A differential test keeps them equal on random policies and packets. The Oracle knows nothing of the compiler: it has
// its own reading of selectors in rules, of order, types, tiers, named ports and profiles, and no index of any kind.
//
// Evaluator.Evaluate and Evaluator.Explain are one code path: Explain hands it a Walk to write to, Evaluate does not, so
// an explanation cannot differ from the verdict.
//
// A probe is the first packet of a connection at one endpoint, in one direction and layer. Neither evaluator looks at
// connection tracking, failsafe ports, anti-spoofing or what a workload may send to its host: these surround policy and
// belong to the backends.
//
// Indexed gives the Evaluator's verdicts on many packets without trying every rule. It is derived from the same program, and
// the differential test holds it to the same verdicts.
//
// An Evaluator and an Oracle are immutable and may be used from several goroutines.
package eval
