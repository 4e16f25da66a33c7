// Command lowering measures what the lowering of policy to nftables (nft/blocks) costs a packet: the forwarding rate
// through a host endpoint's policy of N generated rules, or of a ClassBench filter set, against ten rules of the same
// kind. It needs root, builds network namespaces of its own and needs nothing else.
//
//	go run ./bench/lowering -rules 10,1000,10000,100000
//	go run ./bench/lowering -data DIR -sets all
//	go run ./bench/lowering -data DIR -sets fw1_10k -dry            # lower only, and say what became of the rules
//	go run ./bench/lowering -rules 10000 -costs "Byte=5e-6;Byte=50e-6"   # compare cost models
//
// Every program has a path of its own (generator ══ router ══ sink), and the paths are measured in turns, a few
// milliseconds each, so that what disturbs the machine disturbs all of them. Trust the ratios.
package main
