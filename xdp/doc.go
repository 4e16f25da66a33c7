// Package xdp drops early, in front of the network stack, what nftables would drop anyway.
//
//	NIC ─► XDP program (xdp/bpf) ─► stack ─► nftables ─► socket
//	            │ no verdict yet        ▲
//	            ▼                       │ private veth, tcx redirect to the NIC's ingress
//	        AF_XDP ring (xdp/xsk) ─► worker ─► match tables (xdp/table, xdp/classify)
//	                                    └► denied, and no known connection: counted, dropped, cached when it repeats
//
// nftables is complete without it and stays the authority. Backend takes compiled programs as package nft does; for each
// interface that it is configured for it finds the host endpoint, and applies the denials of the layers that are sure to
// be reached with the packet as it is on the wire: untracked policy always; preDNAT and normal policy for TCP and UDP
// packets of no known connection; normal policy only for packets to the host's own addresses, and not while anything could
// rewrite destinations, or answers are to be sent. What else there is on the host is looked at again and again.
//
// When the daemon ends, however it ends, the kernel detaches the program. When a ring is full, packets go to nftables.
package xdp
