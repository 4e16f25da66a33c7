// Package lower turns a compiled program (engine/ir) into an nftables table (nft/ruleset).
//
// # Stages
//
// Each place where policy acts is a base chain of its own:
//
//	raw-prerouting       -300  workloads' source addresses; untracked ingress policy
//	mangle-prerouting    -150  preDNAT policy
//	input                   0  from a workload: its egress policy; at a host endpoint: normal ingress policy
//	input-to-host           1  from a workload: the endpoint-to-host option
//	forward-from            0  by the interface a packet came from: workload egress, applyOnForward ingress
//	forward-to              1  by the interface it leaves by: workload ingress, applyOnForward egress
//	raw-output           -300  untracked egress policy
//	output                  0  normal egress policy of host endpoints
//	mangle-postrouting   -150  the same for connections whose destination was rewritten: the interface that output sees
//	                           is the one of the old destination
//
// An accept ends one base chain and the packet goes on to the next; a drop is final. So "allow" is accept and "deny" is
// drop everywhere, and all stages must allow. Stages that would do nothing are left out. Only an allow of an untracked or
// preDNAT policy has to reach into later stages: it sets one bit of the packet mark (Options.Mark), which input,
// forward-from and output accept. The bit is cleared where packets enter the host.
//
// A stage accepts established and related packets first, then looks the interface up in one verdict map, whose elements
// go to the chain of the endpoint's group; up to three interfaces are compared one by one, which is faster. Endpoints with
// equal policies share that chain. Workloads about which a stage has nothing to say but what it says of all of them are not
// in its map: a set that all stages share has the interfaces of workloads. Where many workloads have short lists of their own,
// the stages of forwarded packets first look up what these say of single ports, for all of them together (services). An interface with the name of a workload's but
// without an endpoint is denied; any other interface without an endpoint is left alone.
//
// # Built-in rules
//
// Around policy, each with a counter of its own: packets of connections that the program's owner has marked as cut are
// denied (ir.Options.CutMark); packets conntrack calls invalid are dropped, except UDP-Lite, whose
// checksums Linux verifies with the wrong protocol in the pseudo header and so calls every packet invalid (policy
// decides on each); failsafe ports are accepted at host endpoints, and what the host sends in TCP sessions to them that are
// older than the table; IPv6 neighbour discovery with hop limit 255 (RFC 4861)
// and multicast listener messages with hop limit 1 (RFC 2710, 3810) are accepted to and from host endpoints, because
// without them the link is dead whatever policy says; a workload may send these to its host too, as in Calico.
//
// # Groups
//
// How a group's policies become chains, sets and maps is a GroupFunc. Walk is the plain one.
package lower
