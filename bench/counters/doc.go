// Command counters measures what counting costs a packet: the same policies, lowered with the counters of their rules and
// without, in turns, through a path each (bench/rig). It needs root, builds network namespaces of its own and needs
// nothing else.
//
//	go run ./bench/counters -rules 10,100,1000,10000
//
// Every variant is loaded several times, since where the kernel's memory happens to lie makes some per cent; the ratio is that
// of the means of all. The ratio of half the copies of a variant to the other half says how far to trust it.
package main
