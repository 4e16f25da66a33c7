// Package filter makes the rule lists that the benchmarks load into every firewall, and the packets that test them.
//
// A Set is one list in two forms: plain rules (Rules and Default, the first that matches wins), from which the scripts
// of other firewalls are written, and resources of the policy model (Resources), which mean the same. Generators make
// them from a seed:
//
//	ACL        permit and deny rules with nested prefixes, port classes and protocols, as routers and firewalls have them
//	Labels     endpoints with labels, and policies whose rules select peers by label
//	Blocklist  prefixes that may not send; everybody else may
//
// ClassBench filter files become sets through FromFilters. Flows draws packets with a wanted place in the list (the
// first rule, the last, none, …), and says for each what the list decides. It decides by scanning the list: no index, no
// code of any firewall is involved.
//
// Everything is a pure function of its arguments: the same seed gives the same set and the same packets everywhere. A
// Set is immutable.
package filter
