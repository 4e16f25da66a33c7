// Package measure runs benchmarks: it puts systems (bench/sut) in force side by side, each in a rig of its own
// (bench/rig), checks that they judge packets as the rules say, measures them in turn, and returns what it found as a
// report.Document.
//
// # Method
//
// Systems are measured in turn, repetition by repetition, so that a machine that is slower for a while is slower for
// all of them. Before the first repetition each is warmed up. Packets are sent from one pinned core, on which the path
// runs too; what arrives is counted in every single run and compared with what the rules say, and before anything is
// measured a sample of packets is checked one by one. A system with a wrong verdict is not measured: a fast wrong answer
// is a failure.
//
// A run is one at a time on a machine: Claim sees to that.
package measure
