// Package classify answers, for a packet's five-tuple, which rule of a first-match list matches first, in a time that
// hardly depends on how many rules there are.
//
//	[]Rule ──Build──► *Classifier ──Lookup(keys, out)──► values of rules
//	                      │ Insert, Delete: a new *Classifier that shares the trees
//	                      └ Rebuild: a new *Classifier without the pending changes
//
// Rules are boxes: a range in each of source, destination, ports and protocol. They are divided by which addresses they
// leave wide open (plant.go), and each part becomes one decision tree: a node takes up to two bit fields of the packet
// and jumps to a child, a leaf is a handful of rules compared one by one (tree.go, grow.go, cut.go; after HyperCuts and
// EffiCuts). IPv6 addresses are first mapped to their rank among the borders of all prefixes (ranks.go), so one kind of
// tree serves both families.
//
// Packets go through the trees side by side, each step for all of them and without branches (batch.go): ask for many at
// once. Lookup does not allocate.
//
// A Classifier is immutable: share it between goroutines, swap it atomically. Its tables are flat arrays of integers
// with offsets instead of pointers; the garbage collector never scans them. Their size and the time to build them are
// bounded by the number of rules, whatever the rules are. Inserted rules pile up in an overlay (overlay.go), in which a
// bitmap finds the few that a packet may match (sieve.go); when Pending grows, Rebuild in the background and swap.
//
// The package does not know policies: flattening them to a list is engine/ir/flat's work.
package classify
