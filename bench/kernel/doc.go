// Package kernel compares what the kernel does with real packets to what the policy model says.
//
// The oracle of engine/eval decides one packet at one endpoint in one layer. A packet on a wire crosses several: it
// comes in by one interface, may be for the host or leave by another interface, and failsafe ports, anti-spoofing,
// connection tracking and the rules about workloads and their host surround the policies. Path puts that walk together,
// straight from the policy model's text and with no help from the compiler or a backend, and so says where a packet of
// the lab must arrive. Wire turns the generator's probes into packets that the lab can send.
//
// The tests send them: random programs (differential_test.go), one readable test for each row of the policy model
// (rows_*_test.go), and every case that once failed (testdata/cases).
package kernel
