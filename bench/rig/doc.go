// Package rig builds the test bed of the benchmarks: for each firewall under test a router of its own, between a packet
// generator and a sink.
//
//	generator g0 ══ f0 firewall f1 ══ s0 sink
//
// Frames that are sent on g0 arrive on f0, where the rules act, and are routed out of f1, whatever their destination, to s0,
// where an XDP program counts or records and drops them. No neighbour discovery takes place: all neighbours are permanent.
// The firewall's own addresses are documentation addresses that no rule set uses.
//
// The kernel runs the receiving side in softirq on the core that sends, so the path under test has one core to itself
// and the generator waits for it: nothing is lost on the way, and the time per frame is the core's time per frame.
//
// A Rig belongs to one goroutine at a time. Several rigs may be in one lab.
package rig
