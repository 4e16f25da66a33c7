// Package sut puts the systems under test in force: this firewall, others, and what bounds them all. Each is loaded with
// the same rules (bench/filter), for packets that a router forwards from one interface, with connection tracking where
// the system decides on packets.
//
//	nothing       a router without rules: the baseline of every ratio
//	stateful      connection tracking and one rule that looks at it: the floor of every stateful firewall
//	nft-linear    nftables, a rule for each rule
//	iptables      iptables, a rule for each rule
//	ipset         iptables with sets wherever rules differ only in what a set can hold
//	nft-sets      nftables with sets, as an expert would write it by hand
//	felix-like    a chain per policy, a rule per rule, a set per selector: the layout of Calico's Felix
//	rampart       this firewall's nftables backend
//	rampart-daemon the same through the daemon and a policy file
//	rampart-xdp   this firewall's fast path
//	xdp-drop      an XDP program that drops everything: nothing on this path can be faster
//	xdp-redirect  an XDP program that forwards everything without looking
//
// The expert's and ipset's scripts need rules with one action next to each other. Layers (levels.go) finds an order that
// means the same, with as few changes of action as possible.
package sut
