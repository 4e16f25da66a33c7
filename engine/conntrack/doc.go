// Package conntrack ends open connections that a changed policy no longer allows.
//
// Policy is asked about the first packet of a connection; the rest passes because the connection is open. So after a
// change of policy, connections stay open that could not be opened any more. A Revalidator looks for them: it reads the
// kernel's connection table, works out which endpoints of this node each connection passes, and judges it as if it began
// now. One that the old program allowed and the new one denies gets a bit in its connection mark (ir.Options.CutMark), and
// the program in force denies packets of marked connections, in both directions. When a later policy allows the connection
// again, the mark is taken back.
//
// Deleting the connection from the table, the common way, is not enough: the next packet of either end would begin a new
// one there (nf_conntrack_tcp_loose), and where policy lets the server's end begin connections, its packet would open the
// old one again.
//
// What is never cut: connections through failsafe ports, whichever end sent first as far as the kernel knows; those that
// Config.Keep names; and those of which the table does not tell enough, which are multicast, link-local addresses, and
// addresses without a route. The interface of an address is the one its route leads to. A connection that another one has
// announced (RELATED) shares the fate of that one.
//
// The connection table is read in pieces and judged on the fly: memory is needed for what is cut, not for what is open.
//
//	programs ──► change (which interfaces' policy is another) ─┐
//	kernel ──► flow ──► where (interfaces by route) ───────────┴─► judge (old, new) ──► mark
//
// A Revalidator has no state; it may be used from any goroutine, and acts in the network namespace of the calling thread.
package conntrack
