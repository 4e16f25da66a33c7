// Package bpf is the kernel's side of the fast path: an XDP program in front of an interface, its maps, and a tcx program
// that gives packets back to the stack.
//
//	frame ─► parse ─► failsafe port? ─► cached verdict? ─────────────────────► room in the queue's socket? ─► socket
//	           │           │             │ allow   │ deny                            │
//	           │           │             │   known to conntrack? ─no─► drop          │
//	           └───────────┴──── stack ──┴─────────┘ yes                           stack
//
// A cached denial by untracked policy drops at once: it does not look at connections. About the others conntrack is asked,
// but not about every packet: Notes tell when it may have learned something about a flow, and each CPU keeps its recent
// denials where one look finds them. Who judges packets from the socket has to ask conntrack as well, before a denial: Inquiry
// does so for many at once.
//
// Fragments, IP options, tunnels, ICMP other than echo requests, VLAN tags, multicast, packets not for the interface's own
// hardware address, unknown protocols and damaged headers are always the stack's, that is nftables'. Every verdict in the
// cache carries the generation of the program it comes from; raising the generation voids all others at once.
//
// One FastPath serves one interface. It is attached by a bpf_link, which the kernel removes with the process: a crash
// leaves an ordinary interface. A program of somebody else on the interface is reported, never replaced.
//
// The object code is generated from fastpath.c by bpf2go and committed; go generate needs clang, building does not. The
// package needs Linux 5.18 (BTF, multi-buffer XDP), and uses the conntrack look-up of XDP programs (Linux 5.19) and netfilter
// programs (Linux 6.4) where the kernel has them.
package bpf
