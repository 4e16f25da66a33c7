// Package flat turns the compiled program's groups into first-match lists: what a classifier or a packet filter wants.
//
//	Group{tiers, policies, Pass, profiles, default of the layer} ──► List{entries, end}
//
// A List is searched from the top; the first entry that matches and has a verdict decides, and End decides when none
// does. Staged policies are gone. Pass has become structure: where it means "go on below" nothing is left of it but an
// entry that counts, and where it skips rules it is a verdict Goto another list, which holds everything from the next
// tier on. Lists are shared between groups and between the Gotos of one group, so they form a graph without circles,
// and the size of it all is at most that of the groups.
//
// Rules with an HTTP clause stay in their place, marked: without a layer 7 proxy they match nothing.
//
// Lists are immutable. The verdicts are those of engine/eval, which is the reference; a test compares the two.
package flat
