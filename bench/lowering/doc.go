// Command lowering measures what the lowering of policy to nftables (nft/blocks) costs a packet: the forwarding rate
// through a host endpoint's policy of N generated rules, or of a ClassBench filter set, against ten rules of the same
// kind; and through policies that select a thousand endpoints by label, against one policy. It needs root, builds network
// namespaces of its own and needs nothing else.
//
//	go run ./bench/lowering -rules 10,1000,10000,100000
//	go run ./bench/lowering -rules 10,1000,10000 -linear                 # and one rule after the other
//	go run ./bench/lowering -rules 1000 -scripts a.nft,b.nft               # and what -dry -text has printed, changed by hand
//	go run ./bench/lowering -data DIR -sets all
//	go run ./bench/lowering -data DIR -sets fw1_10k -dry                 # lower only, and say what became of the rules
//	go run ./bench/lowering -labels 1,1000 -flows 1000
//	go run ./bench/lowering -rules 10000 -costs "Byte=5e-6;Byte=50e-6"   # compare cost models
//
// Every program has a path of its own (generator ══ router ══ sink), and the paths are measured in turns, a few
// milliseconds each, so that what disturbs the machine disturbs all of them. Trust the ratios, and those of the best of
// all turns most: somebody else may have had the core in the others.
//
// The packets are those of flows that nobody answers, so each of them asks the policy. They are drawn from the boxes of
// all rules alike, and those that the list allows are kept: every packet should be forwarded, whatever the load, so that the
// loads differ in nothing but the policy. The share that came through is printed; where it is not 1.00, do not compare. With 64 flows, other ones in each turn, the memory that connection tracking
// needs for a flow is in the cache, as it is when a flow sends packets one after the other; what the policy needs is only
// as far as 64 flows share it. That is the figure to go by. With 8192 flows in turn nothing that belongs to one flow is
// in the cache any more when its next packet comes, of the connection table nor of the policy.
package main
