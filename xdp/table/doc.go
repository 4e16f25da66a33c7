// Package table turns an endpoint's flattened policy (engine/ir/flat) into match tables that a fast path can ask about
// packets (xdp/classify).
//
//	flat.List ──entries──► boxes (sets and negations expanded) ──► classify.Classifier, one per family
//	    │                       └ too many, or not decidable from headers: a larger box that says Pass
//	    └─Goto─► the next list
//
// The answer errs on one side only. Deny is said of a packet when the list denies it and says nothing else about it that
// has to happen (a log entry); Allow and Continue likewise. In every doubt the answer is Pass: ask nftables. So an entry
// that is expanded inexactly becomes a Pass for a superset of its packets.
//
// Only packets that package xdp/bpf judges are asked about: whole TCP, UDP and SCTP packets and echo requests. Tables are
// immutable.
package table
