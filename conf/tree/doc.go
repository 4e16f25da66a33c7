// Package tree is what every configuration format is parsed to before it is decoded: a tree of nodes that keep their
// place in the file.
//
//	HCL  ─ conf/hcl  ─┐
//	YAML ─ conf/yaml ─┼─► *tree.Node ── conf/schema ──► model types, daemon configuration
//	JSON ─ conf/json ─┘
//
// A node knows nothing of the fields it may hold; conf/schema does. Nodes are built by one parser, may be shared within
// a tree (YAML aliases) but never form a cycle, and are read by one decoder; they are not for concurrent writers.
package tree
